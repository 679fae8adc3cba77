"""Loads the Burundian network of 2019 or 2020 with exactly the households and beneficiaries that it published.

With 2020 come its contracted health facilities, whatever the scale: it published them for that year alone.

A section is loaded in one transaction. A load that dies leaves whole sections behind and no part of one; the next run
sees which sections have members in that year and goes on with the others, so only a whole network counts as loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from random import Random

from sqlalchemy import Select, func, insert, select, text

from gateway.kernel.faults import Fault
from gateway.ledger.chart import Chart
from gateway.membership.plans import Plan, add_plan, read_plan
from gateway.network.organisations import Network, Tree, add_organisation
from gateway.samples.bulk import BLOCK, Books, Bulk
from gateway.samples.burundi import PAMUSAB, YEARS, Promoter, Published
from gateway.samples.families import family, payments, sizes
from gateway.samples.layout import JOIN, LEAVE, SEED, STAY, Group, Share, placed, shares
from gateway.samples.names import BURUNDI
from gateway.samples.numbers import BI_FACILITY_PLACE, BI_STAFF_PLACE, burundian_mobile, free_cards
from gateway.store.schema import facility, household, membership, organisation, plan, service_code, staff
from gateway.store.unit import Store, Unit

# Says how far a load is: households done, households in all, and what is being loaded.
Tell = Callable[[int, int, str], None]

LARGEST_SCALE = 50  # a million households; the samples' phone numbers suffice for 70
SERVICE_CODE = "*384*257#"
PLAN_CODE = "menage"
_ROUND_TO = 500  # people pay in whole notes
# The chance that a household pays its year in full: those who leave pay less well than those who stay.
_DILIGENCE = {STAY: 0.93, LEAVE: 0.7, JOIN: 0.84}


@dataclass(frozen=True)
class Loaded:
    """What a load added."""

    sections: int
    households: int
    beneficiaries: int
    facilities: int

    def __str__(self) -> str:
        people = f"{self.households} households, {self.beneficiaries} people"
        return f"{self.sections} sections, {people}, {self.facilities} health facilities"


def load_pamusab(
    store: Store,
    network: Network,
    year: int,
    scale: int = 1,
    tell: Tell = lambda done, total, what: None,
) -> Loaded:
    """Load PAMUSAB as it was in ``year``, ``scale`` times as large; see :func:`load_network`."""
    return load_network(store, network, PAMUSAB, year, scale, tell)


def load_network(store: Store, network: Network, published: Published, year: int, scale: int, tell: Tell) -> Loaded:
    """Load a published network's year; 2020 over 2019 renews those who stayed, 2020 alone registers them anew.

    ``store`` should be open without time-outs ("patient"). Raises :class:`Fault` when the year is there already, when
    a later year is, when the year before is there in part, or when something was loaded at another scale.
    """
    if year not in YEARS:
        raise Fault(f"figures are published for {' and '.join(map(str, YEARS))}, not for {year}")
    if not 1 <= scale <= LARGEST_SCALE:
        raise Fault(f"the scale is a number from 1 to {LARGEST_SCALE}, not {scale}")
    every = shares(published, scale)
    network.forget()
    present = {one: _present(store, network.tree(), published, every, one) for one in YEARS}
    over = _judge(published, every, present, year, scale)
    facilities = _found(store, network, published, [one for one in every if one.households(year)], year)
    network.forget()
    tree = network.tree()
    total = sum(one.households(year) for one in every)
    done = sum(one.households(year) for one in every if one.section.code in present[year])
    added = Loaded(0, 0, 0, facilities)
    for share in every:
        if share.section.code in present[year] or not share.households(year):
            continue
        with store.write() as unit:
            loader = _Section(unit, tree, share, year, over, scale)
            if loader.taken():
                continue
            for count in loader.load():
                done += count
                tell(done, total, share.section.name)
        added = Loaded(
            added.sections + 1,
            added.households + share.households(year),
            added.beneficiaries + sum(group.beneficiaries for group in share.of_year(year)),
            facilities,
        )
    with store.write() as unit:
        # Nobody waits for the database to notice by itself how much larger it became.
        unit.connection.execute(text("analyze"))
    return added


# --- what is there already --------------------------------------------------------------------------------------------


def _present(store: Store, tree: Tree, published: Published, every: Sequence[Share], year: int) -> dict[str, int]:
    """Households with a membership that starts in the year, of each of the network's sections that has any."""
    if published.code not in tree.by_code:
        return {}
    with store.read() as connection:
        rows = connection.execute(
            select(organisation.c.code, func.count())
            .select_from(membership.join(household).join(organisation))
            .where(
                membership.c.starts_on.between(date(year, 1, 1), date(year, 12, 31)),
                organisation.c.path.like(tree.named(published.code).path + "%"),
            )
            .group_by(organisation.c.code)
        ).all()
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    return {one.section.code: counts[one.section.code] for one in every if one.section.code in counts}


