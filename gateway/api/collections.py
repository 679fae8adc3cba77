"""Collections: what was asked of wallets and what came in, and a payment asked for by another system."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy import select

from gateway.api.call import Call
from gateway.api.doors import Area, Made
from gateway.api.paging import Listed, Paged, Turn
from gateway.api.problems import Problem
from gateway.api.reading import invalid
from gateway.api.registering import PhoneTaken
from gateway.api.shapes import LARGEST_ID, Amount, Day, Given, Id, Taken, amount
from gateway.api.subjects import OwnCollection
from gateway.kernel.money import EXPONENT, Money
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.locale import mark
from gateway.membership.households import Household, by_id, main_phones, standing
from gateway.network.api_keys import Scope
from gateway.payments.collections import Collection, read_collection
from gateway.payments.listing import STANDINGS, Only, listed, listed_by_id
from gateway.payments.push.daily import LIMITED, Limited
from gateway.payments.push.limits import largest_payment
from gateway.payments.push.wishes import OFFICE, Asked, ask_for_payment
from gateway.payments.receipts import show_receipt
from gateway.payments.states import State
from gateway.store.schema import collection as collections
from gateway.store.schema import household
from gateway.store.unit import Unit
from gateway.ussd.screens.pay import least_payment

API = Area("collections", "What households are asked to pay, and what they paid.")

Stands = Literal["waiting", "paid", "nothing", "back"]
Way = Literal["push", "reference", "cash"]
StateGiven = Literal["created", "sending", "pending", "unclear", "paid", "refused", "expired", "reversed"]


class CollectionListed(Given):
    """A collection on a list. `amount`: what came, or what was asked for while nothing has; `standing`: its state in
    one of four words (on its way, paid, come to nothing, gone back); `whose`: the household's head, or the group."""

    id: int
    created_at: datetime
    state: StateGiven
    standing: Stands
    reason: str | None
    way: Way
    amount: Amount
    receipt: str | None
    household: int | None
    card: str | None
    whose: str


class Which(Paged):
    """Which collections are listed."""

    standing: Annotated[Stands | None, Field(description="Only those that stand so.")] = None
    way: Annotated[Way | None, Field(description="Only those that came this way.")] = None
    day: Annotated[Day | None, Field(description="Only those made on this day of the key's own place.")] = None
    household: Annotated[Id | None, Field(description="Only those of a household, by its id.")] = None


@API.list("/collections", Scope.COLLECTIONS_READ, of=CollectionListed, asks=Which)
def list_collections(call: Call, which: Which, turn: Turn) -> Listed:
    """The collections of a part of the network, the newest first."""
    only = Only(which.standing, which.way, which.day, which.household)
    after = int(turn.after) if turn.after is not None else None
    with call.store.read() as connection:
        found = listed(connection, call.tree, call.root, only, after, turn.limit)
    call.shows(*(one.household_id for one in found.rows if one.household_id is not None))
    items = [
        CollectionListed(
            id=one.id,
            created_at=one.made_at,
            state=one.state.value,
            standing=_standing(one.state),
            reason=one.reason,
            way=_way(one.way),
            amount=amount(one.amount),
            receipt=one.receipt or None,
            household=one.household_id,
            card=one.card or None,
            whose=one.whose,
        )
        for one in found.rows
    ]
    return Listed(items, found.after)


def _standing(state: State) -> Stands:
    return next(name for name, states in STANDINGS.items() if state in states)


def _way(stored: str) -> Way:
    match stored:
        case "push" | "reference":
            return stored
        case _:
            return "cash"


# --- one of them ------------------------------------------------------------------------------------------------------


class CollectionGiven(Given):
    """A collection. `state` is what the operator said last; `paid` is what came, and is null while nothing has.

    `payer`: the phone that was asked; the whole number with the scope `phones:read`, else masked."""

    id: int
    created_at: datetime
    state: StateGiven
    standing: Stands
    reason: str | None
    way: Way
    provider: str | None
    payer: str | None
    amount: Amount
    paid: Amount | None
    paid_at: datetime | None
    receipt: str | None
    household: int | None
    card: str | None


@API.get("/collections/{collection}", Scope.COLLECTIONS_READ, answers=CollectionGiven)
def collection(call: Call, own: OwnCollection) -> CollectionGiven:
    """One collection: what was asked for, and what became of it."""
    with call.store.read() as connection:
        (row,) = listed_by_id(connection, [own.collection.id])
    return _shown(call, own.collection, row.card)


