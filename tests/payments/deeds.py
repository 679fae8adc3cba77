"""What people and operators do in a village, where several tests want it: money that comes, groups, cash, cases."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.kernel.money import Money
from gateway.membership.people import Person
from gateway.network.staff import Member
from gateway.payments.cash import held
from gateway.payments.collections import newest
from gateway.payments.decisions.cases import Case, open_cases
from gateway.payments.payers.groups import Listed, add_group, ask_group
from gateway.payments.payers.shares import Group, Rule
from gateway.payments.push.daily import Limited
from gateway.payments.push.wishes import Asked
from gateway.payments.unasked.incoming import Known, Posted, Seen, Suspense
from gateway.payments.unasked.taken_back import LeftToPerson, TakenBack, take_back
from tests.payments.village import PAYER, Village, francs

STRANGER = "+2290100000199"
PAYS = "+2290100000300"  # a group's phone
YESTERDAY = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
_numbers = itertools.count(1)

# Money without our asking


def told(office: Village, amount: int = 2_000, reference: str | None = None, **changes: Any) -> Seen:
    """What an SMS or a statement tells of money from MTN, under a number of its own."""
    usual: dict[str, Any] = {
        "operator": "MTN MoMo",
        "operator_id": f"7{next(_numbers):09d}",
        "organisation_id": office.place.books.id,
        "payer": PAYER,
        "paid_at": YESTERDAY,
    }
    return Seen(amount=francs(amount), reference=reference, **{**usual, **changes})


def came(
    office: Village, amount: int = 2_000, reference: str | None = None, **changes: Any
) -> Posted | Suspense | Known:
    """It is told of, from the family's phone unless said."""
    return office.see(told(office, amount, reference, **changes))


def on_suspense(office: Village, amount: int = 2_000, payer: str = STRANGER, **changes: Any) -> int:
    """Nobody can tell whose it is, from a stranger's phone unless said; its id."""
    done = came(office, amount, payer=payer, **changes)
    assert isinstance(done, Suspense)
    return done.incoming_id


def taken_back(
    office: Village, number: str, amount: Money | None = None, its_id: str | None = "R1", operator: str = "MTN MoMo"
) -> TakenBack | LeftToPerson:
    """The operator's statement says that it took a transaction back: an amount of it, or all."""
    with office.store.write() as unit:
        return take_back(
            unit, office.network.tree(), operator=operator, operator_id=number, amount=amount, reversal_id=its_id,
            organisation_id=office.place.books.id, said="a statement",
        )  # fmt: skip


# Groups


def three_families(office: Village) -> list[int]:
    """Three families by card, who owe 3 900, 2 100 and 2 700 now."""
    ids = [office.register().household_id]
    for count, number in ((1, 1), (2, 2)):
        people = [Person(f"Sabi Orou {number}", "M", 1980, "head")]
        people += [Person("Bake Orou", "F", 1985, "spouse")] * (count - 1)
        ids.append(office.register(f"+229010000031{number}", people).household_id)
    return sorted(ids, key=lambda its_id: office.family(its_id).card)


def group_of(
    office: Village,
    homes: Sequence[int],
    rule: Rule = "due",
    amounts: Sequence[str] = (),
    msisdn: str | None = PAYS,
) -> Group:
    """The cooperative that pays for these families, each with its own amount where the rule wants one."""
    own = amounts or (None,) * len(homes)
    cards = [office.family(home).card for home in homes]
    rows = [Listed(row, card, its) for row, (card, its) in enumerate(zip(cards, own, strict=True), 1)]
    with office.store.write() as unit:
        tree = office.network.tree()
        return add_group(unit, tree, office.place.books.id, "coop", "Coopérative Alafia", rule, msisdn, rows)


def ask(office: Village, group: Group, amount: int) -> Asked | Limited:
    """The office asks the group's phone."""
    with office.store.write() as unit:
        return ask_group(
            unit, office.network.tree(), group, francs(amount), provider="mtn_momo", environment=None,
            effect_key=f"ask-{next(_numbers)}", after=timedelta(0),
        )  # fmt: skip


def asked(office: Village, group: Group, amount: int) -> str:
    """The same, where nothing stands in the way; our key of the collection."""
    assert ask(office, group, amount) is Asked.NOW
    return newest_key(office)


# Looking


def newest_key(office: Village) -> str:
    with office.store.read() as connection:
        return newest(connection, 1)[0].key


def in_hand(office: Village, who: Member) -> list[Money]:
    """The cash that an animator holds."""
    with office.store.read() as connection:
        return held(connection, who.id)


def cases_of(office: Village, under: str = "/") -> list[Case]:
    with office.store.read() as connection:
        return open_cases(connection, under)


def kinds(office: Village) -> list[str]:
    """The kinds of the open cases."""
    return [one.kind for one in cases_of(office)]
