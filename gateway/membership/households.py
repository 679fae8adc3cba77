"""Households in the database: registering one, enrolling it for a year, its phones, and reading how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from gateway.kernel.card import new_card_number
from gateway.kernel.clock import day_in
from gateway.kernel.money import Money
from gateway.ledger.accounts import Statement, ask_statement, read_statement
from gateway.ledger.chart import Chart
from gateway.ledger.rules import position
from gateway.membership.categories import TARIFF_COLUMNS, read_tariff
from gateway.membership.changes import By, write_change
from gateway.membership.charging import enrol
from gateway.membership.consents import Agreed, write_consent
from gateway.membership.dues import Tariff, closed_until, for_months, part_of_year, renewal_is_open
from gateway.membership.people import Beneficiary, Person, to_strangers
from gateway.membership.plans import Plan
from gateway.membership.rules import Cover, Membership, cover, not_paid_for
from gateway.membership.sounding import write_sounds
from gateway.network.facilities import same_network
from gateway.network.organisations import Tree
from gateway.store.if_new import if_new
from gateway.store.or_set import or_set
from gateway.store.schema import (
    beneficiary,
    caller,
    card_alias,
    household,
    membership,
    phone,
    pin,
    plan,
    register_import_row,
    tariff,
)
from gateway.store.together import Ask, together
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

# So long after its registration a family without a phone that staff register again is taken for the same one.
REGISTERED_AGAIN_DAYS = 30


@dataclass(frozen=True)
class Household:
    """A household as others need it: its card, where it belongs, its head, and the money it deals in.

    ``pin``: its matters are opened with a PIN; ``sex`` is the head's. Who builds one by hand may leave them out.
    """

    id: int
    card: str
    section_id: int
    head: str
    language: str | None
    currency: str
    time_zone: str
    pin: bool = False
    sex: str = ""

    @property
    def masked(self) -> str:
        """What a stranger may see of whose it is."""
        return to_strangers(self.head)


@dataclass(frozen=True)
class Standing:
    """A household's cover on a day, and the plan's least payment.

    ``unpaid``: the ids of those on the card who joined later and aren't covered, because money is missing for them.
    """

    household: Household
    cover: Cover
    left: Money
    due: Money  # what is due now, or next
    to_start: Money  # what is still needed before cover can start
    least: Money
    beneficiaries: int
    monthly: Money  # a twelfth of the last year's contribution, in whole units of the currency
    renewable: bool  # the last year is near its end or past it, and no other is enrolled
    advance: Money  # paid beyond all that is due: the next year uses it up
    unpaid: frozenset[int] = frozenset()

    @property
    def must_renew(self) -> bool:
        """Is there nothing left to pay, so that only a new year makes cover last longer?"""
        return self.renewable and not self.left


# --- reading ----------------------------------------------------------------------------------------------------------

_COLUMNS = (
    household.c.id,
    household.c.card,
    household.c.section_id,
    beneficiary.c.name.label("head"),
    beneficiary.c.sex,
    pin.c.holder.is_not(None).label("pin"),
)
_HOUSEHOLD = (
    select(*_COLUMNS, household.c.language)
    .join(beneficiary, (beneficiary.c.household_id == household.c.id) & (beneficiary.c.relation == "head"))
    # As gateway.membership.pins names the holder of a household's PIN.
    .outerjoin(pin, pin.c.holder == literal("h:") + cast(household.c.id, String))
    .order_by(household.c.id)
)


# With the language that the phone's holder chose, where they did: it counts more than the household's.
_BY_PHONE = (
    _HOUSEHOLD.with_only_columns(
        *_COLUMNS, func.coalesce(caller.c.language, household.c.language).label("language"), maintain_column_froms=True
    )
    .join(phone, phone.c.household_id == household.c.id)
    .outerjoin(caller, caller.c.msisdn == phone.c.msisdn)
    .where(phone.c.msisdn == bindparam("msisdn"))
    .limit(20)
)


def ask_by_phone(msisdn: str) -> Ask:
    """What to ask for the households of a phone; :func:`read_by_phone` reads the answer."""
    return _BY_PHONE, {"msisdn": msisdn}


def read_by_phone(rows: Sequence[Any], tree: Tree) -> list[Household]:
    """The households that a phone belongs to: none, one, or several that share it."""
    return [_read(row, tree) for row in rows]


def by_phone(connection: Connection, tree: Tree, msisdn: str) -> list[Household]:
    """Ask for and read the households of a phone."""
    return read_by_phone(connection.execute(*ask_by_phone(msisdn)).all(), tree)


def by_card(connection: Connection, tree: Tree, card: str) -> Household | None:
    """The household with a card number, or to which an old card leads since it was merged."""
    own = household.c.merged_into_id.is_(None)
    row = connection.execute(_HOUSEHOLD.where(household.c.card == card, own)).first()
    if row is None:  # looked for only now: almost everybody has the card that they were given
        leads_to = leading_to(connection, card)
        row = connection.execute(_HOUSEHOLD.where(household.c.id == leads_to, own)).first() if leads_to else None
    return _read(row, tree) if row else None


def leading_to(connection: Connection, card: str) -> int | None:
    """The id of the household to which an old card leads, one that was merged into it."""
    return connection.scalar(select(card_alias.c.household_id).where(card_alias.c.card == card))


def by_id(connection: Connection, tree: Tree, household_id: int) -> Household:
    """The household with an id that is known to exist."""
    return _read(connection.execute(_HOUSEHOLD.where(household.c.id == household_id)).one(), tree)


def newest(connection: Connection, tree: Tree, under_path: str, limit: int) -> list[Household]:
    """The newest households of the sections at or below a path."""
    sections = [one.id for one in tree.by_id.values() if one.path.startswith(under_path)]
    own = household.c.section_id.in_(sections) & household.c.merged_into_id.is_(None)
    query = _HOUSEHOLD.order_by(None).where(own).order_by(household.c.id.desc())
    return [_read(row, tree) for row in connection.execute(query.limit(limit))]


def _read(row: object, tree: Tree) -> Household:
    section = tree[row.section_id]  # type: ignore[attr-defined]
    return Household(
        row.id,  # type: ignore[attr-defined]
        row.card,  # type: ignore[attr-defined]
        section.id,
        row.head,  # type: ignore[attr-defined]
        row.language,  # type: ignore[attr-defined]
        section.currency,
        section.time_zone,
        row.pin,  # type: ignore[attr-defined]
        row.sex,  # type: ignore[attr-defined]
    )


@dataclass(frozen=True)
class Enrolment:
    """A membership with what its plan's version says about it; ``joiners_wait_days`` for who joins the household.

    ``tariff``: what the household pays of it; ``people_max``: how many its card takes, where the plan says so.
    """

    membership: Membership
    beneficiaries: int
    minimum_payment_minor: int
    currency: str
    plan_code: str
    joiners_wait_days: int
    people_max: int | None
    tariff: Tariff

    @property
    def contribution_minor(self) -> int:
        """What the household pays for twelve months, without a registration fee."""
        return for_months(self.tariff, self.beneficiaries, 12, self.currency).members_minor

    @property
    def last_day(self) -> date:
        """The last day of the year, or that on which the household left it."""
        its = self.membership
        return min(its.ends_on, its.left_on or its.ends_on)


# What a plan asks of everybody, in the order of a tariff's fields.
_OF_PLAN = (
    plan.c.registration_fee_minor,
    plan.c.household_minor,
    plan.c.beneficiary_minor,
    plan.c.included_people,
    plan.c.charged_people_max,
)
_ENROLMENTS = (
    select(
        membership.c.id,
        membership.c.starts_on,
        membership.c.ends_on,
        membership.c.waiting_days,
        plan.c.grace_days,
        plan.c.activation_percent,
        membership.c.enrolled_at,
        membership.c.left_on,
        membership.c.left_told_on,
        membership.c.beneficiaries,
        plan.c.minimum_payment_minor,
        plan.c.currency,
        plan.c.code,
        plan.c.waiting_days.label("joiners_wait_days"),
        plan.c.people_max,
        *_OF_PLAN,
        *TARIFF_COLUMNS,
    )
    .join(plan, plan.c.id == membership.c.plan_id)
    .outerjoin(tariff, tariff.c.id == membership.c.tariff_id)
    .where(membership.c.household_id == bindparam("household_id"))
    .order_by(membership.c.starts_on)
)


# What of a row is the membership, and what it is made of; what its plan says; and its tariff, from two tables.
_PARTS = (slice(0, 6), slice(6, 7), slice(7, 9), slice(9, 15), slice(15, 20), slice(20, 24))


def ask_enrolments(household_id: int) -> Ask:
    """What to ask for a household's memberships; :func:`read_enrolments` reads the answer."""
    return _ENROLMENTS, {"household_id": household_id}