def _shown(call: Call, one: Collection, card: str) -> CollectionGiven:
    if one.household_id is not None:
        call.shows(one.household_id)
    return CollectionGiven(
        id=one.id,
        created_at=one.created_at,
        state=one.state.value,
        standing=_standing(one.state),
        reason=one.reason,
        way=_way(one.way),
        provider=one.provider if one.way == "push" else None,
        payer=call.phone(one.payer) if one.payer else None,
        amount=amount(one.amount),
        paid=amount(one.paid) if one.paid is not None else None,
        paid_at=one.paid_at,
        receipt=show_receipt(one.id, one.receipt_code) if one.paid is not None else None,
        household=one.household_id,
        card=card or None,
    )


# --- asking -----------------------------------------------------------------------------------------------------------


class CollectionTaken(Taken):
    """A payment to be asked for. `phone`: whose wallet; else the household's own main phone."""

    household: Annotated[int, Field(ge=1, le=LARGEST_ID)]
    amount: Amount
    phone: PhoneTaken | None = None


@API.post(
    "/collections", Scope.COLLECTIONS_WRITE, takes=CollectionTaken, answers=CollectionGiven, once=True,
    also=("conflict",),
)  # fmt: skip
def ask(call: Call, unit: Unit, sent: CollectionTaken) -> Made:
    """Ask a wallet for a payment: its holder types their PIN.

    Nothing is paid yet when this is answered: read the collection again until its `standing` is no longer `waiting`.
    """
    family = _family(call, unit, sent.household)
    wanted = _amount(call, unit, family, sent.amount)
    books = call.tree.books_of(family.section_id)
    payer = _payer(call, unit, family, sent.phone, books.country)
    route = call.parts.services.route(payer, books.country)
    if route is None or route.provider is None:
        raise Problem("refused", mark("This phone can't be asked: its operator isn't connected."))
    if route.down:
        raise Problem("refused", mark("{operator} doesn't answer now. Try again later."), operator=route.operator)
    key = call.effect_key("collection")
    asked = ask_for_payment(
        unit, effect_key=key, books=books, household_id=family.id, provider=route.provider, payer=payer, amount=wanted,
        after=call.parts.services.push_delay, environment=route.environment or None, asked_by=OFFICE,
    )  # fmt: skip
    if isinstance(asked, Limited):
        raise Problem("refused", LIMITED[asked.what], amount=asked.amount)
    if asked is Asked.IN_PROGRESS:
        raise Problem("conflict", mark("This household is being asked already: wait for the answer."))
    _is_still_there(unit, family)
    made = select(collections).where(collections.c.effect_key == key)
    one = read_collection(unit.connection.execute(made).one())
    about = f"collection:{one.id}"
    call.trace(unit, "collection.asked", about=about, place=family.section_id, after={"amount": wanted})
    return Made(_shown(call, one, family.card), f"/collections/{one.id}")


def _family(call: Call, unit: Unit, household_id: int) -> Household:
    own = select(household.c.section_id, household.c.merged_into_id).where(household.c.id == household_id)
    row = unit.connection.execute(own).first()
    if row is None or row.merged_into_id is not None or not call.sees(row.section_id):
        raise invalid(call.say, "/household", mark("There is no such household."))
    return by_id(unit.connection, call.tree, household_id)


def _is_still_there(unit: Unit, family: Household) -> None:
    """Raises :class:`Problem` where a household that is locked by now has moved, or was merged, since it was read."""
    own = select(household.c.section_id, household.c.merged_into_id).where(household.c.id == family.id)
    row = unit.connection.execute(own).one()
    if row.merged_into_id is not None or row.section_id != family.section_id:
        raise Problem("conflict")


def _amount(call: Call, unit: Unit, family: Household, sent: Amount) -> Money:
    stands = standing(unit.connection, family, call.today(family.section_id))
    least, most = least_payment(stands), largest_payment(family.currency)
    if sent.currency not in EXPONENT or sent.currency != family.currency:
        raise invalid(
            call.say, "/amount/currency", mark("This household pays in {currency}."), currency=family.currency
        )
    if sent.amount_minor < max(least.minor, 1):
        raise invalid(call.say, "/amount/amount_minor", mark("At least {least}."), least=least)
    if sent.amount_minor > most.minor:
        raise invalid(call.say, "/amount/amount_minor", mark("At most {most} at a time."), most=most)
    return Money(sent.amount_minor, sent.currency)


def _payer(call: Call, unit: Unit, family: Household, typed: str | None, country: str) -> str:
    if typed is not None:
        try:
            return read_msisdn(typed, country)
        except BadMsisdn:
            raise invalid(call.say, "/phone", mark("This is not a mobile number of this country.")) from None
    phones = main_phones(unit.connection, family.id)
    if not phones:
        raise invalid(call.say, "/phone", mark("This household has no phone: name one."))
    return phones[0]
