"""Plans and tariffs by version: what is asked of whom, from which day on, and what a family would pay.

A version is never changed: a new one opens on a day, and is what the next enrolment takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.network import words
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.locale import mark
from gateway.membership.categories import (
    Category,
    InPlan,
    add_category,
    add_subsidiser,
    categories_for,
    owner_of_categories,
    tariffs_in,
)
from gateway.membership.dues import Tariff, Terms, dues_for, for_months
from gateway.membership.people import MOST_PEOPLE
from gateway.membership.plans import Plan, read_plan, versions_of
from gateway.membership.subsidies import Subsidiser, subsidisers
from gateway.network.organisations import Organisation
from gateway.pricing import PlanPart, PlansPart, TariffPart, add_versions, terms_of
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

AREA = Area("plans")
A_FAMILY = 5  # people on the card of the example
ADD = "add"
MONTHS = (
    mark("January"), mark("February"), mark("March"), mark("April"), mark("May"), mark("June"), mark("July"),
    mark("August"), mark("September"), mark("October"), mark("November"), mark("December"),
)  # fmt: skip
_NEW = Terms(0, 0, 0, 1, 0, 30, 100, 1, None)  # where the form of a new plan begins


# --- what is asked ----------------------------------------------------------------------------------------------------


@AREA.get("/network/plans", Right.SEE_NETWORK)
def here_page(visit: Visit) -> Answer:
    """The plans that count where the page is looked at from."""
    return _plans(visit, visit.at)


@AREA.get("/network/<organisation>/plans", Right.SEE_NETWORK)
def plans_page(visit: Visit, one: Organisation) -> Answer:
    """The plans that count in one organisation: its own, or those of the nearest above that has any."""
    return _plans(visit, one)


@dataclass(frozen=True)
class Version:
    """One version as it is shown: ``stands`` is a word, with the kind of its badge."""

    plan: Plan
    opens_on: date
    stands: tuple[str, str]
    tariffs: Sequence[InPlan]
    is_newest: bool
    is_open: bool


def _plans(visit: Visit, place: Organisation) -> Page:
    people = _people(visit)
    with visit.store.read() as connection:
        owner, versions = _versions(visit, connection, place)
        known = categories_for(connection, visit.tree, place.id)
        of_categories = owner_of_categories(connection, visit.tree, place.id)
        payers = _payers(visit, connection, place)
    may_change = visit.may(Right.CHANGE_NETWORK, place.id)
    shown = [
        (
            one,
            _asked(visit, one.plan.terms, one.plan.currency),
            _examples(visit, one.plan.terms, one.plan.currency, one.opens_on, people, _named(one.tariffs)),
        )
        for one in versions
    ]
    values = {
        "tabs": words.tabs(visit),
        "place": place,
        "owner": owner,
        "versions": shown,
        "people": people,
        "may_version": owner is not None and visit.may(Right.CHANGE_NETWORK, owner.id),
        "may_add": may_change and (owner is None or owner.id == place.id),
        "may_add_category": may_change and of_categories in (None, place.id),
        "may_add_payer": may_change,
        "categories": [(one.code, one.name) for one in known],
        "payers": [(one.code, one.name, visit.tree[one.organisation_id].name) for one in payers],
    }
    return Page("network/plans.html", visit.say("Plans of {name}", name=place.name), values)


def _people(visit: Visit) -> int:
    typed = visit.asked.get("people")
    return min(max(int(typed), 1), MOST_PEOPLE) if typed.isascii() and typed.isdigit() and len(typed) < 3 else A_FAMILY


def _versions(visit: Visit, connection: Connection, place: Organisation) -> tuple[Organisation | None, list[Version]]:
    """The versions of the plans that count in a place, and whose they are: the nearest that has any."""
    for owner in visit.tree.upward(place.id):
        found = versions_of(connection, owner.id)
        if found:
            return owner, _shown(visit, connection, found, visit.today(place.id))
    return None, []


def _shown(visit: Visit, connection: Connection, found: Sequence[tuple[Plan, date]], today: date) -> list[Version]:
    rows: list[Version] = []
    seen: set[str] = set()
    opened: set[str] = set()
    for plan, opens_on in found:  # the newest version of each first
        is_open = opens_on <= today and plan.code not in opened
        stands = _stands(visit, opens_on, today, plan.code in opened)
        rows.append(
            Version(plan, opens_on, stands, tariffs_in(connection, plan.id), plan.code not in seen, is_open)
        )  # fmt: skip
        seen.add(plan.code)
        if is_open:
            opened.add(plan.code)
    return rows


def _stands(visit: Visit, opens_on: date, today: date, is_replaced: bool) -> tuple[str, str]:
    if opens_on > today:
        return visit.say("opens on {day}", day=opens_on), "wait"
    return (visit.say("replaced"), "quiet") if is_replaced else (visit.say("open"), "good")


def _payers(visit: Visit, connection: Connection, place: Organisation) -> list[Subsidiser]:
    upward = {one.id for one in visit.tree.upward(place.id)}
    return [one for one in subsidisers(connection) if one.organisation_id in upward]


def _asked(visit: Visit, terms: Terms, currency: str) -> list[tuple[str, str]]:
    """What a version asks and gives, as pairs of name and value."""
    say = visit.say

    def money(minor: int) -> str:
        return say.show(Money(minor, currency))

    def days(count: int) -> str:
        return say.many("{count} day", "{count} days", count)

    month = terms.year_starts_month
    found = [
        (say("Registration fee"), money(terms.registration_fee_minor)),
        (say("A household in a year"), money(terms.household_minor)),
        (say("Each person in a year"), money(terms.beneficiary_minor)),
        (say("Instalments"), str(terms.instalments)),
        (say("Waiting period"), days(terms.waiting_days)),
        (say("Grace period"), days(terms.grace_days)),
        (say("Cover begins once this share is paid"), f"{terms.activation_percent} %"),
        (say("Least payment"), money(terms.minimum_payment_minor)),
        (say("The year begins"), say(MONTHS[month - 1]) if month else say("with the enrolment")),
    ]
    if terms.included_people:
        found.append((say("People whom the household's amount covers"), str(terms.included_people)))
    if terms.charged_people_max is not None:
        found.append((say("Nobody is charged beyond this many people"), str(terms.charged_people_max)))
    if terms.people_max is not None:
        found.append((say("People on a card at most"), str(terms.people_max)))
    if terms.lapsed_waiting_days is not None:
        found.append((say("Waiting period of who comes back late"), days(terms.lapsed_waiting_days)))
    if terms.pro_rata:
        found.append((say("Who enrols during the year"), say("owes the months that are left")))
    if terms.penalty_percent:
        found.append((say("Penalty once the grace is over"), f"{terms.penalty_percent} %"))
    if terms.window_opens_month and terms.window_opens_day and terms.window_days:
        opens = f"{terms.window_opens_day:02}/{terms.window_opens_month:02}"
        found.append(
            (say("Newcomers enrol"), say("from {day} on, for {days}", day=opens, days=days(terms.window_days)))
        )
    return found


@dataclass(frozen=True)
class Example:
    """What a family would pay: in its first year, at once, in later years, and what is paid for it."""

    who: str
    first_year: Money
    at_once: Money
    later: Money
    subsidised: Money


def _named(tariffs: Sequence[InPlan]) -> list[tuple[str, Any]]:
    return [(one.category.name, one.tariff) for one in tariffs]


def _examples(
    visit: Visit, terms: Terms, currency: str, on: date, people: int, tariffs: Sequence[tuple[str, Any]]
) -> list[Example]:
    """An example family that enrols, in no category and in each that has a tariff (made of the plan's)."""
    of_plan = Tariff.of(terms)
    found = []
    for who, tariff in [(visit.say("in no category"), of_plan), *((name, make(of_plan)) for name, make in tariffs)]:
        year = dues_for(terms, currency, on, people, newcomer=True, tariff=tariff)
        later = for_months(tariff, people, 12, currency)
        found.append(
            Example(
                who,
                Money(sum(minor for _, minor in year.dues), currency),
                Money(year.dues[0][1] if year.dues else 0, currency),
                Money(later.members_minor, currency),
                Money(sum(minor for _, minor in year.subsidies), currency),
            )
        )
    return found


# --- a new version ----------------------------------------------------------------------------------------------------


@AREA.get("/network/plans/<plan>/next", Right.CHANGE_NETWORK)
def next_page(visit: Visit, row: Row[Any]) -> Answer:
    """The form of a plan's next version, filled in with what this one asks."""
    return _form(visit, visit.tree[row.organisation_id], read_plan(row), None)


@AREA.post("/network/plans/<plan>/next", Right.CHANGE_NETWORK)
def add_next(visit: Visit, row: Row[Any]) -> Answer:
    """Show what a family would pay in it, or add it."""
    return _add(visit, visit.tree[row.organisation_id], read_plan(row))


@AREA.get("/network/<organisation>/plans/new", Right.CHANGE_NETWORK)
def new_page(visit: Visit, one: Organisation) -> Answer:
    """The form of a plan that isn't there yet."""
    return _form(visit, one, None, None)


@AREA.post("/network/<organisation>/plans/new", Right.CHANGE_NETWORK)
def add_new(visit: Visit, one: Organisation) -> Answer:
    """Show what a family would pay in a new plan, or add it."""
    return _add(visit, one, None)


def _form(visit: Visit, place: Organisation, before: Plan | None, shown: list[Example] | None) -> Page:
    say = visit.say
    with visit.store.read() as connection:
        known = categories_for(connection, visit.tree, place.id)
        payers = _payers(visit, connection, place)
        tariffs = {one.category.code: one for one in tariffs_in(connection, before.id)} if before is not None else {}
        owner, _ = _versions(visit, connection, place)
    terms, currency = before.terms if before is not None else _NEW, place.currency
    values = {
        "place": place,
        "before": before,
        "to": f"/network/plans/{before.id}/next" if before is not None else f"/network/{place.id}/plans/new",
        "hides": before is None and owner is not None and owner.id != place.id,
        "currency": currency,
        "f": _fields(visit, before.name if before is not None else "", terms, currency),
        "pro_rata": visit.sent.get("pro_rata") == "yes" if visit.sent.fields else terms.pro_rata,
        "months": [(str(number), say(name)) for number, name in enumerate(MONTHS, 1)],
        "tariffs": [_tariff_fields(visit, one, tariffs.get(one.code), currency) for one in known],
        "payers": [(one.code, one.name) for one in payers],
        "shown": shown,
        "people": A_FAMILY,
    }
    title = say("New version of {name}", name=before.name) if before is not None else say("New plan")
    return Page("network/plans_form.html", title, values)


def _fields(visit: Visit, name: str, terms: Terms, currency: str) -> dict[str, str]:
    """What stands in each field: what was sent, or what the plan asks."""
    window = ""
    if terms.window_opens_month and terms.window_opens_day:
        window = f"{terms.window_opens_month:02}-{terms.window_opens_day:02}"
    known = {
        "code": "",
        "name": name,
        "opens_on": "",
        "registration_fee": _shown_amount(terms.registration_fee_minor, currency),
        "per_household": _shown_amount(terms.household_minor, currency),
        "per_beneficiary": _shown_amount(terms.beneficiary_minor, currency),
        "minimum_payment": _shown_amount(terms.minimum_payment_minor, currency),
        "instalments": str(terms.instalments),
        "waiting_days": str(terms.waiting_days),
        "grace_days": str(terms.grace_days),
        "activation_percent": str(terms.activation_percent),
        "penalty_percent": str(terms.penalty_percent),
        "year_starts_month": _or_none(terms.year_starts_month),
        "included_people": str(terms.included_people),
        "charged_people_max": _or_none(terms.charged_people_max),
        "people_max": _or_none(terms.people_max),
        "lapsed_waiting_days": _or_none(terms.lapsed_waiting_days),
        "window_opens": window,
        "window_days": _or_none(terms.window_days),
    }
    return {key: words.typed(visit, key, value) for key, value in known.items()}


def _tariff_fields(visit: Visit, one: Category, own: InPlan | None, currency: str) -> dict[str, str]:
    known = {
        "fee": _shown_amount(own.registration_fee_minor, currency) if own else "",
        "household": _shown_amount(own.household_minor, currency) if own else "",
        "person": _shown_amount(own.beneficiary_minor, currency) if own else "",
        "percent": str(own.subsidy_percent) if own else "0",
        "payer": (own.subsidiser_code or "") if own else "",
    }
    typed = {key: words.typed(visit, f"{key}-{one.code}", value) for key, value in known.items()}
    return {"code": one.code, "name": one.name, **typed}


def _shown_amount(minor: int | None, currency: str) -> str:
    return "" if minor is None else str(Money(minor, currency).decimal)


def _or_none(number: int | None) -> str:
    return "" if number is None else str(number)


def _add(visit: Visit, place: Organisation, before: Plan | None) -> Answer:
    told = _told(visit, place, before)
    shown = _preview(visit, place, told)
    if visit.sent.get("step") != ADD:
        return _form(visit, place, before, shown)

    def act(unit: Unit) -> Done:
        take_turn(unit, "plans")
        if before is None and any(told.code == one.code for one, _ in versions_of(unit.connection, place.id)):
            raise Refused(visit.say("There is a plan with this code already: add a version to it."), "code")
        [(code, version)] = add_versions(unit, visit.tree, place.code, PlansPart(plans=[told]))
        note = visit.say(
            "Added: {name}, version {version}. It opens on {day}.", name=told.name, version=version, day=told.opens_on
        )
        after = told.model_dump(mode="json", exclude_defaults=True) | {"version": version}
        return Done(
            f"/network/{place.id}/plans", note, _before(unit.connection, before), after, about=f"plan:{code}"
        )  # fmt: skip

    return visit.do("plan.version_added", act, place=place.id)


def _before(connection: Connection, before: Plan | None) -> dict[str, Any] | None:
    """What the version before asks, for whoever looks the change up."""
    if before is None:
        return None
    terms = before.terms
    return {
        "version": before.version,
        "name": before.name,
        "registration_fee": _shown_amount(terms.registration_fee_minor, before.currency),
        "per_household": _shown_amount(terms.household_minor, before.currency),
        "per_beneficiary": _shown_amount(terms.beneficiary_minor, before.currency),
        "minimum_payment": _shown_amount(terms.minimum_payment_minor, before.currency),
        "instalments": terms.instalments,
        "waiting_days": terms.waiting_days,
        "grace_days": terms.grace_days,
        "activation_percent": terms.activation_percent,
        "tariffs": [
            {"category": one.category.code, "subsidy_percent": one.subsidy_percent, "subsidiser": one.subsidiser_code}
            for one in tariffs_in(connection, before.id)
        ],
    }


def _preview(visit: Visit, place: Organisation, told: PlanPart) -> list[Example]:
    """What a family would pay in what was typed; raises :class:`Refused`."""
    try:
        terms = terms_of(told, place.code, place.currency)
    except Fault as fault:
        raise Refused(fault.said(visit.say)) from None

    def minor(amount: str | None, of_plan: int) -> int:
        return of_plan if amount is None else Money.from_decimal(amount, place.currency).minor

    def made(one: TariffPart, of_plan: Tariff) -> Tariff:
        return Tariff(
            minor(one.registration_fee, of_plan.registration_fee_minor),
            minor(one.per_household, of_plan.household_minor),
            minor(one.per_beneficiary, of_plan.beneficiary_minor),
            of_plan.included_people,
            of_plan.charged_people_max,
            one.subsidy_percent,
        )

    with visit.store.read() as connection:
        names = {one.code: one.name for one in categories_for(connection, visit.tree, place.id)}
    tariffs = [(names[one.category], lambda of_plan, one=one: made(one, of_plan)) for one in told.tariffs]
    try:
        # The largest family that may be, too: what can't be counted can't be asked.
        _examples(visit, terms, place.currency, told.opens_on, MOST_PEOPLE, tariffs)
        return _examples(visit, terms, place.currency, told.opens_on, A_FAMILY, tariffs)
    except BadAmount:
        raise Refused(visit.say("These amounts are too large."), "per_beneficiary") from None


def _told(visit: Visit, place: Organisation, before: Plan | None) -> PlanPart:
    """The plan as it was typed; raises :class:`Refused`."""
    say, currency = visit.say, place.currency
    code = before.code if before is not None else _code(visit, "code", 20)
    opens_on = visit.day("opens_on")
    if opens_on < visit.today(place.id):
        raise Refused(say("It opens today at the soonest: what was offered stays what it was."), "opens_on")
    window_opens = visit.text("window_opens", most=5, needed=False) or None
    if window_opens is not None:
        try:
            date.fromisoformat(f"2024-{window_opens}")
        except ValueError:
            raise Refused(say("Type month and day, like 01-15."), "window_opens") from None
    window_days = _maybe(visit, "window_days", 1, 365)
    if (window_opens is None) != (window_days is None):
        raise Refused(say("The day and the number of days belong together."), "window_days")
    month = _maybe(visit, "year_starts_month", 1, 12)
    pro_rata = visit.sent.get("pro_rata") == "yes"
    if pro_rata and month is None:
        raise Refused(say("That belongs to a plan whose year begins in a month: choose it."), "year_starts_month")
    with visit.store.read() as connection:
        known = categories_for(connection, visit.tree, place.id)
        payers = {one.code for one in _payers(visit, connection, place)}
    tariffs = [one for one in (_tariff(visit, each, payers, currency) for each in known) if one is not None]
    return PlanPart(
        code=code,
        name=visit.text("name", most=40),
        opens_on=opens_on,
        registration_fee=_amount(visit, "registration_fee", currency) or "0",
        per_household=_amount(visit, "per_household", currency) or "0",
        per_beneficiary=_amount(visit, "per_beneficiary", currency) or "0",
        minimum_payment=_amount(visit, "minimum_payment", currency) or "0",
        instalments=visit.count("instalments", least=1, most=12),
        waiting_days=visit.count("waiting_days", least=0, most=366),
        grace_days=visit.count("grace_days", least=0, most=366),
        activation_percent=visit.count("activation_percent", least=1, most=100),
        penalty_percent=visit.count("penalty_percent", least=0, most=100),
        year_starts_month=month,
        lapsed_waiting_days=_maybe(visit, "lapsed_waiting_days", 0, 366),
        window_opens=window_opens,
        window_days=window_days,
        included_people=visit.count("included_people", least=0, most=MOST_PEOPLE),
        charged_people_max=_maybe(visit, "charged_people_max", 0, MOST_PEOPLE),
        people_max=_maybe(visit, "people_max", 1, MOST_PEOPLE),
        pro_rata=pro_rata,
        tariffs=tariffs,
    )


def _tariff(visit: Visit, one: Category, payers: set[str], currency: str) -> TariffPart | None:
    """What a category would pay; None where it pays what the plan asks of everybody."""
    fee, household, person = (_amount(visit, f"{name}-{one.code}", currency) for name in ("fee", "household", "person"))
    percent = visit.count(f"percent-{one.code}", least=0, most=100)
    payer = visit.sent.get(f"payer-{one.code}") or None
    if payer is not None and payer not in payers:
        raise Refused(visit.say("Choose one of the list."), f"payer-{one.code}")
    if (payer is None) != (percent == 0):
        raise Refused(visit.say("A subsidy has a share and somebody who pays it."), f"percent-{one.code}")
    if (fee, household, person, percent) == (None, None, None, 0):
        return None
    return TariffPart(
        category=one.code,
        registration_fee=fee,
        per_household=household,
        per_beneficiary=person,
        subsidy_percent=percent,
        subsidiser=payer,
    )


def _amount(visit: Visit, name: str, currency: str) -> str | None:
    """An amount as it was typed, zero too, in major units; None where nothing was."""
    typed = visit.sent.get(name)
    if not typed or typed.strip("0.,") == "":
        return "0" if typed else None
    try:
        return str(read_amount(typed, currency).decimal)
    except BadAmount:
        raise Refused(visit.say("Type an amount, like 2500."), name) from None


def _maybe(visit: Visit, name: str, least: int, most: int) -> int | None:
    return visit.count(name, least=least, most=most) if visit.sent.get(name) else None


def _code(visit: Visit, name: str, most: int) -> str:
    typed = visit.text(name, most=most).lower()
    if not typed.isascii() or not typed.replace("-", "").isalnum():
        raise Refused(visit.say("A code has small letters, figures and hyphens."), name)
    return typed


# --- categories and those who pay for them ----------------------------------------------------------------------------


@AREA.post("/network/<organisation>/categories", Right.CHANGE_NETWORK, shown_by=plans_page)
def new_category(visit: Visit, one: Organisation) -> Answer:
    """Add a category of households; what it pays is said with the next version of a plan."""
    code, name = _code(visit, "category_code", 20), visit.text("category_name", most=40)

    def act(unit: Unit) -> Done:
        take_turn(unit, "categories")
        if owner_of_categories(unit.connection, visit.tree, one.id) not in (None, one.id):
            raise Refused(visit.say("The categories here are those of the organisation above: add it there."))
        if code in [each.code for each in categories_for(unit.connection, visit.tree, one.id)]:
            raise Refused(visit.say("This code is there already."), "category_code")
        add_category(unit, one.id, code, name)
        note = visit.say("Added. Say what it pays in the next version of a plan.")
        return Done(f"/network/{one.id}/plans", note, after={"code": code, "name": name})

    return visit.do("category.added", act, about=f"category:{code}", place=one.id)


@AREA.post("/network/<organisation>/subsidisers", Right.CHANGE_NETWORK, shown_by=plans_page)
def new_subsidiser(visit: Visit, one: Organisation) -> Answer:
    """Add somebody who pays what members of a category needn't."""
    code, name = _code(visit, "payer_code", 40), visit.text("payer_name", most=60)

    def act(unit: Unit) -> Done:
        take_turn(unit, "subsidisers")
        if code in [each.code for each in subsidisers(unit.connection)]:
            raise Refused(visit.say("This code is there already."), "payer_code")
        add_subsidiser(unit, one.id, code, name)
        note = visit.say("Added: {name}", name=name)
        return Done(f"/network/{one.id}/plans", note, after={"code": code, "name": name})

    return visit.do("subsidiser.added", act, about=f"subsidiser:{code}", place=one.id)
