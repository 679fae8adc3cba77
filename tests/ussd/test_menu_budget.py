"""Promise 8: no screen exceeds its budget, in any language, with the longest data that the schema admits.

Every screen class needs a strategy here: a new one without it fails.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gateway.ussd.screens  # noqa: F401  (importing them makes them known)
from gateway.kernel.money import EXPONENT, MAX_MINOR, Money
from gateway.locale import Say
from gateway.membership.households import Household, Standing
from gateway.membership.people import Person
from gateway.membership.plans import Plan
from gateway.membership.rules import Cover, State, Terms
from gateway.network.organisations import Organisation
from gateway.payments.limits import largest_payment
from gateway.payments.operators import Operators
from gateway.payments.routes import Route
from gateway.settings import LANGUAGES
from gateway.sms.gsm7 import fold, septets
from gateway.ussd.effects import AskForPayment, PaymentAnswer, RegisteredAs, RegisterHousehold
from gateway.ussd.pages import Page, Part, cut
from gateway.ussd.screen import Word, kind, screens, word
from gateway.ussd.screens.cover import MyCover
from gateway.ussd.screens.home import MOST_HOUSEHOLDS, Home, Resume, WhichHousehold
from gateway.ussd.screens.language import Language
from gateway.ussd.screens.pay import (
    ConfirmPayment,
    HowMuch,
    PayByReference,
    PaymentAsked,
    PayWhat,
    WhichPhone,
)
from gateway.ussd.screens.register import (
    KIN,
    MOST_PEOPLE,
    MOST_SECTIONS_FOUND,
    ConfirmFamily,
    Draft,
    Family,
    FindSection,
    Goodbye,
    HeadName,
    HeadSex,
    HeadYear,
    KinName,
    KinYear,
    PickPlan,
    PickSection,
    Registered,
    Remove,
)

BUDGETS = (160, 182, 80)
TODAY = date(2026, 11, 22)

# Letters of which some fold to two or three (œ, ß stays, ﬃ), and for names of organisations what costs two septets.
NAME_LETTERS = "aEéêçœŒßﬃŋƉɔñ -'"
TITLE_LETTERS = NAME_LETTERS + '€{}[]~^\\|"0189&<>😀\u00a0'
LONG_NAME, LONG_TITLE = "Ndayikengurukiye Œ" * 3 + "ﬃﬃﬃﬃﬃﬃ", "Œ€{}" * 15
PHONES = ("+2290150000001", "+25763000001", "+243810000001", "+224610000001", "+46733123450", "+999123456789012")


def texts(letters: str, most: int, longest: str) -> st.SearchStrategy[str]:
    """Texts up to ``most`` characters, the longest among them often."""
    any_length = st.text(letters, min_size=1, max_size=most).filter(lambda text: bool(fold(text).strip()))
    return st.one_of(st.just(longest[:most]), any_length)


names = texts(NAME_LETTERS, 60, LONG_NAME)
titles = texts(TITLE_LETTERS, 60, LONG_TITLE)
plan_names = texts(TITLE_LETTERS, 40, LONG_TITLE)
cards = st.sampled_from(("208715669", "111111111", "599999999"))
phones = st.sampled_from(PHONES)
currencies = st.sampled_from(sorted(EXPONENT))
days = st.dates(date(2020, 1, 1), date(2099, 12, 31))


def amounts(currency: str, least: int = 0, most: int = MAX_MINOR) -> st.SearchStrategy[Money]:
    figures = st.one_of(st.just(most), st.just(least), st.integers(least, most))
    return figures.map(lambda minor: Money(minor, currency))


any_amounts = currencies.flatmap(amounts)
payments = currencies.flatmap(lambda currency: amounts(currency, 1, largest_payment(currency).minor))


def organisation(
    number: int, name: str, languages: tuple[str, ...] = LANGUAGES, merchant_code: str | None = None
) -> Organisation:
    return Organisation(
        number, None, f"/{number}/", "section", str(number), name, name, "BJ", "XOF", "Africa/Porto-Novo",
        languages, merchant_code, False, number,
    )  # fmt: skip


@dataclass(frozen=True)
class Imagined:
    """What a screen sees, made up: a value for each of its questions."""

    caller: str
    root: Organisation
    organisations: tuple[Organisation, ...]
    open_plans: list[Plan]
    one: Household
    how_it_stands: Standing
    names: list[str]
    way: Route | None
    today: date = field(default=TODAY)

    def households(self) -> list[Household]:
        return [self.one]

    def household(self, card: str) -> Household | None:
        return self.one

    def standing(self, household: Household) -> Standing:
        return self.how_it_stands

    def standing_and_names(self, household: Household) -> tuple[Standing, list[str]]:
        return self.how_it_stands, self.names

    def sections(self) -> Sequence[Organisation]:
        return self.organisations

    def organisation(self, organisation_id: int) -> Organisation:
        return self.organisations[organisation_id]

    def plans(self, section_id: int) -> list[Plan]:
        return self.open_plans

    def route(self, msisdn: str) -> Route | None:
        return self.way


@st.composite
def households(draw: st.DrawFn) -> Household:
    return Household(1, draw(cards), 0, draw(names), "fr", draw(currencies), "Africa/Porto-Novo")


@st.composite
def standings(draw: st.DrawFn) -> Standing:
    one = draw(households())
    left, due, to_start, least = (draw(amounts(one.currency)) for _ in range(4))
    cover = Cover(draw(st.sampled_from(State)), draw(days), draw(days), left.minor, to_start.minor, draw(days))
    return Standing(one, cover, left, due, to_start, least, draw(st.integers(1, MOST_PEOPLE)))


@st.composite
def plans(draw: st.DrawFn) -> list[Plan]:
    count, name, amount = draw(st.integers(1, 9)), draw(plan_names), draw(st.integers(0, MAX_MINOR // 2))
    terms = Terms(amount, amount, 0, draw(st.integers(1, 12)), 0, 0, 100, 1, None)
    return [Plan(number, 0, str(number), 1, name, draw(currencies), terms) for number in range(count)]


@st.composite
def worlds(draw: st.DrawFn) -> Imagined:
    offered = tuple(draw(st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=4, unique=True)))
    standing, title = draw(standings()), draw(titles)
    code = draw(st.none() | texts(TITLE_LETTERS, 20, LONG_TITLE))
    way = st.sampled_from((None, Route("push", "MTN MoMo", "mtn_momo"), Route("reference", "Moov Money")))
    return Imagined(
        draw(phones),
        organisation(0, draw(titles), offered),
        tuple(organisation(number, title, merchant_code=code) for number in range(MOST_SECTIONS_FOUND)),
        draw(plans()),
        standing.household,
        standing,
        [draw(names)] * draw(st.integers(1, MOST_PEOPLE)),
        draw(way),
    )


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    person = Person(draw(names), "F", draw(st.integers(1906, 2026)), "head")
    return Draft((person,) * draw(st.sampled_from((1, 2, 6, MOST_PEOPLE))), 0, 0)


own_households = st.lists(households(), min_size=2, max_size=MOST_HOUSEHOLDS).map(tuple)
answers = st.sampled_from([PaymentAnswer("asked"), PaymentAnswer("in-progress"), PaymentAnswer("gone")])
registrations = st.builds(RegisteredAs, cards, any_amounts, any_amounts, st.booleans())
kins = st.sampled_from(KIN)

OPERATOR_NAMES = [one.name for one in Operators.load().all]

STRATEGIES: dict[type, st.SearchStrategy[Any]] = {
    Home: st.builds(
        Home,
        st.one_of(st.just(()), households().map(lambda one: (one,)), own_households),
        st.none(),
        st.booleans(),
    ),
    WhichHousehold: st.builds(WhichHousehold, own_households, st.sampled_from(("cover", "pay"))),
    Resume: st.builds(Resume),
    Language: st.builds(Language),
    MyCover: st.builds(MyCover, households()),
    PayWhat: currencies.flatmap(
        lambda currency: st.builds(PayWhat, cards, amounts(currency), amounts(currency), amounts(currency))
    ),
    HowMuch: st.builds(HowMuch, cards, any_amounts),
    ConfirmPayment: st.builds(ConfirmPayment, cards, payments, phones),
    WhichPhone: st.builds(WhichPhone, cards, payments),
    PaymentAsked: st.builds(
        PaymentAsked, st.builds(AskForPayment, cards, payments, phones, st.just("mtn_momo")), answers
    ),
    PayByReference: st.builds(PayByReference, cards, payments, st.sampled_from(OPERATOR_NAMES)),
    HeadName: st.builds(HeadName),
    HeadSex: st.builds(HeadSex, names),
    HeadYear: st.builds(HeadYear, names, st.just("F")),
    FindSection: st.builds(FindSection, drafts()),
    PickSection: st.builds(
        PickSection, drafts(), st.integers(1, MOST_SECTIONS_FOUND).map(lambda count: tuple(range(count)))
    ),
    PickPlan: st.builds(PickPlan, drafts()),
    Family: st.builds(Family, drafts()),
    KinName: st.builds(KinName, drafts(), kins),
    KinYear: st.builds(KinYear, drafts(), kins, names),
    ConfirmFamily: st.builds(ConfirmFamily, drafts()),
    Remove: st.builds(Remove, drafts()),
    Registered: st.builds(Registered, st.just(RegisterHousehold(0, 0, ())), st.none() | registrations),
    Goodbye: st.builds(Goodbye),
}

notes = st.one_of(
    st.none(),
    st.builds(lambda title: word("No plan is open in {section} now.", section=title), titles),
    st.builds(lambda amount: word("At most {most} at a time.", most=amount), any_amounts),
    st.just(word("This is not a mobile number. Write it like {example}.", example="+999 1234 5678 9012")),
    st.just(word("The connection was lost. Please start again here.")),
)

AT_HOME = (Home, Resume, Language)


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


def check(page: Page, say: Say, budget: int, at_home: bool, note: str) -> list[Part]:
    """Everything that must hold of a page's parts, worked out from the page itself."""
    parts = cut(page, say, budget, at_home=at_home, note=note)
    lines_of = []
    for number, part in enumerate(parts, 1):
        assert septets(part.text) <= budget, (septets(part.text), part.text)  # raises for a letter outside GSM
        lines = part.text.split("\n")
        footer = expected_footer(page, say, at_home, number, len(parts))
        if footer:
            assert lines.pop() == footer
        assert part.last == (number == len(parts))
        assert lines, "a screen that holds nothing but its footer"
        lines_of.append(lines)

    # Read on from part to part: every line is there, whole, in its order, begins a line, and nothing else is there.
    wanted = [line for line in (fold(note), *fold(page.text).split("\n")) if line.strip()]
    labels = [f"{number} {fold(label)}" for number, label in enumerate(page.choices, 1)]
    shown = [(number, line) for number, lines in enumerate(lines_of) for line in lines]
    completed: list[tuple[int, str]] = []
    for line in (*wanted, *labels):
        piece = ""
        while without_spaces(piece) != without_spaces(line):
            assert shown, f"not shown: {line!r}"
            number, more = shown.pop(0)
            piece += more
            assert without_spaces(line).startswith(without_spaces(piece)), (line, piece)
        completed.append((number, line))
    assert not shown

    # A choice counts from the part on that shows all of it.
    for number, part in enumerate(parts):
        assert part.choices == sum(1 for at, line in completed[len(wanted) :] if at <= number)
    return parts