def read_enrolments(rows: Sequence[Any], zone: str) -> list[Enrolment]:
    """A household's memberships, the oldest first; ``zone``: where its mutuelle is."""
    return [_read_enrolment(tuple(row), zone) for row in rows]


def _read_enrolment(row: tuple[Any, ...], zone: str) -> Enrolment:
    years, enrolled_at, left, rest, of_plan, own = (row[part] for part in _PARTS)
    its = (*years, day_in(zone, *enrolled_at), *left)
    of_it = (*rest, read_tariff(Tariff(*of_plan), own))
    return Enrolment(Membership(*its), *of_it)


def last_of(enrolments: Sequence[Enrolment]) -> Enrolment | None:
    """A household's last year; one that it was enrolled for ahead and left before it began is none."""
    began = (each for each in enrolments if each.last_day >= each.membership.starts_on)
    return max(began, key=lambda each: each.membership.starts_on, default=None)


def standing_of(one: Household, enrolments: Sequence[Enrolment], lines: Statement, on: date) -> Standing:
    """How a household stands on a day, as a pure function of its memberships and its lines in the ledger."""
    memberships = [each.membership for each in enrolments]
    found = cover(memberships, lines.dues, lines.credits, on)
    last = last_of(enrolments)
    currency = last.currency if last else one.currency
    return Standing(
        one,
        found,
        Money(found.left_minor, currency),
        Money(found.due_minor, currency),
        Money(found.to_start_minor, currency),
        Money(last.minimum_payment_minor if last else 0, currency),
        last.beneficiaries if last else 0,
        Money(part_of_year(last.contribution_minor, 1, currency) if last else 0, currency),
        last is None or renewal_is_open(last.last_day, on),
        Money(position(lines.dues, lines.credits).advance_minor, currency),
        not_paid_for(memberships, lines.dues, lines.credits, on),
    )


