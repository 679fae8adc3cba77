"""Loads a small Beninese union as it could stand today: some households are paid up, some wait, some are behind.

The union and its mutuelles are named in a published newsletter; their villages, staff, households, health facilities
and the plan's figures are made up. Its staff, but for the administrator, and one household have a PIN, so that every
part of the menu can be tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from random import Random

from sqlalchemy import func, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.membership import pins
from gateway.membership.categories import OwnTariff, add_category, add_subsidiser, add_tariff
from gateway.membership.dues import Tariff, Terms, add_months
from gateway.membership.plans import Plan, add_plan
from gateway.network.facilities import add_facility
from gateway.network.organisations import Network, add_organisation
from gateway.samples.bulk import Books, Bulk
from gateway.samples.families import family, sizes
from gateway.samples.names import BENIN, pick
from gateway.samples.numbers import OUAKE_PLACE, beninese_mobile, free_cards
from gateway.samples.pamusab import Loaded, Tell
from gateway.store.schema import household, household_category, phone, service_code, staff
from gateway.store.unit import Store, Unit

UNION = "ucms-ouake"
SERVICE_CODE = "*384*229#"
TIME_ZONE = "Africa/Porto-Novo"
CURRENCY = "XOF"
SEED = "cotisa-ouake"

# Francs CFA, made up: a family of five pays 1 000 once and 14 000 a year, 3 500 a quarter.
TERMS = Terms(
    registration_fee_minor=1_000,
    household_minor=2_000,
    beneficiary_minor=2_400,
    instalments=4,
    waiting_days=30,
    grace_days=30,
    activation_percent=25,
    minimum_payment_minor=200,
    year_starts_month=None,
)

# A project, made up too, pays half of the contribution of those whom their village calls vulnerable.
CATEGORY, SUBSIDISER, SUBSIDY_PERCENT = "vulnerable", "projet-solidarite", 50

# Mutuelle → villages that are its sections.
MUTUELLES = {
    "Ouaké": ("Awanla", "Kadolassi", "Itchélli", "Madjatom"),
    "Anandana": ("Anandana Centre", "Pélébina", "Gnambodou"),
    "Séméré 2": ("Séméré Haut", "Séméré Bas", "Kpaouya", "Gbessou"),
    "Bariénou": ("Bariénou Centre", "Déwa", "Toko-Toko"),
    "Brénou": ("Brénou Centre", "Kimkim"),
}

MTN, MOOV = "0150", "0155"
BENEFICIARIES = 598
_ANIMATOR_PLACE, _TREASURER_PLACE, _ADVISER_PLACE, _AGENT_PLACE, _FACILITY_PLACE = 900, 901, 910, 911, 920
_ADMINISTRATOR_PLACE = 940

STAFF_PIN = "4826"
HOUSEHOLD_PIN = "2580"


@dataclass(frozen=True)
class Fosa:
    """A facility in a mutuelle's district; does an agent who works there have the menu?"""

    district: str
    name: str
    kind: str
    ownership: str
    agent: bool = False


FACILITIES = (
    Fosa("Ouaké", "Hôpital Les Karités", "hospital", "public", agent=True),
    Fosa("Ouaké", "Centre de santé Le Néré", "centre", "public"),
    Fosa("Ouaké", "Pharmacie du Marché", "pharmacy", "private"),
    Fosa("Anandana", "Centre de santé Les Manguiers", "centre", "public", agent=True),
    Fosa("Séméré 2", "Centre de santé Le Baobab", "centre", "public"),
    Fosa("Séméré 2", "Dispensaire La Source", "centre", "faith", agent=True),
    Fosa("Bariénou", "Centre de santé Les Rôniers", "centre", "public"),
    Fosa("Bariénou", "Clinique La Colline", "clinic", "private"),
    Fosa("Brénou", "Centre de santé Le Kapokier", "centre", "public", agent=True),
)