def expected_footer(page: Page, say: Say, at_home: bool, number: int, count: int) -> str:
    """What a part must say about the ways on, back and home."""
    ways = []
    if number < count:
        ways.append(f"98 {fold(say('More'))}")
    if page.back and not page.ends and not (at_home and number == 1):
        ways.append(f"0 {fold(say('Back'))}")
    if number == count and not page.ends and not at_home:
        ways.append(f"00 {fold(say('Home'))}")
    return "  ".join(ways)


@pytest.mark.parametrize("name", sorted(screens()))
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_part_of_every_screen_fits_and_nothing_is_dropped(name: str, data: st.DataObject) -> None:
    cls = screens()[name]
    assert cls in STRATEGIES, f"give the screen {name} a strategy in {__file__}"
    known = kind(name)
    assert known is not None
    one, see, note = data.draw(STRATEGIES[cls]), data.draw(worlds()), data.draw(notes)
    for language in LANGUAGES:
        say = Say(language)
        page = one.show(say, see)
        said = note.said(say) if isinstance(note, Word) else ""
        assert len(page.choices) < 98
        assert page.ends == (known.takes is None)  # an ending takes no answer, and everything else takes one
        for budget in BUDGETS:
            check(page, say, budget, cls in AT_HOME, said)


def test_no_strategy_is_left_of_a_screen_that_is_gone() -> None:
    assert set(STRATEGIES) == set(screens().values())


@settings(max_examples=60, deadline=None)
@given(card=cards, amount=payments, payer=phones)
def test_the_end_that_a_pin_prompt_waits_for_is_one_screen(card: str, amount: Money, payer: str) -> None:
    # In two parts the session would stay open, and the operator's prompt can't open over it.
    for language in LANGUAGES:
        say = Say(language)
        asked = PaymentAsked(AskForPayment(card, amount, payer, "mtn_momo"), PaymentAnswer("asked"))
        page = asked.show(say, None)  # type: ignore[arg-type]
        for budget in (160, 182):
            assert [part.last for part in cut(page, say, budget)] == [True]


@pytest.mark.parametrize("offset", range(40, 90))
def test_a_figure_is_never_cut_in_two(offset: int) -> None:
    figure = "12 345 678"
    page = Page("a" * 5 + " " + "b" * (offset - 6) + f" {figure} c c c c", ["Oui"])
    parts = cut(page, Say("fr"), 80)
    assert sum(figure in part.text for part in parts) == 1
