"""What treasurers get of money that moved, and when: at once, after the quiet hours, or kept for a digest.

The table in docs/sms.md, "What treasurers are told", is decided here and nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from gateway.kernel.money import Money
from gateway.network.organisations import Tree
from gateway.payments.push.limits import largest_alone
from gateway.payments.readers import Reader
from gateway.sms.held import Held, ask_held, ask_later
from gateway.sms.outgoing import Outgoing, ask_messages
from gateway.sms.quiet import quiet_for
from gateway.store.together import Ask, together
from gateway.store.unit import Unit

# ``push``, ``reference``, ``cash``: a payment by that way. ``back``: an operator or a colleague took a payment back.
# ``given``: people gave money back. ``suspense``: money came, and somebody must say whose it is.
Kind = Literal["push", "reference", "cash", "back", "given", "suspense"]
WAYS: tuple[Kind, ...] = ("push", "reference", "cash")


@dataclass(frozen=True)
class Word:
    """One SMS to a treasurer about money that moved: its kind and amount say when it is told."""

    reader: Reader
    kind: Kind
    amount: Money
    message: Outgoing


@dataclass(frozen=True)
class _When:
    """``after`` is None for what isn't told by itself; ``counted``: a digest adds it up."""

    after: timedelta | None
    counted: bool


def _when(word: Word, quiet: timedelta) -> _When:
    digests = word.reader.told is not None
    match word.kind:
        case "suspense":  # it counts for nobody until somebody acts, and by night nobody does
            return _When(quiet, False)
        case "back" | "given":  # rare, and perhaps a fraud: nobody minds being woken
            return _When(timedelta(0), digests)
        case _ if digests:
            at_once = not quiet and word.amount > largest_alone(word.amount.currency)
            return _When(timedelta(0) if at_once else None, True)
        case _:
            return _When(None, True) if quiet else _When(timedelta(0), False)


def payment(reader: Reader, way: str, amount: Money, message: Outgoing) -> Word:
    """The confirmation of a payment by a way; a word that no digest knows is a reference."""
    kind: Kind = next((each for each in WAYS if each == way), "reference")
    return Word(reader, kind, amount, message)


def ask_told(unit: Unit, tree: Tree, others: Iterable[Outgoing], words: Iterable[Word]) -> list[Ask]:
    """Messages to whoever reads them at once, and words to treasurers, for :func:`~gateway.store.together.together`."""
    now, later, held = list(others), defaultdict[timedelta, list[Outgoing]](list), list[Held]()
    for word in words:
        reader = word.reader
        assert reader.staff_id is not None, "a treasurer is one of the staff"
        assert reader.office_id is not None, "a treasurer has an office"
        when = _when(word, quiet_for(unit.now, tree[reader.office_id]))
        if when.after is not None:
            (later[when.after] if when.after else now).append(word.message)
        if when.counted:
            said = when.after is not None
            # What is said by itself has a row of its own; the one that is held stands beside it.
            its = replace(word.message, key=f"{word.message.key}:d") if said else word.message
            held.append(Held(its, reader.staff_id, word.kind, word.amount, said))
    asks: list[Ask] = [*ask_messages(unit, "receipts", *now)] if now else []
    for after, messages in later.items():
        asks += ask_later(unit, "receipts", after, messages)
    return [*asks, ask_held(unit, held)] if held else asks


def queue_told(unit: Unit, tree: Tree, others: Iterable[Outgoing], words: Sequence[Word]) -> None:
    """Write them in the caller's transaction."""
    asks = ask_told(unit, tree, others, words)
    if asks:
        together(unit.connection, *asks)