PAID, MISSED, LITTLE = "paid", "missed", "little"


@dataclass(frozen=True)
class Story:
    """How some households have done: an instalment (0 is the first, that of the enrolment) fell due so many days ago,
    in the last of their ``years``, and they have paid up to it (PAID), all but it (MISSED) or next to nothing (LITTLE).
    """

    households: int
    days_ago: tuple[int, int]
    instalments: tuple[int, ...]
    paid: str
    years: int = 1


STORIES = {
    "paid up": Story(48, (31, 80), (0, 1, 2, 3), PAID),
    "renewed": Story(14, (31, 80), (0, 1), PAID, years=2),
    "waiting": Story(14, (2, 25), (0,), PAID),
    "too little": Story(8, (5, 25), (0,), LITTLE),
    "behind": Story(18, (5, 25), (1, 2, 3), MISSED),
    "suspended": Story(12, (40, 80), (1, 2), MISSED),
    "year over": Story(6, (40, 80), (TERMS.instalments,), MISSED),  # what fell due is the next year
}
_LITTLE_MINOR = 500


@dataclass(frozen=True)
class ToTry:
    """A phone of the sample that shows a part of the menu: whose it is, in English, and the PIN."""

    msisdn: str
    who: str
    pin: str


@dataclass(frozen=True)
class LoadedUnion(Loaded):
    """What was added, the phones to try it with, and whose numbers open the office, by role."""

    to_try: tuple[ToTry, ...]
    office: Mapping[str, str]


def load_ouake(store: Store, network: Network, tell: Tell = lambda done, total, what: None) -> LoadedUnion:
    """Load the union in one transaction, as of the store's clock; raises :class:`Fault` when it is there already."""
    network.forget()
    tree = network.tree()
    if UNION in tree.by_code:
        raise Fault("the union of Ouaké is already there")
    if SERVICE_CODE in tree.codes:
        raise Fault(f"{SERVICE_CODE} already answers for another organisation")
    for_staff, for_a_household = pins.seal(STAFF_PIN), pins.seal(HOUSEHOLD_PIN)
    with store.write() as unit:
        random = Random(SEED)
        union, mutuelles, sections = _found(unit, random)
        today = day_in(TIME_ZONE, unit.now)
        opens_on = add_months(today, -36)
        plan_id = add_plan(unit, union, "famille", "Famille", CURRENCY, TERMS, opens_on)
        plan = Plan(plan_id, union, "famille", 1, "Famille", CURRENCY, TERMS)
        total = _load_households(unit, random, sections, plan, _found_subsidy(unit, union, plan_id), today)
        _add_care(unit, union, mutuelles, opens_on)
        _lock_staff(unit, for_staff)
        shared = _lock_a_household(unit, sections, for_a_household)
    network.forget()
    tell(total, total, "Ouaké")
    to_try = (
        ToTry(beninese_mobile(_ANIMATOR_PLACE, MTN), "the animator of the union", STAFF_PIN),
        ToTry(beninese_mobile(_TREASURER_PLACE, MTN), f"the treasurer of {next(iter(MUTUELLES))}", STAFF_PIN),
        ToTry(beninese_mobile(_AGENT_PLACE, MTN), f"an agent of {FACILITIES[0].name}", STAFF_PIN),
        ToTry(shared, "two households share it; one of them has the PIN", HOUSEHOLD_PIN),
    )
    office = {
        "treasurer": beninese_mobile(_TREASURER_PLACE, MTN),
        "administrator": beninese_mobile(_ADMINISTRATOR_PLACE, MTN),
    }
    return LoadedUnion(len(sections), total, BENEFICIARIES, len(FACILITIES), to_try, office)