def _judge(
    published: Published, every: Sequence[Share], present: dict[int, dict[str, int]], year: int, scale: int
) -> bool:
    """Whether the load goes over the year before; raises :class:`Fault` where it must not be done at all."""
    for loaded_year, counts in present.items():
        for share in every:
            count, expected = counts.get(share.section.code, 0), share.households(loaded_year)
            if count and count != expected:
                raise Fault(
                    f"{share.section.name} has {count} households of {loaded_year}, where a load at scale {scale} puts "
                    f"{expected}: another scale was loaded, or others were enrolled since"
                )
    wanted = {one: sum(1 for share in every if share.households(one)) for one in YEARS}
    if len(present[year]) == wanted[year]:
        raise Fault(f"{published.name} of {year} is already there")
    earlier, later = YEARS
    if year == earlier and present[later]:
        raise Fault(f"{published.name} of {later} is already there; {earlier} can only be loaded before it")
    if year == later and 0 < len(present[earlier]) < wanted[earlier]:
        raise Fault(f"{published.name} of {earlier} is there in part; load {earlier} again to its end first")
    return year == later and bool(present[earlier])


# --- the tree ---------------------------------------------------------------------------------------------------------


def _found(store: Store, network: Network, published: Published, wanted: Sequence[Share], year: int) -> int:
    """Add, in one transaction, what the tree lacks: the platform, promoters, unions, sections, plans and staff.

    In the last year the facilities too, where they aren't there; returns how many these are.
    """
    tree = network.tree()
    known = {code: (one.id, one.path) for code, one in tree.by_code.items()}
    with store.write() as unit:
        if published.code not in known:
            if SERVICE_CODE in tree.codes:
                raise Fault(f"{SERVICE_CODE} already answers for another organisation")
            known[published.code] = add_organisation(
                unit,
                None,
                kind="platform",
                code=published.code,
                name=published.name,
                country="BI",
                currency="BIF",
                time_zone="Africa/Bujumbura",
                languages="fr,rn,en,sw",
            )
            unit.connection.execute(
                insert(service_code).values(code=SERVICE_CODE, organisation_id=known[published.code][0])
            )
        for promoter in published.promoters:
            if promoter.code not in known:
                known[promoter.code] = _add_promoter(unit, known[published.code], promoter)
        for number, share in enumerate(wanted):
            if share.section.code not in known:
                known[share.section.code] = _add_section(unit, known, share, number)
        return _contract(unit, published, known, wanted) if year == YEARS[-1] else 0


def _contract(unit: Unit, published: Published, known: dict[str, tuple[int, str]], wanted: Sequence[Share]) -> int:
    """Add the facilities, unless they are there: each of the organisation above a section of its commune."""
    platform_id, _ = known[published.code]
    # Another load, running at the same moment, waits here and then finds them.
    unit.connection.execute(select(organisation.c.id).where(organisation.c.id == platform_id).with_for_update())
    code = f"{published.code}-fosa-{{}}"
    if unit.connection.scalar(select(facility.c.id).where(facility.c.code == code.format(1))) is not None:
        return 0
    rows = [
        {
            "organisation_id": int(known[one.section.code][1].split("/")[-3]),
            "code": code.format(one.number),
            "name": one.name,
            "kind": one.kind,
            "ownership": one.ownership,
            "district": one.section.province,
            "msisdn": burundian_mobile(BI_FACILITY_PLACE + one.number),
            "agreed_on": date(YEARS[-1], 1, 1),
        }
        for one in placed(published, [share.section for share in wanted])
    ]
    if rows:
        unit.connection.execute(insert(facility), rows)
    return len(rows)


