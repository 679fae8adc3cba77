"""Made-up households: how many live in each, who they are, and how they pay; the same seed always gives the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from random import Random

from gateway.membership.people import Person
from gateway.samples.names import Names, pick

LARGEST = 14  # beneficiaries of one household
_SPREAD = 1.9
_SHARES = (70, 55, 20, 0)  # percent, of those who don't pay everything


def sizes(random: Random, households: int, beneficiaries: int) -> list[int]:
    """How many beneficiaries each of ``households`` has, so that all together are ``beneficiaries``, exactly."""
    if not households <= beneficiaries <= households * LARGEST:
        raise ValueError(f"{beneficiaries} beneficiaries do not fit {households} households")
    mean = beneficiaries / households if households else 0
    found = [min(LARGEST, max(1, round(random.gauss(mean, _SPREAD)))) for _ in range(households)]
    missing = beneficiaries - sum(found)
    step = 1 if missing > 0 else -1
    while missing:
        one = int(random.random() * households)
        if 1 <= found[one] + step <= LARGEST:
            found[one] += step
            missing -= step
    return found


def family(random: Random, names: Names, size: int, year: int) -> list[Person]:
    """A household of ``size`` as it stands in ``year``, the head first."""
    sex = "M" if random.random() < 0.74 else "F"
    age = 22 + int(random.random() ** 1.4 * 50)
    surname = names.surname(random)
    people = [Person(f"{names.given(random, sex)} {surname}", sex, year - age, "head")]
    youngest_parent = age
    # A woman who heads a household is more often alone with it.
    if size > 1 and random.random() < (0.9 if sex == "M" else 0.35):
        other = "F" if sex == "M" else "M"
        years = max(18, age + int(random.random() * 8) - (6 if sex == "M" else 1))
        people.append(Person(f"{names.given(random, other)} {names.surname(random)}", other, year - years, "spouse"))
        youngest_parent = min(age, years)
    while len(people) < size:
        theirs = "F" if random.random() < 0.5 else "M"
        drawn = random.random()
        if drawn < 0.93:
            relation, years = "child", int(random.random() * min(21, youngest_parent - 16))
        elif drawn < 0.96 and age < 55:
            relation, years = "parent", min(95, age + 18 + int(random.random() * 14))
        else:
            relation, years = "other", int(random.random() * 60)
        theirs_too = names.shared_surname and relation == "child"
        last = surname if theirs_too else names.surname(random)
        people.append(Person(f"{names.given(random, theirs)} {last}", theirs, year - years, relation))
    return people


def payments(
    random: Random, dues: Sequence[tuple[date, int]], diligence: float, round_to: int
) -> Iterator[tuple[date, int]]:
    """How a household pays what falls due: ``diligence`` is the chance that it pays everything.

    The others stop after a part: some pay a good half, some a fifth, some nothing. Never more than is due; amounts are
    round ones, but for what is left of a due.
    """
    total = sum(amount for _, amount in dues)
    if random.random() < diligence:
        left = total
    else:
        left = total * pick(random, _SHARES) // 100 // round_to * round_to
    for due_on, amount in dues:
        now = min(left, amount)
        if now < min(amount, round_to):
            return
        left -= now
        day = due_on + timedelta(days=int(random.random() ** 2 * 25))
        half = now // 2 // round_to * round_to
        if half and random.random() < 0.15:  # in two goes, the second some days later
            yield day, half
            yield day + timedelta(days=3 + int(random.random() * 20)), now - half
        else:
            yield day, now