def _found(unit: Unit, random: Random) -> tuple[int, dict[str, int], list[Books]]:
    """The union with everything below it but households: its id, that of each mutuelle by name, and its sections."""
    union = add_organisation(
        unit,
        None,
        kind="union",
        code=UNION,
        name="Union Communale des Mutuelles de Santé de Ouaké",
        district="Ouaké",
        country="BJ",
        currency=CURRENCY,
        time_zone=TIME_ZONE,
        languages="fr,en",
        merchant_code="229384",
    )
    unit.connection.execute(insert(service_code).values(code=SERVICE_CODE, organisation_id=union[0]))
    _add_staff(unit, random, union[0], "animator", _ANIMATOR_PLACE)
    mutuelles, sections = {}, []
    for number, (name, villages) in enumerate(MUTUELLES.items()):
        own = add_organisation(
            unit, union, kind="mutuelle", code=f"ouake-{number + 1}", name=f"Mutuelle {name}", keeps_books=True
        )
        mutuelles[name] = own[0]
        _add_staff(unit, random, own[0], "treasurer", _TREASURER_PLACE + number)
        accounts = Chart().of(unit, own[0], CURRENCY)
        for village_number, village in enumerate(villages):
            section_id, _ = add_organisation(
                unit, own, kind="section", code=f"ouake-{number + 1}-{village_number + 1}", name=village, district=name
            )
            sections.append(Books(section_id, own[0], accounts))
    return union[0], mutuelles, sections


@dataclass(frozen=True)
class _Subsidised:
    """The category whose members somebody pays a part for, and what they pay."""

    category_id: int
    own: OwnTariff


def _found_subsidy(unit: Unit, union: int, plan_id: int) -> _Subsidised:
    payer = add_subsidiser(unit, union, SUBSIDISER, "Projet Solidarité")
    category_id = add_category(unit, union, CATEGORY, "Vulnérable")
    tariff_id = add_tariff(unit, plan_id, category_id, subsidy_percent=SUBSIDY_PERCENT, subsidiser_id=payer)
    return _Subsidised(category_id, OwnTariff(tariff_id, replace(Tariff.of(TERMS), subsidy_percent=SUBSIDY_PERCENT)))


def _add_care(unit: Unit, union: int, mutuelles: dict[str, int], agreed_on: date) -> None:
    """The facilities, the hospital's agreement with the union, the others' with a mutuelle; the rest of the staff."""
    random = Random(f"{SEED}:care")
    _add_staff(unit, random, union, "adviser", _ADVISER_PLACE)
    agents = count(_AGENT_PLACE)
    for number, one in enumerate(FACILITIES):
        partner = union if one.kind == "hospital" else mutuelles[one.district]
        added = add_facility(
            unit,
            partner,
            f"ouake-fosa-{number + 1}",
            one.name,
            one.kind,
            one.ownership,
            one.district,
            beninese_mobile(_FACILITY_PLACE + number, MTN),
            agreed_on=agreed_on,
        )
        if one.agent:
            _add_staff(unit, random, partner, "agent", next(agents), added)
    _add_staff(unit, random, union, "administrator", _ADMINISTRATOR_PLACE)


def _lock_staff(unit: Unit, sealed: str) -> None:
    """Give the same PIN to all who have a menu of their own on the phone."""
    treasurers = range(_TREASURER_PLACE, _TREASURER_PLACE + len(MUTUELLES))
    agents = range(_AGENT_PLACE, _AGENT_PLACE + sum(one.agent for one in FACILITIES))
    for place in (_ANIMATOR_PLACE, _ADVISER_PLACE, *treasurers, *agents):
        pins.keep(unit, pins.of_staff(beninese_mobile(place, MTN)), sealed)


def _lock_a_household(unit: Unit, sections: Sequence[Books], sealed: str) -> str:
    """Give a PIN to the younger of two households that share a phone; returns the phone."""
    msisdn, household_id = unit.connection.execute(
        select(phone.c.msisdn, func.max(phone.c.household_id))
        .join(household, household.c.id == phone.c.household_id)
        .where(household.c.section_id.in_([one.section_id for one in sections]))
        .group_by(phone.c.msisdn)
        .having(func.count() == 2)
        .order_by(phone.c.msisdn)
        .limit(1)
    ).one()
    pins.keep(unit, pins.of_household(household_id), sealed)
    return str(msisdn)