def _add_promoter(unit: Unit, root: tuple[int, str], promoter: Promoter) -> tuple[int, str]:
    own = add_organisation(
        unit,
        root,
        kind="promoter",
        code=promoter.code,
        name=promoter.name,
        merchant_code=promoter.merchant_code,
        keeps_books=promoter.leaf == "section",
    )
    add_plan(unit, own[0], PLAN_CODE, "Ménage", "BIF", promoter.terms, date(YEARS[0] - 1, 1, 1))
    place = BI_STAFF_PLACE + 1000 + int(promoter.merchant_code) % 1000
    _add_staff(unit, own[0], "animator", place)
    if promoter.leaf == "section":
        _add_staff(unit, own[0], "treasurer", place + 1000)
    return own


def _add_section(unit: Unit, known: dict[str, tuple[int, str]], share: Share, number: int) -> tuple[int, str]:
    """A section below its promoter, or below the district's union where the promoter has one."""
    promoter, section = share.promoter, share.section
    above = known[promoter.code]
    union = promoter.unions.get(section.province)
    if union is not None:
        code = f"{promoter.code}-union-{section.province.lower()}"
        if code not in known:
            known[code] = add_organisation(unit, above, kind="union", code=code, name=union, district=section.province)
        above = known[code]
    own = add_organisation(
        unit,
        above,
        kind=promoter.leaf,
        code=section.code,
        name=section.name,
        # The province: which of the health districts a commune lies in isn't in our sources.
        district=section.province,
        keeps_books=promoter.leaf == "mutuelle",
    )
    if promoter.leaf == "mutuelle":
        _add_staff(unit, own[0], "treasurer", BI_STAFF_PLACE + number)
    return own


def _add_staff(unit: Unit, organisation_id: int, role: str, place: int) -> None:
    random = Random(f"{SEED}:staff:{place}")
    sex = "F" if random.random() < 0.5 else "M"
    unit.connection.execute(
        insert(staff).values(
            organisation_id=organisation_id,
            name=f"{BURUNDI.given(random, sex)} {BURUNDI.surname(random)}",
            role=role,
            msisdn=burundian_mobile(place),
        )
    )


# --- a section's households -------------------------------------------------------------------------------------------


