"""Money in the office's tests: families, payments asked for and paid, money that nobody has identified."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select

from gateway.kernel.money import Money
from gateway.payments.collections import by_id, move
from gateway.payments.providers.base import Paid
from gateway.payments.push.wishes import Asked, ask_for_payment
from gateway.payments.settle import post_paid
from gateway.payments.states import State
from gateway.payments.unasked.incoming import Seen, Suspense, see
from gateway.store.schema import collection, household, payer_group, payer_group_member
from tests.console.office import Office, Somebody
from tests.ussd.world import FAMILY, MEMBER

STRANGER = "+2290150000777"


def family(office: Office, section: str = "Awanla", msisdn: str = MEMBER) -> tuple[str, int]:
    """A family that owes 3 300 F now and 10 200 F in all: its card and its id."""
    card = office.place.household_with(msisdn, *FAMILY, section=section)
    return card, int(office.place.ask(select(household.c.id).where(household.c.card == card))[0][0])


def asked(office: Office, household_id: int, amount: int = 3_300, payer: str = MEMBER) -> int:
    """A payment that the operator was asked for and holds; the collection's id."""
    runtime = office.place.runtime
    with office.store.write() as unit:
        tree = runtime.network.tree()
        section = unit.connection.scalar(select(household.c.section_id).where(household.c.id == household_id))
        assert section is not None
        number = unit.connection.scalar(select(func.count()).select_from(collection))
        wish = ask_for_payment(
            unit, effect_key=f"test:{number}", books=tree.books_of(section), household_id=household_id,
            provider="mtn_momo", payer=payer, amount=Money(amount, "XOF"), after=timedelta(0),
            environment="mtnbenin",
        )  # fmt: skip
        assert wish is Asked.NOW
        one = by_id(unit.connection, int(unit.connection.scalar(select(func.max(collection.c.id))) or 0))
        assert one is not None
        move(unit, one, State.SENDING)
        move(unit, replace(one, state=State.SENDING), State.PENDING, None, "PENDING")
    return one.id


def refused(office: Office, its_id: int, reason: str = "insufficient") -> None:
    """The operator refuses it."""
    with office.store.write() as unit:
        one = by_id(unit.connection, its_id)
        assert one is not None
        move(unit, one, State.REFUSED, reason, "NOT_ENOUGH_FUNDS")


def paid(office: Office, household_id: int, amount: int = 3_300, payer: str = MEMBER) -> int:
    """A payment that the operator says was paid; the collection's id."""
    its_id = asked(office, household_id, amount, payer)
    runtime = office.place.runtime
    with office.store.write() as unit:
        one = by_id(unit.connection, its_id)
        assert one is not None
        done = Paid(one.amount, f"OP{its_id:08d}", payer, "SUCCESSFUL")
        assert post_paid(unit, runtime.network.tree(), runtime.services.chart, one.key, done)
    return its_id


def on_suspense(
    office: Office, amount: int = 2_000, reference: str | None = None, payer: str = STRANGER, number: str = "MP000001",
    at: str = "Mutuelle Ouaké",
) -> int:  # fmt: skip
    """Money that came and that nobody has identified; its id."""
    runtime = office.place.runtime
    with office.store.write() as unit:
        tree = runtime.network.tree()
        seen = Seen(
            operator="mtn_momo", operator_id=number, organisation_id=tree.named(at).id, amount=Money(amount, "XOF"),
            payer=payer, reference=reference, paid_at=unit.now - timedelta(hours=2),
        )  # fmt: skip
        done = see(unit, tree, runtime.services.chart, seen)
        assert isinstance(done, Suspense), done
    return done.incoming_id


def group_of(office: Office, ids: list[int], msisdn: str = STRANGER) -> int:
    """A group whose phone pays for some households in equal parts; its id."""
    with office.store.write() as unit:
        mutuelle = office.place.runtime.network.tree().named("Mutuelle Ouaké").id
        row = unit.connection.execute(
            insert(payer_group).values(
                organisation_id=mutuelle, code="femmes", name="Femmes de Awanla", msisdn=msisdn, rule="equal"
            )
        )
        its_id = int(row.inserted_primary_key[0])  # type: ignore[index]
        for each in ids:
            unit.connection.execute(insert(payer_group_member).values(group_id=its_id, household_id=each))
    return its_id


def now(office: Office) -> datetime:
    return office.place.runtime.clock.now()


def forged(somebody: Somebody, path: str, **fields: Any) -> int:
    """Send a form that no page offers, with a true token; the status that comes."""
    own = next(one for one in somebody.get("/style").forms if one.method == "post")
    own.action = f"/console{path}"
    borne = [(one.name, one.value) for one in own.controls if one.name in ("csrf", "once")]
    return somebody.send(own, [*borne, *fields.items()]).status