def standing(connection: Connection, one: Household, on: date) -> Standing:
    """How a household stands on a day."""
    enrolments, lines = together(connection, ask_enrolments(one.id), ask_statement(one.id))
    return standing_of(one, read_enrolments(enrolments, one.time_zone), read_statement(lines), on)


_ROSTER = (
    select(
        beneficiary.c.id,
        beneficiary.c.name,
        beneficiary.c.sex,
        beneficiary.c.birth_year,
        beneficiary.c.relation,
        beneficiary.c.covered_from,
    )
    .where(beneficiary.c.household_id == bindparam("household_id"), beneficiary.c.left_on.is_(None))
    .order_by(beneficiary.c.relation != "head", beneficiary.c.id)
)


def ask_roster(household_id: int) -> Ask:
    """What to ask for the people on a card; :func:`read_roster` reads the answer."""
    return _ROSTER, {"household_id": household_id}


def read_roster(rows: Sequence[Any]) -> list[Beneficiary]:
    """The people on a card, the head first."""
    return [Beneficiary(*row) for row in rows]


def standing_and_roster(connection: Connection, one: Household, on: date) -> tuple[Standing, list[Beneficiary]]:
    """How a household stands on a day, and who is on its card, the head first."""
    enrolments, lines, people = together(connection, ask_enrolments(one.id), ask_statement(one.id), ask_roster(one.id))
    found = standing_of(one, read_enrolments(enrolments, one.time_zone), read_statement(lines), on)
    return found, read_roster(people)


def beneficiaries_of(connection: Connection, household_id: int) -> list[str]:
    """The names on a card, the head first."""
    return [each.name for each in read_roster(connection.execute(*ask_roster(household_id)).all())]


_MAIN_PHONES = (
    select(phone.c.msisdn)
    .where(phone.c.household_id == bindparam("household_id"), phone.c.main)
    .order_by(phone.c.msisdn)
)


def main_phones(connection: Connection, household_id: int) -> list[str]:
    """Where a household's receipts go."""
    return list(connection.scalars(_MAIN_PHONES, {"household_id": household_id}))


@dataclass(frozen=True)
class Phone:
    """A phone of a household; receipts go to its ``main`` ones."""

    msisdn: str
    main: bool


