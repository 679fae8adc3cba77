"""A wish to pay becomes one collection and the work of asking for it, unless it is being asked or is beyond a limit."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from sqlalchemy import ColumnElement, Connection, exists, or_, select

from gateway.kernel.money import Money
from gateway.membership.households import lock_household
from gateway.network.organisations import Organisation
from gateway.payments.collections import Collection, create
from gateway.payments.push.daily import BY_FAMILY, BY_OTHER, Limited, Wish, limit_of
from gateway.payments.push.patience import FIRST_LOOK
from gateway.payments.states import UNDECIDED
from gateway.store.outbox import Ask, put
from gateway.store.schema import collection, phone
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

# While a prompt may still be open on the payer's phone, the same household isn't asked again.
PROMPT_OPEN = timedelta(minutes=15)
OFFICE = "office"  # whose wish a payment is where no phone asked for it


class Asked(Enum):
    """What became of a wish to pay that is within the limits."""

    NOW = "now"
    IN_PROGRESS = "in-progress"


def ask_for_payment(
    unit: Unit,
    *,
    effect_key: str,
    books: Organisation,
    household_id: int,
    provider: str,
    payer: str,
    amount: Money,
    after: timedelta,
    environment: str | None = None,
    asked_by: str | None = None,
) -> Asked | Limited:
    """Write a push collection and the work of asking for it, unless one for this household is still open.

    Our key for the operator is made and stored here, before anything is sent. ``asked_by`` is whose wish it is (E.164,
    or :data:`OFFICE`), by default the payer's. :class:`Limited` when it goes beyond a limit.
    """
    # Two wishes about one wallet wait for each other here, whatever the household.
    take_turn(unit, f"payer {payer}")
    # Two phones that pay for one household at the same moment wait for each other here. What a stranger has asked of
    # their own wallet keeps nobody else from paying.
    household_id = lock_household(unit, household_id)
    own_phones = select(phone.c.msisdn).where(phone.c.household_id == household_id)
    by_them = or_(collection.c.payer == payer, collection.c.payer.in_(own_phones))
    if is_prompt_open(unit, (collection.c.household_id == household_id) & by_them):
        return Asked.IN_PROGRESS
    asked = _asked_by(unit.connection, household_id, payer, asked_by)
    wish = Wish(books, household_id, provider, environment, payer, amount, asked)
    return ask_within_limits(unit, wish, effect_key, after)


def is_prompt_open(unit: Unit, which: ColumnElement[bool]) -> bool:
    """Whether for one of these collections a prompt may still stand on a phone."""
    lately = collection.c.created_at > unit.now - PROMPT_OPEN
    undecided = collection.c.state.in_([state.value for state in UNDECIDED])
    return unit.connection.scalar(select(collection.c.id).where(which, undecided, lately).limit(1)) is not None


def ask_within_limits(
    unit: Unit, wish: Wish, effect_key: str, after: timedelta, group_id: int | None = None
) -> Asked | Limited:
    """Write a push collection, of a household or a group, and the work of asking for it; nothing beyond a limit.

    The caller holds the payer's turn and has locked the household or the group.
    """
    if (limited := limit_of(unit.connection, wish, unit.now)) is not None:
        return limited
    one = create(
        unit,
        effect_key=effect_key,
        books=wish.books,
        household_id=wish.household_id,
        group_id=group_id,
        way="push",
        provider=wish.provider,
        payer=wish.payer,
        amount=wish.amount,
        environment=wish.environment,
        asked=wish.asked,
    )
    put_ask(unit, one, after)
    return Asked.NOW


def _asked_by(connection: Connection, household_id: int, payer: str, asked_by: str | None) -> str | None:
    """Whose wish it is, without a number: the payer's own (None), one of the household's main phones', another's."""
    if asked_by in (None, payer):
        return None
    own = (phone.c.household_id == household_id) & (phone.c.msisdn == asked_by) & phone.c.main
    return BY_FAMILY if connection.scalar(select(exists().where(own))) else BY_OTHER


def put_ask(unit: Unit, one: Collection, after: timedelta) -> None:
    """The work of asking for a push collection and of looking for what became of it, a while from now."""
    put(
        unit,
        Ask("money", "collection.ask", one.key, f"ask:{one.key}", after, first=True),
        Ask("money", "collection.look", one.key, f"look:{one.key}", after + FIRST_LOOK),
    )
