"""How soon an operator is asked again what became of an order: often at first, more and more patiently, then daily."""

from __future__ import annotations

import random
from datetime import timedelta

from gateway.payments.providers.base import FindAnswer, Unclear

# After an order, its first look; after a call that got no answer, the look for what the operator knows of it.
FIRST_LOOK = timedelta(seconds=10)
LOOK_FOR_LOST_AFTER = timedelta(seconds=2)
LOOK_AFTER_REFUSAL = (timedelta(hours=1), timedelta(days=1))
# How long to wait before the next look, by the order's age.
LOOK_AFTER = (
    (timedelta(minutes=1), timedelta(seconds=10)),
    (timedelta(minutes=5), timedelta(seconds=30)),
    (timedelta(minutes=20), timedelta(minutes=1)),
    (timedelta(hours=2), timedelta(minutes=5)),
    (timedelta(hours=6), timedelta(hours=1)),
    (timedelta(days=1), timedelta(hours=6)),
    (timedelta(days=4), timedelta(days=1)),
)
LOOKED_FOR = LOOK_AFTER[-1][0]
AT_LAST = timedelta(days=1)


def look_after_refusal(since: timedelta) -> timedelta | None:
    """A refusal is looked at twice more, an hour and a day later: its one notice of a change may get lost."""
    return next((later - since for later in LOOK_AFTER_REFUSAL if later > since), None)


def next_look(age: timedelta) -> timedelta | None:
    """How long until the next look at an undecided order of this age, with jitter; None when it is enough."""
    for up_to, wait in LOOK_AFTER:
        if age < up_to:
            return wait * random.uniform(0.9, 1.2)
    return None


def look_again(answer: FindAnswer, age: timedelta) -> timedelta:
    """The same, as long as the operator itself asks for where it does, and each day in the end: it is never enough."""
    told_s = answer.safe_to_ask_again_after_s if isinstance(answer, Unclear) else None
    return timedelta(seconds=told_s) if told_s else next_look(age) or AT_LAST