def phones_of(connection: Connection, household_id: int) -> list[Phone]:
    """All phones of a household, the main ones first."""
    rows = connection.execute(
        select(phone.c.msisdn, phone.c.main)
        .where(phone.c.household_id == household_id)
        .order_by(phone.c.main.desc(), phone.c.msisdn)
    )
    return [Phone(row.msisdn, row.main) for row in rows]


_LANGUAGE = select(caller.c.language).where(caller.c.msisdn == bindparam("msisdn"))


def ask_language(msisdn: str) -> Ask:
    """What to ask for the language that a caller chose: a row with it, if they ever did."""
    return _LANGUAGE, {"msisdn": msisdn}


def sms_stopped(connection: Connection, msisdn: str) -> bool:
    """Does this phone want no SMS but receipts and answers?"""
    return connection.scalar(select(caller.c.stopped_at).where(caller.c.msisdn == msisdn)) is not None


# --- writing ----------------------------------------------------------------------------------------------------------


_SPEAKS, _STOPS = or_set(caller, ("msisdn",), "language"), or_set(caller, ("msisdn",), "stopped_at")


def choose_language(unit: Unit, msisdn: str, language: str) -> None:
    """Remember a caller's language; their household is written to in it too."""
    unit.connection.execute(_SPEAKS[unit.connection.dialect.name], {"msisdn": msisdn, "language": language})
    own = select(phone.c.household_id).where(phone.c.msisdn == msisdn, phone.c.main)
    unit.connection.execute(update(household).where(household.c.id.in_(own)).values(language=language))


def stop_sms(unit: Unit, msisdn: str, stopped: bool) -> None:
    """Write no more SMS to a phone but receipts and answers, or write them all again."""
    row = {"msisdn": msisdn, "stopped_at": unit.now if stopped else None}
    unit.connection.execute(_STOPS[unit.connection.dialect.name], row)


_NEW_PHONE = if_new(phone, "msisdn", "household_id")


def add_phone(unit: Unit, household_id: int, msisdn: str, by: By, main: bool = False) -> bool:
    """Let a phone belong to a household; False, and nothing changed, when it does already."""
    row = {"msisdn": msisdn, "household_id": household_id, "main": main}
    if unit.connection.scalar(_NEW_PHONE[unit.connection.dialect.name], row) is None:
        return False
    write_change(unit, household_id, "phone-joined", by, note=msisdn)
    return True


def drop_phone(unit: Unit, household_id: int, msisdn: str, by: By) -> bool:
    """Take a phone away from a household; False when it is none of its phones.

    While a household has phones, one of them is a main one: its receipts go somewhere.
    """
    lock_household(unit, household_id)
    own = (phone.c.household_id == household_id) & (phone.c.msisdn == msisdn)
    if unit.connection.scalar(delete(phone).where(own).returning(phone.c.msisdn)) is None:
        return False
    rest = phones_of(unit.connection, household_id)
    if rest and not rest[0].main:
        heir = (phone.c.household_id == household_id) & (phone.c.msisdn == rest[0].msisdn)
        unit.connection.execute(update(phone).where(heir).values(main=True))
    write_change(unit, household_id, "phone-left", by, note=msisdn)
    return True


def lock_household(unit: Unit, household_id: int) -> int:
    """Let nobody else post money for a household or change it before this transaction has ended.

    The id of the household whose money it is: another one, locked too, where this one was merged into it meanwhile.
    """
    its = select(household.c.merged_into_id).where(household.c.id == household_id).with_for_update()
    into = unit.connection.scalar(its)
    return household_id if into is None else lock_household(unit, into)


def locked(unit: Unit, tree: Tree, one: Household) -> Household:
    """A household for which money is posted now, locked; the one that it was merged into while this waited for it."""
    its_id = lock_household(unit, one.id)
    return one if its_id == one.id else by_id(unit.connection, tree, its_id)


class NotTaken(ValueError):
    """The plan doesn't take this household: ``opens_on`` it takes newcomers again; or its card has no such ``room``."""

    def __init__(self, opens_on: date | None, room: int) -> None:
        super().__init__("closed" if opens_on is not None else "full")
        self.opens_on = opens_on
        self.room = room


@dataclass(frozen=True)
class Registered:
    """What a registration gave."""

    household_id: int
    card: str
    total: Money
    first: Money  # due at once
    known: bool = False  # the same family was registered before; nothing new was made