def _add_staff(
    unit: Unit, random: Random, organisation_id: int, role: str, place: int, facility_id: int | None = None
) -> None:
    sex = "F" if random.random() < 0.5 else "M"
    unit.connection.execute(
        insert(staff).values(
            organisation_id=organisation_id,
            name=f"{BENIN.given(random, sex)} {BENIN.surname(random)}",
            role=role,
            msisdn=beninese_mobile(place, MTN),
            language="fr",
            facility_id=facility_id,
        )
    )


def _load_households(
    unit: Unit, random: Random, sections: Sequence[Books], plan: Plan, subsidised: _Subsidised, today: date
) -> int:
    stories = [story for story in STORIES.values() for _ in range(story.households)]
    random.shuffle(stories)
    bulk = Bulk(unit, len(stories))
    cards = free_cards(unit.connection, range(OUAKE_PLACE, OUAKE_PLACE + len(stories)))
    people = sizes(random, len(stories), BENEFICIARIES)
    # Squared, so that the first villages have many households and the last ones few.
    places = [sections[int(random.random() ** 2 * len(sections))] for _ in stories]
    phones: tuple[str, ...] = ()
    placed: list[dict[str, object]] = []
    for number, (story, card, size, books) in enumerate(zip(stories, cards, people, places, strict=True)):
        fell_due = today - timedelta(days=random.randint(*story.days_ago))
        instalment = pick(random, story.instalments)
        months = instalment * 12 // TERMS.instalments + 12 * (story.years - 1)
        came = add_months(fell_due, -months)
        phones = _phones(random, number, phones)
        members = family(random, BENIN, size, came.year)
        household_id = bulk.register(books.section_id, card, None, members, phones, came)
        for year in range(story.years):
            on = add_months(came, 12 * year)
            waits = TERMS.waiting_days if year == 0 else 0
            # Every other household that has renewed did so in the category.
            own = subsidised.own if year and number % 2 else None
            if own is not None:
                placed.append(_placed(household_id, subsidised.category_id, on, unit))
            one = bulk.enrol(household_id, books, plan, size, on, newcomer=year == 0, waiting_days=waits, own=own)
            earlier = year < story.years - 1
            paid = one.year.dues if earlier else _paid(random, story, one.year.dues, instalment)
            bulk.pay(one, books, CURRENCY, paid)
    bulk.flush()
    unit.connection.execute(insert(household_category), placed)
    return len(stories)


def _placed(household_id: int, category_id: int, since: date, unit: Unit) -> dict[str, object]:
    """A row of a household's history of categories."""
    return {
        "household_id": household_id,
        "category_id": category_id,
        "since": since,
        "by_name": "Assemblée du village",
        "reason": "Liste de l'assemblée",
        "written_at": unit.now,
    }


def _paid(
    random: Random, story: Story, dues: Sequence[tuple[date, int]], instalment: int
) -> Sequence[tuple[date, int]]:
    """What a household paid of its present year, each instalment on the day it was due."""
    first_day = dues[0][0]
    if story.paid == LITTLE:
        return [(first_day, _LITTLE_MINOR)]
    if story.paid == MISSED:
        return dues[:instalment]
    if random.random() < 0.2:  # the whole year at once
        return [(first_day, sum(amount for _, amount in dues))]
    return dues[: instalment + 1]


def _phones(random: Random, number: int, neighbours: tuple[str, ...]) -> tuple[str, ...]:
    """A household's phone: most are MTN's, some Moov's; some are shared with the household before, some have none."""
    drawn = random.random()
    if drawn < 0.82:
        return (beninese_mobile(number, MTN if drawn < 0.6 else MOOV),)
    return neighbours if drawn < 0.92 else ()