class _Section:
    """Loads one section's year into one transaction, block by block."""

    def __init__(self, unit: Unit, tree: Tree, share: Share, year: int, over: bool, scale: int) -> None:
        section = tree.named(share.section.code)
        books = tree.books_of(section.id)
        self._unit = unit
        self._share = share
        self._year = year
        self._over = over
        self._books = Books(section.id, books.id, Chart().of(unit, books.id, section.currency))
        self._plan = _plan_of(unit, tree.named(share.promoter.code).id)
        self._bulk = Bulk(unit, share.households(year))
        self._seed = f"{SEED}:{scale}:{section.code}"

    def taken(self) -> bool:
        """Whether another load, running at the same moment, was here first; the section is ours until we commit."""
        connection = self._unit.connection
        section_id = self._books.section_id
        connection.execute(select(organisation.c.id).where(organisation.c.id == section_id).with_for_update())
        return connection.scalar(self._members(self._year).limit(1)) is not None

    def load(self) -> Iterator[int]:
        """Write everything; yields after each block how many households it had."""
        for group in self._share.of_year(self._year):
            renewing = self._over and group.name == STAY
            counts = self._renew(group) if renewing else self._register(group)
            for count in counts:
                self._bulk.flush()
                yield count

    def _register(self, group: Group) -> Iterator[int]:
        # Who they are doesn't depend on the year that is loaded; when they come and what they pay does.
        people = Random(f"{self._seed}:{group.name}:people")
        money = Random(f"{self._seed}:{group.name}:{self._year}")
        born_by = YEARS[1] if group.name == JOIN else YEARS[0]
        numbered = enumerate(sizes(people, group.households, group.beneficiaries), group.first_place)
        neighbours: tuple[str, ...] = ()
        while block := list(islice(numbered, BLOCK)):
            cards = free_cards(self._unit.connection, [place for place, _ in block])
            for (place, size), card in zip(block, cards, strict=True):
                on = self._starts_on() + timedelta(days=int(money.random() ** 2 * 90))
                phones = _phones(people, place, neighbours)
                neighbours = phones or neighbours
                household_id = self._bulk.register(
                    self._books.section_id,
                    card,
                    _language(people),
                    family(people, BURUNDI, size, born_by),
                    phones,
                    on,
                )
                self._enrol(household_id, size, on, money, _DILIGENCE[group.name], newcomer=True)
            yield len(block)

    def _renew(self, group: Group) -> Iterator[int]:
        """Those who stay were written first in the year before, so they are the first of its members by id."""
        money = Random(f"{self._seed}:{group.name}:{self._year}")
        members = self._members(self._year - 1).limit(group.households)
        before = self._unit.connection.execute(members).all()
        for start in range(0, len(before), BLOCK):
            block = before[start : start + BLOCK]
            for household_id, size, ended_on in block:
                # Most renew before their grace is over; the others are taken back with a new waiting period.
                days = int(money.random() ** 2 * 1.2 * self._plan.terms.grace_days)
                on = self._starts_on() + timedelta(days=days)
                lapsed = ended_on + timedelta(days=self._plan.terms.grace_days) < on
                self._enrol(household_id, size, on, money, _DILIGENCE[STAY], newcomer=False, waits=lapsed)
            yield len(block)

    def _members(self, year: int) -> Select[int, int, date]:
        """Those of the section whose membership starts in a year, by id."""
        return (
            select(household.c.id, membership.c.beneficiaries, membership.c.ends_on)
            .join(membership, membership.c.household_id == household.c.id)
            .where(
                household.c.section_id == self._books.section_id,
                membership.c.starts_on.between(date(year, 1, 1), date(year, 12, 31)),
            )
            .order_by(household.c.id)
        )

    def _enrol(
        self,
        household_id: int,
        size: int,
        on: date,
        money: Random,
        diligence: float,
        *,
        newcomer: bool,
        waits: bool = True,
    ) -> None:
        enrolled = self._bulk.enrol(
            household_id,
            self._books,
            self._plan,
            size,
            on,
            newcomer=newcomer,
            waiting_days=self._plan.terms.waiting_days if waits else 0,
        )
        paid = payments(money, enrolled.year.dues, diligence, _ROUND_TO)
        self._bulk.pay(enrolled, self._books, self._plan.currency, paid)

    def _starts_on(self) -> date:
        return date(self._year, self._plan.terms.year_starts_month or 1, 1)


def _plan_of(unit: Unit, organisation_id: int) -> Plan:
    return read_plan(
        unit.connection.execute(
            select(plan)
            .where(plan.c.organisation_id == organisation_id, plan.c.code == PLAN_CODE)
            .order_by(plan.c.version)
            .limit(1)
        ).one()
    )


def _phones(random: Random, place: int, neighbours: tuple[str, ...]) -> tuple[str, ...]:
    """A household's phone: most have one, some share the one of the household before them, some have none."""
    drawn = random.random()
    if drawn < 0.82:
        return (burundian_mobile(place),)
    return neighbours if drawn < 0.88 else ()


def _language(random: Random) -> str | None:
    """What a household is written to in, where it has chosen; the others get the platform's first language."""
    drawn = random.random()
    return "rn" if drawn < 0.6 else "fr" if drawn < 0.85 else "sw" if drawn < 0.88 else None