def register(
    unit: Unit,
    tree: Tree,
    chart: Chart,
    section_id: int,
    chosen: Plan,
    people: Sequence[Person],
    msisdn: str | None,
    language: str | None,
    agreed: Agreed | None = None,
) -> Registered:
    """Register a household with its head (the first of ``people``) and enrol it in a plan from today.

    Who registers again gets the card that they have: a head of the same name and year of birth, from the same phone in
    the same network (two sessions, a dial after a drop); or, where there is no phone, in the same section within
    :data:`REGISTERED_AGAIN_DAYS` (staff whose answer was lost). Raises :class:`NotTaken`.

    ``agreed``: by which way the household agrees to what is kept about it.
    """
    section = tree[section_id]
    today = day_in(section.time_zone, unit.now)
    # Of two at once, by one phone or (without one) in one section, the second finds whom the first registered.
    whose = msisdn or f"{section_id}:{people[0].birth_year}:{people[0].name.casefold()}"
    take_turn(unit, f"register:{whose}")
    twin = _registered_before(unit, tree, section_id, people[0], msisdn)
    if twin is not None:
        now = standing(unit.connection, twin, today)
        return Registered(twin.id, twin.card, now.left, now.due, known=True)
    opens_on = closed_until(chosen.terms, today)
    if opens_on is not None or len(people) > chosen.terms.room:
        raise NotTaken(opens_on, chosen.terms.room)
    household_id, card = new_household(unit, section_id, language, people, today)
    if msisdn is not None:
        unit.connection.execute(insert(phone).values(msisdn=msisdn, household_id=household_id, main=True))
    if agreed is not None:
        write_consent(unit, tree, household_id, section_id, agreed, language)
    year = enrol(unit, tree, chart, household_id, section_id, chosen, len(people), today)
    total = sum(amount for _, amount in year.dues)
    first = sum(amount for due_on, amount in year.dues if due_on <= today)
    return Registered(household_id, card, Money(total, chosen.currency), Money(first, chosen.currency))


def new_household(
    unit: Unit, section_id: int, language: str | None, people: Sequence[Person], today: date
) -> tuple[int, str]:
    """Write a household with a card of its own and its people, the head first; returns its id and card.

    It has no phone and no year yet.
    """
    card = _free_card(unit)
    made = unit.connection.execute(
        insert(household).values(card=card, section_id=section_id, language=language, registered_at=unit.now)
    )
    household_id = int(made.inserted_primary_key[0])  # type: ignore[index]
    unit.connection.execute(
        insert(beneficiary),
        [
            {
                "household_id": household_id,
                "name": one.name,
                "sex": one.sex,
                "birth_year": one.birth_year,
                "relation": one.relation,
                "joined_on": today,
            }
            for one in people
        ],
    )
    write_sounds(unit, household_id, (one.name for one in people))
    return household_id, card


def _registered_before(unit: Unit, tree: Tree, section_id: int, head: Person, msisdn: str | None) -> Household | None:
    """The household that is registered once more, if this is one: the first of them."""
    phones = select(phone.c.household_id)
    if msisdn is not None:
        candidates: ColumnElement[bool] = household.c.id.in_(phones.where(phone.c.msisdn == msisdn))
    else:
        lately = household.c.registered_at >= unit.now - timedelta(days=REGISTERED_AGAIN_DAYS)
        without_phone = ~exists(phones.where(phone.c.household_id == household.c.id))
        candidates = (household.c.section_id == section_id) & lately & without_phone
    born = beneficiary.c.birth_year == head.birth_year
    # What came with a register that was undone is nobody's: the family registers as any other.
    its_row = register_import_row.c.household_id == household.c.id
    undone = exists(select(register_import_row.c.number).where(its_row, register_import_row.c.state == "undone"))
    rows = unit.connection.execute(_HOUSEHOLD.where(candidates, household.c.merged_into_id.is_(None), born, ~undone))
    same = (one for one in (_read(row, tree) for row in rows) if one.head.casefold() == head.name.casefold())
    return next((one for one in same if same_network(tree, one.section_id, section_id)), None)


def _free_card(unit: Unit) -> str:
    for _ in range(50):
        card = new_card_number()
        if unit.connection.scalar(select(household.c.id).where(household.c.card == card)) is None:
            return card
    raise RuntimeError("no free card number found in 50 draws")
