"""Promise 8: no screen exceeds its budget, in any language, with the longest data that the schema admits.

Every screen class needs a maker here: a new one without it fails. ``EXAMPLES=500 pytest …`` looks for longer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, String

import gateway.ussd.screens  # noqa: F401  (importing them makes them known)
from gateway.kernel.money import EXPONENT, MAX_MINOR, Money
from gateway.locale import Say
from gateway.membership.arrears import DueRow
from gateway.membership.dues import Terms
from gateway.membership.family import Beneficiary, Joins, Price
from gateway.membership.households import Household, Standing
from gateway.membership.people import MOST_PEOPLE, Person
from gateway.membership.pins import seal
from gateway.membership.plans import Plan
from gateway.membership.renewal import Renewal
from gateway.membership.requests import Request
from gateway.membership.rules import Cover, State
from gateway.membership.visits import Covered, OnCard
from gateway.network.facilities import Facility
from gateway.network.organisations import Organisation
from gateway.payments.cash import Handover
from gateway.payments.cash_corrections import CashReceipt
from gateway.payments.names import LONGEST
from gateway.payments.push.limits import largest_payment, most_from_payer
from gateway.payments.push.operators import Operators
from gateway.payments.push.routes import Route
from gateway.payments.takings import Collected, Payment, Takings
from gateway.payments.unasked.declarations import Told
from gateway.settings import LANGUAGES
from gateway.sms.gsm7 import fold, septets
from gateway.store.schema import beneficiary as beneficiary_table
from gateway.store.schema import facility as facility_table
from gateway.store.schema import organisation as organisation_table
from gateway.store.schema import plan as plan_table
from gateway.store.schema import request as request_table
from gateway.store.schema import staff as staff_table
from gateway.ussd import engine
from gateway.ussd.effects.cash import CashAnswer, DayAnswer
from gateway.ussd.effects.correcting import REASONS
from gateway.ussd.effects.declaring import DeclaredAnswer
from gateway.ussd.effects.family import FamilyChanged, Renewed
from gateway.ussd.effects.paying import PaymentAnswer, ReceiptAnswer, Seen
from gateway.ussd.effects.pins import STAFF
from gateway.ussd.effects.registering import RegisteredAs
from gateway.ussd.pages import Page, Part, cut
from gateway.ussd.reads import MOST_DUE, MOST_FACILITIES, MOST_LISTED
from gateway.ussd.screen import (
    Choice,
    Do,
    Role,
    See,
    Typed,
    Word,
    decode,
    encode,
    kind,
    screens,
    word,
)
from gateway.ussd.screens.agent import AgentDesk, ConfirmVisit, CoveredToday, VisitAnnounced, WhichPatients
from gateway.ussd.screens.animator import (
    AnimatorDesk,
    CallsToMake,
    CollectedToday,
    ConfirmHandOver,
    ConfirmPhone,
    DueHere,
    FamilyDesk,
    FindFamily,
    ForgetPin,
    GivePhone,
    OneCall,
    OnItsWay,
    WhichFamily,
)
from gateway.ussd.screens.cash import CashTaken, CashWhat, ConfirmCash, SameCash
from gateway.ussd.screens.correcting import ConfirmCorrect, ReceiptCorrected, WhichCash, WhyCorrect
from gateway.ussd.screens.cover import MyCover
from gateway.ussd.screens.declare import ConfirmDeclared, DeclareNumber, PaymentDeclared
from gateway.ussd.screens.facilities import (
    KINDS,
    MOST_DISTRICTS,
    MOST_FOUND,
    OneFacility,
    PickDistrict,
    PickFacility,
    WhichDistrict,
)
from gateway.ussd.screens.family import (
    WHY_LEAVE,
    ConfirmJoin,
    ConfirmLeave,
    FamilyIsNow,
    JoinDay,
    Joining,
    JoinKin,
    JoinName,
    JoinYear,
    LeaveDay,
    MyFamily,
    RenewYear,
    WhoLeaves,
    WhyJoin,
    WhyLeaves,
    YearRenewed,
)
from gateway.ussd.screens.home import (
    DESKS,
    MOST_HOUSEHOLDS,
    Home,
    OtherServices,
    Own,
    Resume,
    Service,
    WhichHousehold,
)
from gateway.ussd.screens.kin import KIN
from gateway.ussd.screens.language import Language
from gateway.ussd.screens.pay import (
    ConfirmPayment,
    HowManyMonths,
    HowMuch,
    PayByReference,
    PayFor,
    PaymentAsked,
    PayWhat,
    WhichPhone,
    WhichSeen,
)
from gateway.ussd.screens.payments import MyPayments
from gateway.ussd.screens.pin import AskPin, HouseholdPin, NewPin, NoPin, RepeatPin, wait_word
from gateway.ussd.screens.receipt import ReceiptCode, ReceiptGenuine, ReceiptUnknown, WhichReceipt
from gateway.ussd.screens.register import (
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
    OpensLater,
    PickPlan,
    PickSection,
    Registered,
    RegisteredFor,
    RegisterFor,
    Registrar,
    Remove,
)
from gateway.ussd.screens.requests import (
    CATEGORIES,
    LONGEST_COMPLAINT,
    CallAsked,
    ComplainOf,
    ComplaintFiled,
    ComplaintText,
    ConfirmComplaint,
    WantCall,
)
from gateway.ussd.screens.sms import NewsChoice, SmsChoice
from gateway.ussd.screens.treasurer import (
    CashToConfirm,
    CloseTheDay,
    ConfirmReceived,
    DayClosed,
    LastPayments,
    TodaysTakings,
    TreasurerDesk,
)

EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
BUDGETS = (80, 160, 182)
TODAY = date(2026, 11, 22)

# --- how long each thing can be ---------------------------------------------------------------------------------------

LARGEST_ID = 2**63 - 1
# Letters of which some fold to two or three (œ, ß stays, ﬃ), and for names of organisations what costs two septets.
NAME_LETTERS = "aEéêçœŒßﬃŋƉɔñ -'"
TITLE_LETTERS = NAME_LETTERS + '€{}[]~^\\|"0189&<>😀\u00a0'
# As people write, with a line's end and other signs of their phones.
TEXT_LETTERS = TITLE_LETTERS + "\nA:1٣"
LONG_NAMES = ("Ndayikengurukiye Œ" * 3 + "ﬃﬃﬃﬃﬃﬃ", "ﬃ" * 60, "É" * 60, "Œé " * 20)
LONG_TITLES = ("Œ€{}" * 15, "€" * 60, "Ouaké 2 " * 7 + "3456", "8" * 60)
LONG_TEXTS = (
    "Œ€{}" * 75,
    "On m'a demandé 25 000 F à l'hôpital. " * 8 + "Aidez",
    "€" * 300,
    "A" * 300,
    "1 234 567 " * 30,
)
PHONES = ("+2290150000001", "+25763000001", "+243810000001", "+224610000001", "+46733123450", "+999123456789012")
CARDS = ("208715669", "111111111", "599999999")
CURRENCIES = sorted(EXPONENT)
OPERATOR_NAMES = sorted((one.name for one in Operators.load().all), key=len)
MOST_ROLES = 12  # of one phone; nothing in the schema says how many, and nobody has so many
TURNS = 12  # enough for the longest list of alternatives below (a currency, a relation, a kind)

T = TypeVar("T")


class Pick(Protocol):
    """Where made-up data comes from: the longest of everything, or anything that can be."""

    def text(self, letters: str, most: int, longest: Sequence[str]) -> str:
        """A text of at most ``most`` letters."""

    def whole(self, least: int, most: int) -> int:
        """A whole number."""

    def one(self, alternatives: Sequence[T]) -> T:
        """One of several."""

    def many(self, make: Callable[[Pick], T], most: int, least: int = 0) -> list[T]:
        """Several of a kind."""


@dataclass(frozen=True)
class Longest:
    """The longest of everything; with each ``turn`` another alternative, so that all of them come."""

    turn: int

    def text(self, letters: str, most: int, longest: Sequence[str]) -> str:
        return longest[self.turn % len(longest)][:most]

    def whole(self, least: int, most: int) -> int:
        return most

    def one(self, alternatives: Sequence[T]) -> T:
        return alternatives[self.turn % len(alternatives)]

    def many(self, make: Callable[[Pick], T], most: int, least: int = 0) -> list[T]:
        return [make(self)] * most


@dataclass(frozen=True)
class Anything:
    """Whatever Hypothesis thinks of, the longest often."""

    draw: Callable[[st.SearchStrategy[Any]], Any]

    def text(self, letters: str, most: int, longest: Sequence[str]) -> str:
        any_length = st.text(letters, min_size=1, max_size=most).filter(lambda text: bool(fold(text).strip()))
        found: str = self.draw(st.one_of(st.sampled_from([one[:most] for one in longest]), any_length))
        return found

    def whole(self, least: int, most: int) -> int:
        found: int = self.draw(st.one_of(st.just(most), st.integers(least, most)))
        return found

    def one(self, alternatives: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(list(alternatives)))
        return found

    def many(self, make: Callable[[Pick], T], most: int, least: int = 0) -> list[T]:
        return [make(self)] * self.whole(least, most)


def name(pick: Pick) -> str:
    return pick.text(NAME_LETTERS, 60, LONG_NAMES)


def title(pick: Pick) -> str:
    return pick.text(TITLE_LETTERS, 60, LONG_TITLES)


def card(pick: Pick) -> str:
    return pick.one(CARDS)


def phone(pick: Pick) -> str:
    return pick.one(PHONES)


def number(pick: Pick) -> str:
    """A number with its check digit: a receipt's, a visit's, a request's."""
    return f"{pick.whole(1, LARGEST_ID)}0"


def day(pick: Pick) -> date:
    return date(2020, 1, 1) + timedelta(days=pick.whole(0, 29_000))


def amount(pick: Pick, currency: str = "", least: int = 0, most: int = MAX_MINOR) -> Money:
    return Money(pick.whole(least, most), currency or pick.one(CURRENCIES))


def payable(pick: Pick) -> Money:
    currency = pick.one(CURRENCIES)
    return amount(pick, currency, 1, largest_payment(currency).minor)


def amounts(pick: Pick) -> tuple[Money, ...]:
    """Cash of several countries in one hand: nobody's case, but nothing forbids it."""
    return tuple(amount(pick, currency, 1) for currency in CURRENCIES[: pick.whole(1, len(CURRENCIES))])


def yes_or_no(pick: Pick) -> bool:
    return pick.one((True, False))


def staff(pick: Pick) -> int:
    return pick.whole(1, LARGEST_ID)


def staff_or_none(pick: Pick) -> int | None:
    return pick.one((None, staff(pick)))


def person(pick: Pick) -> Person:
    return Person(name(pick), pick.one(("F", "M")), pick.whole(1906, 2026), "head")


def beneficiary(pick: Pick) -> Beneficiary:
    kin = pick.one(KIN)
    return Beneficiary(1, name(pick), kin.sex, pick.whole(1906, 2026), kin.relation, pick.one((day(pick), None)))


def family(pick: Pick) -> tuple[Beneficiary, ...]:
    head = Beneficiary(2, name(pick), "F", 1991, "head", None)
    return (head, *pick.many(beneficiary, MOST_PEOPLE - 1))


def on_card(pick: Pick) -> OnCard:
    covered = yes_or_no(pick)
    return OnCard(1, name(pick), pick.one(("F", "M")), pick.whole(1906, 2026), covered, None if covered else day(pick))


def household(pick: Pick) -> Household:
    return Household(
        1, card(pick), 0, name(pick), "fr", pick.one(CURRENCIES), "Africa/Porto-Novo", yes_or_no(pick),
        pick.one(("F", "M")),
    )  # fmt: skip


def several_households(pick: Pick) -> tuple[Household, ...]:
    return tuple(pick.many(household, MOST_HOUSEHOLDS, 2))


def role(pick: Pick) -> Role:
    return Role(staff(pick), pick.one((*DESKS, "adviser")), 0)


def seen(pick: Pick) -> Seen:
    return Seen(card(pick), household(pick).masked)


def several_seen(pick: Pick) -> tuple[Seen, ...]:
    return tuple(pick.many(seen, MOST_HOUSEHOLDS, 2))


def facility(pick: Pick) -> Facility:
    return Facility(
        1, 1, "a", title(pick), pick.one(sorted(KINDS)), "public", title(pick), pick.one((phone(pick), None)), TODAY,
        None,
    )  # fmt: skip


def callback(pick: Pick) -> Request:
    asked = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    text = pick.text(TEXT_LETTERS, 400, LONG_TEXTS)
    return Request(
        number(pick), "callback", "other", 1, 1, pick.one((card(pick), None)), phone(pick), "fr", text, "open", asked,
        None, None, None,
    )  # fmt: skip


def payment(pick: Pick) -> Payment:
    way = pick.one(("push", "reference", "cash"))
    return Payment(number(pick), "99999", amount(pick), day(pick), way, card(pick), name(pick), yes_or_no(pick))


def operator_number(pick: Pick) -> str:
    """An operator's number, as long as any is taken; of figures alone, or not."""
    return pick.one(("9" * LONGEST, "MW26" * 7 + "W9", "11005237542"))


def told(pick: Pick) -> Told:
    return Told(operator_number(pick), pick.one(("awaited", "unfound", "seen")))


def takings(pick: Pick) -> Takings:
    """Payments of every way in every currency, what operators took back, what was given back."""
    rows = tuple(
        (
            way,
            pick.whole(1, 10**9),
            amount(pick, currency) if way not in ("reversed", "refunded") else -amount(pick, currency),
        )
        for way in ("push", "reference", "cash", "reversed", "refunded")
        for currency in CURRENCIES
    )
    few = pick.whole(0, len(rows))
    return Takings(TODAY, rows[:few], amounts(pick) if few else ())


def handover(pick: Pick) -> Handover:
    return Handover(LARGEST_ID, name(pick), amount(pick, least=1), datetime(2026, 11, 22, 23, 59, tzinfo=UTC))


def due_row(pick: Pick) -> DueRow:
    return DueRow(card(pick), name(pick), pick.one((phone(pick), None)), amount(pick, least=1), day(pick))


def plan(pick: Pick) -> Plan:
    each = pick.whole(0, MAX_MINOR // 100)
    terms = Terms(each, each, each, pick.whole(1, 12), 0, 0, 100, 1, None)
    return Plan(0, 0, "famille", 1, pick.text(TITLE_LETTERS, 40, LONG_TITLES), pick.one(CURRENCIES), terms)


def organisation(pick: Pick) -> Organisation:
    languages = pick.one((LANGUAGES, LANGUAGES[:1], LANGUAGES[1:3]))
    merchant = pick.one((pick.text(TITLE_LETTERS, 20, LONG_TITLES), None))
    return Organisation(
        0, None, "/0/", "section", "a", title(pick), title(pick), "BJ", "XOF", "Africa/Porto-Novo", languages,
        merchant, False, 0,
    )  # fmt: skip


def standing(pick: Pick) -> Standing:
    one = household(pick)
    left, due, to_start, least, monthly, advance = (amount(pick, one.currency) for _ in range(6))
    cover = Cover(pick.one(list(State)), day(pick), day(pick), left.minor, to_start.minor, day(pick))
    unpaid = pick.one((frozenset({1}), frozenset()))
    left, advance = pick.one(((left, advance), (Money(0, one.currency), advance)))
    return Standing(one, cover, left, due, to_start, least, MOST_PEOPLE, monthly, yes_or_no(pick), advance, unpaid)


def renewal(pick: Pick) -> Renewal:
    return Renewal(plan(pick), day(pick), day(pick), MOST_PEOPLE, amount(pick), amount(pick), amount(pick))


def joining(pick: Pick) -> Joining:
    because: Joins = pick.one(("birth", "marriage", "arrival"))
    kin = pick.one(KIN)
    return Joining(card(pick), staff_or_none(pick), because, kin.relation, kin.sex, name(pick), 2026, day(pick))


def registrar(pick: Pick) -> Registrar:
    return pick.one((Registrar(), Registrar(staff(pick), phone(pick)), Registrar(staff(pick))))


def draft(pick: Pick) -> Draft:
    others = [person(pick)] * (pick.one((MOST_PEOPLE, 1, 2, 6)) - 1)
    return Draft((person(pick), *others), 0, 0, registrar(pick))


def registered(pick: Pick) -> RegisteredAs:
    return RegisteredAs(card(pick), amount(pick), amount(pick), yes_or_no(pick))


class Imagined:
    """What a screen sees, made up: each question is answered once, and then always the same."""

    def __init__(self, pick: Pick) -> None:
        self._pick = pick
        self._known: dict[str, Any] = {}

    def _once(self, make: Callable[[Pick], T], what: str = "") -> T:
        key = what or make.__name__
        if key not in self._known:
            self._known[key] = make(self._pick)
        found: T = self._known[key]
        return found

    def _some(self, make: Callable[[Pick], T], most: int) -> list[T]:
        return self._once(lambda pick: pick.many(make, most), f"several: {make.__name__}")

    @property
    def caller(self) -> str:
        return self._once(phone)

    @property
    def root(self) -> Organisation:
        return self._once(organisation, "root")

    @property
    def today(self) -> date:
        return TODAY

    def households(self) -> list[Household]:
        return self._some(household, MOST_HOUSEHOLDS)

    def household(self, card: str) -> Household | None:
        return self._once(lambda pick: pick.one((household(pick), None)), "household")

    def standing(self, household: Household) -> Standing:
        return self._once(standing)

    def standing_and_roster(self, household: Household) -> tuple[Standing, list[Beneficiary]]:
        return self.standing(household), self.roster("")

    def roster(self, card: str) -> list[Beneficiary]:
        return list(self._once(family))

    def price_of_joining(self, card: str, person: Person, because: Joins, happened_on: date) -> Price | None:
        return self._once(lambda pick: pick.one((Price(amount(pick), pick.one((day(pick), None))), None)), "price")

    def renewal(self, household: Household) -> Renewal | None:
        return self._once(lambda pick: pick.one((renewal(pick), None)), "renewal")

    def payments(self, household: Household) -> list[Payment]:
        return self._some(payment, 5)

    def declared(self, household: Household) -> list[Told]:
        return self._some(told, 3)

    def sms_stopped(self) -> bool:
        return self._once(yes_or_no)

    def reads_news(self) -> bool:
        return self._once(yes_or_no)

    def sections(self) -> Sequence[Organisation]:
        return self._some(organisation, 40)

    def organisation(self, organisation_id: int) -> Organisation:
        return self._once(organisation)

    def plans(self, section_id: int) -> list[Plan]:
        return self._once(lambda pick: pick.many(plan, 9, 1), "plans")

    def route(self, msisdn: str) -> Route | None:
        ways = (Route("push", "MTN MoMo", "mtn_momo"), Route("reference", OPERATOR_NAMES[-1]), None)
        return self._once(lambda pick: pick.one(ways), "route")

    def districts(self) -> list[str]:
        # A short list is shown, of a long one the letters are asked for.
        return self._once(lambda pick: pick.many(title, pick.one((MOST_DISTRICTS, 200))), "districts")

    def facilities(self, district: str) -> list[Facility]:
        return self._some(facility, MOST_FACILITIES)

    def sections_of_staff(self, staff: int) -> Sequence[Organisation]:
        return self.sections()

    def is_mine(self, staff: int, card: str) -> bool:
        return self._once(yes_or_no, "mine")

    def unreachable(self, *cards: str) -> set[str]:
        return set(cards) if self._once(yes_or_no, "unreachable") else set()

    def due_this_month(self, staff: int) -> list[DueRow]:
        return self._some(due_row, MOST_DUE)

    def collected_today(self, staff: int) -> Collected:
        return Collected(TODAY, tuple(self._some(payment, 999)), self._once(amounts))

    def held(self, staff: int) -> list[Money]:
        return self._once(lambda pick: pick.one((list(amounts(pick)), [])), "held")

    def calls_to_make(self, staff: int) -> list[Request]:
        return self._some(callback, MOST_LISTED)

    def takings_today(self, staff: int) -> Takings:
        return self._once(takings)

    def takings_to_close(self, staff: int) -> Takings:
        return self._once(takings)

    def last_payments(self, staff: int) -> list[Payment]:
        return self._some(payment, MOST_LISTED)

    def handovers(self, staff: int) -> list[Handover]:
        return self._some(handover, MOST_LISTED)

    def cash_receipt(self, typed: str) -> CashReceipt | None:
        return self._once(lambda pick: CashReceipt("key", number(pick), amount(pick), card(pick), name(pick)))

    def covered_today(self, card: str) -> Covered | None:
        def covered(pick: Pick) -> Covered:
            until = pick.one((day(pick), None))
            people = tuple(pick.many(on_card, MOST_PEOPLE))
            resumes = pick.one((amount(pick), None))
            return Covered(pick.one(list(State)), title(pick), title(pick), until, people, resumes)

        return self._once(lambda pick: pick.one((covered(pick), covered(pick), None)), "covered")


# --- the screens ------------------------------------------------------------------------------------------------------

THEN = encode(ConfirmCash(1, CARDS[0], LONG_NAMES[0], Money(1, "XOF")))
SEALED = seal("9071")


def pay_what(pick: Pick) -> PayWhat:
    currency, whose = pick.one(CURRENCIES), pick.one(("", household(pick).masked))
    left, due, least, monthly, advance = (amount(pick, currency) for _ in range(5))
    left, renews = pick.one(((left, False), (Money(0, currency), True), (left, False)))
    return PayWhat(card(pick), left, due, least, monthly, whose, pick.one((advance, None)), renews and not whose)


def cash_what(pick: Pick) -> CashWhat:
    left, due, least = (amount(pick, pick.one(CURRENCIES)) for _ in range(3))
    return CashWhat(staff(pick), card(pick), name(pick), left, due, least)


def how_many_months(pick: Pick) -> HowManyMonths:
    currency = pick.one(CURRENCIES)
    return HowManyMonths(card(pick), amount(pick, currency), amount(pick, currency), amount(pick, currency), name(pick))


def year_renewed(pick: Pick) -> YearRenewed:
    renewed = Renewed(card(pick), day(pick), amount(pick), pick.one((amount(pick), None, Money(0, "XOF"))))
    return YearRenewed(card(pick), staff_or_none(pick), renewed)


def cash_taken(pick: Pick) -> CashTaken:
    left = pick.one((amount(pick), Money(0, "XOF"), None))
    return CashTaken(staff(pick), CashAnswer(number(pick), "99999", amount(pick), left))


def receipt(pick: Pick) -> ReceiptAnswer:
    return ReceiptAnswer(
        True,
        amount(pick),
        day(pick),
        card(pick),
        name(pick),
        yes_or_no(pick),
        gone_back=amount(pick) if yes_or_no(pick) else None,
    )  # fmt: skip


def asked(pick: Pick) -> PaymentAnswer:
    limit = pick.one(("household", "payer", "prompts", "least", "most"))
    answer = pick.one(("asked", "in-progress", "gone", "limit"))
    return PaymentAnswer(answer, card(pick), payable(pick), phone(pick), 0, limit, payable(pick))


def declared(pick: Pick) -> DeclaredAnswer:
    answer: Any = pick.one(("awaited", "seen", "too-many", "not-a-number"))
    wait = pick.whole(1, 24 * 60)
    return DeclaredAnswer(answer, operator_number(pick), f"{number(pick)}-99999", payable(pick), wait)


def family_changed(pick: Pick) -> FamilyChanged:
    return FamilyChanged(name(pick), pick.one((amount(pick), None)), pick.one((day(pick), None)))


def home(pick: Pick) -> Home:
    households = pick.one((several_households(pick), (household(pick),), ()))
    return Home(households, tuple(pick.many(role, MOST_ROLES)), yes_or_no(pick))


def complaint(pick: Pick) -> ConfirmComplaint:
    text = pick.text(TEXT_LETTERS, LONGEST_COMPLAINT, LONG_TEXTS)
    return ConfirmComplaint(card_or_none(pick), pick.one(CATEGORIES)[0], text)


def card_or_none(pick: Pick) -> str | None:
    return pick.one((card(pick), None))


OWN_ITEMS: tuple[Own | Service, ...] = ("cover", "pay", "payments", "family", "pin", "complain", "call")

MAKERS: dict[type, Callable[[Pick], Any]] = {
    Home: home,
    WhichHousehold: lambda pick: WhichHousehold(several_households(pick), pick.one(OWN_ITEMS)),
    OtherServices: lambda pick: OtherServices(pick.one((several_households(pick), (household(pick),), ()))),
    Resume: lambda pick: Resume(),
    Language: lambda pick: Language(),
    MyCover: lambda pick: MyCover(household(pick)),
    MyPayments: lambda pick: MyPayments(household(pick)),
    # pay
    PayFor: lambda pick: PayFor(),
    WhichSeen: lambda pick: WhichSeen(several_seen(pick)),
    PayWhat: pay_what,
    HowManyMonths: how_many_months,
    HowMuch: lambda pick: HowMuch(card(pick), amount(pick), name(pick)),
    ConfirmPayment: lambda pick: ConfirmPayment(card(pick), payable(pick), phone(pick), pick.one((name(pick), ""))),
    WhichPhone: lambda pick: WhichPhone(card(pick), payable(pick), name(pick)),
    PaymentAsked: lambda pick: PaymentAsked(asked(pick)),
    PayByReference: lambda pick: PayByReference(card(pick), payable(pick), OPERATOR_NAMES[-1]),
    # I have paid
    DeclareNumber: lambda pick: DeclareNumber(card(pick)),
    ConfirmDeclared: lambda pick: ConfirmDeclared(card(pick), operator_number(pick)),
    PaymentDeclared: lambda pick: PaymentDeclared(declared(pick)),
    # PINs
    AskPin: lambda pick: AskPin(pick.one((STAFF, card(pick))), THEN),
    NoPin: lambda pick: NoPin(),
    NewPin: lambda pick: NewPin(pick.one((STAFF, card(pick))), pick.one((THEN, ""))),
    RepeatPin: lambda pick: RepeatPin(pick.one((STAFF, card(pick))), pick.one((THEN, "")), SEALED),
    HouseholdPin: lambda pick: HouseholdPin(card(pick), yes_or_no(pick)),
    # the family
    MyFamily: lambda pick: MyFamily(card(pick), family(pick), staff_or_none(pick)),
    WhyJoin: lambda pick: WhyJoin(card(pick), staff_or_none(pick)),
    JoinKin: lambda pick: JoinKin(joining(pick)),
    JoinName: lambda pick: JoinName(joining(pick)),
    JoinYear: lambda pick: JoinYear(joining(pick)),
    JoinDay: lambda pick: JoinDay(joining(pick)),
    ConfirmJoin: lambda pick: ConfirmJoin(joining(pick)),
    FamilyIsNow: lambda pick: FamilyIsNow(card(pick), staff_or_none(pick), family_changed(pick), yes_or_no(pick)),
    WhoLeaves: lambda pick: WhoLeaves(card(pick), (*family(pick), beneficiary(pick)), staff_or_none(pick)),
    WhyLeaves: lambda pick: WhyLeaves(card(pick), beneficiary(pick), staff_or_none(pick)),
    LeaveDay: lambda pick: LeaveDay(card(pick), beneficiary(pick), pick.one(WHY_LEAVE)[0], staff_or_none(pick)),
    ConfirmLeave: lambda pick: ConfirmLeave(
        card(pick), beneficiary(pick), pick.one(WHY_LEAVE)[0], day(pick), staff_or_none(pick)
    ),
    RenewYear: lambda pick: RenewYear(card(pick), staff_or_none(pick)),
    YearRenewed: year_renewed,
    # registering
    RegisterFor: lambda pick: RegisterFor(staff(pick)),
    HeadName: lambda pick: HeadName(registrar(pick)),
    HeadSex: lambda pick: HeadSex(name(pick), registrar(pick)),
    HeadYear: lambda pick: HeadYear(name(pick), pick.one(("F", "M")), registrar(pick)),
    FindSection: lambda pick: FindSection(draft(pick)),
    PickSection: lambda pick: PickSection(draft(pick), tuple(pick.many(lambda _: 0, MOST_SECTIONS_FOUND, 1))),
    PickPlan: lambda pick: PickPlan(draft(pick)),
    Family: lambda pick: Family(draft(pick)),
    KinName: lambda pick: KinName(draft(pick), pick.one(KIN)),
    KinYear: lambda pick: KinYear(draft(pick), pick.one(KIN), name(pick)),
    ConfirmFamily: lambda pick: ConfirmFamily(draft(pick)),
    Remove: lambda pick: Remove(Draft((person(pick), *[person(pick)] * pick.whole(1, MOST_PEOPLE - 1)))),
    Registered: lambda pick: Registered(registered(pick)),
    RegisteredFor: lambda pick: RegisteredFor(staff(pick), registered(pick)),
    Goodbye: lambda pick: Goodbye(),
    OpensLater: lambda pick: OpensLater(day(pick), staff_or_none(pick)),
    # other services
    WhichDistrict: lambda pick: WhichDistrict(),
    PickDistrict: lambda pick: PickDistrict(tuple(pick.many(title, MOST_FOUND, 2))),
    PickFacility: lambda pick: PickFacility(title(pick)),
    OneFacility: lambda pick: OneFacility(facility(pick)),
    WhichReceipt: lambda pick: WhichReceipt(),
    ReceiptCode: lambda pick: ReceiptCode(pick.text(TEXT_LETTERS, 400, LONG_TEXTS)),
    ReceiptGenuine: lambda pick: ReceiptGenuine(receipt(pick)),
    ReceiptUnknown: lambda pick: ReceiptUnknown(),
    ComplainOf: lambda pick: ComplainOf(card_or_none(pick)),
    ComplaintText: lambda pick: ComplaintText(card_or_none(pick), pick.one(CATEGORIES)[0]),
    ConfirmComplaint: complaint,
    ComplaintFiled: lambda pick: ComplaintFiled(number(pick)),
    WantCall: lambda pick: WantCall(card_or_none(pick)),
    CallAsked: lambda pick: CallAsked(yes_or_no(pick)),
    SmsChoice: lambda pick: SmsChoice(yes_or_no(pick)),
    NewsChoice: lambda pick: NewsChoice(yes_or_no(pick)),
    # the animator
    AnimatorDesk: lambda pick: AnimatorDesk(staff(pick)),
    FindFamily: lambda pick: FindFamily(staff(pick)),
    WhichFamily: lambda pick: WhichFamily(staff(pick), several_seen(pick)),
    FamilyDesk: lambda pick: FamilyDesk(staff(pick), card(pick)),
    GivePhone: lambda pick: GivePhone(staff(pick), card(pick)),
    ConfirmPhone: lambda pick: ConfirmPhone(staff(pick), card(pick), phone(pick)),
    ForgetPin: lambda pick: ForgetPin(staff(pick), card(pick)),
    CashWhat: cash_what,
    ConfirmCash: lambda pick: ConfirmCash(staff(pick), card(pick), name(pick), payable(pick)),
    CashTaken: cash_taken,
    SameCash: lambda pick: SameCash(staff(pick), card(pick), name(pick), payable(pick), number(pick)),
    DueHere: lambda pick: DueHere(staff(pick)),
    CollectedToday: lambda pick: CollectedToday(staff(pick)),
    ConfirmHandOver: lambda pick: ConfirmHandOver(staff(pick), amounts(pick)),
    OnItsWay: lambda pick: OnItsWay(staff(pick), amounts(pick)),
    CallsToMake: lambda pick: CallsToMake(staff(pick)),
    OneCall: lambda pick: OneCall(staff(pick), callback(pick)),
    # the treasurer
    TreasurerDesk: lambda pick: TreasurerDesk(staff(pick)),
    TodaysTakings: lambda pick: TodaysTakings(staff(pick)),
    LastPayments: lambda pick: LastPayments(staff(pick)),
    CashToConfirm: lambda pick: CashToConfirm(staff(pick)),
    WhichCash: lambda pick: WhichCash(staff(pick)),
    WhyCorrect: lambda pick: WhyCorrect(staff(pick), number(pick), name(pick), amount(pick)),
    ConfirmCorrect: lambda pick: ConfirmCorrect(
        staff(pick), number(pick), name(pick), amount(pick), pick.whole(0, len(REASONS) - 1)
    ),
    ReceiptCorrected: lambda pick: ReceiptCorrected(number(pick)),
    ConfirmReceived: lambda pick: ConfirmReceived(staff(pick), handover(pick)),
    CloseTheDay: lambda pick: CloseTheDay(staff(pick)),
    DayClosed: lambda pick: DayClosed(staff(pick), DayAnswer("closed", day(pick), amounts(pick))),
    # the agent of a health facility
    AgentDesk: lambda pick: AgentDesk(staff(pick)),
    WhichPatients: lambda pick: WhichPatients(staff(pick), several_seen(pick)),
    CoveredToday: lambda pick: CoveredToday(staff(pick), card(pick)),
    ConfirmVisit: lambda pick: ConfirmVisit(staff(pick), card(pick), on_card(pick), title(pick), day(pick)),
    VisitAnnounced: lambda pick: VisitAnnounced(staff(pick), number(pick), name(pick)),
}


def note(pick: Pick) -> Word | None:
    """A line that the engine puts before a page."""
    return pick.one(
        (
            word("No plan is open in {section} now.", section=title(pick)),
            word("At most {most} at a time.", most=amount(pick)),
            word("This is not a mobile number. Write it like {example}.", example="+999 1234 5678 9012"),
            wait_word(pick.whole(0, 24 * 60)),
            engine.LOST,
            None,
        )
    )


def made(cls: type, pick: Pick) -> Any:
    """A screen of a class, which needs a maker above."""
    assert cls in MAKERS, f"give the screen {cls.__name__} a maker in {__file__}"
    return MAKERS[cls](pick)


# --- what must hold of a page's parts ---------------------------------------------------------------------------------

# An amount, a date, a phone's or a card's number as it stands on a page.
FIGURE = re.compile(r"\d+(?:[ .,/']\d+)*")
LONGEST_FIGURE = 25  # a longer row of digits is a name that somebody made of them


def packed(text: str) -> str:
    return re.sub(r"\s", "", text)


@dataclass
class Line:
    """A line of a page while it is looked for on the parts: where it ended, and where it was cut."""

    text: str
    ended_on: int = 0
    cuts: list[int] = field(default_factory=list)  # counted in letters that aren't spaces

    def halves_no_figure(self) -> bool:
        """No cut goes through a figure."""
        for found in FIGURE.finditer(self.text):
            begin, end = len(packed(self.text[: found.start()])), len(packed(self.text[: found.end()]))
            if len(found[0]) <= LONGEST_FIGURE and any(begin < at < end for at in self.cuts):
                return False
        return True


def check(page: Page, say: Say, budget: int, at_home: bool, said: str) -> list[Part]:
    """Everything that must hold of a page's parts, worked out from the page itself."""
    parts = cut(page, say, budget, at_home=at_home, note=said)
    lines_of = []
    for at, part in enumerate(parts, 1):
        assert septets(part.text) <= budget, (septets(part.text), part.text)  # raises for a letter outside GSM
        lines = part.text.split("\n")
        footer = expected_footer(page, say, at_home, at, len(parts))
        if footer:
            assert lines.pop() == footer
        assert part.last == (at == len(parts))
        assert lines, "a screen that holds nothing but its footer"
        lines_of.append(lines)

    # Read on from part to part: every line is there, whole, in its order, begins a line, and nothing else is there.
    wanted = [line for line in (fold(said), *fold(page.text).split("\n")) if line.strip()]
    labels = [f"{number} {fold(label)}" for number, label in enumerate(page.choices, 1)]
    shown = [(at, line) for at, lines in enumerate(lines_of) for line in lines if line.strip()]
    completed = [_look_for(line, shown) for line in (*wanted, *labels)]
    assert not shown
    assert all(line.halves_no_figure() for line in completed), [part.text for part in parts]

    # A choice counts from the part on that shows all of it.
    for at, part in enumerate(parts):
        assert part.choices == sum(1 for line in completed[len(wanted) :] if line.ended_on <= at)
    return parts


def _look_for(text: str, shown: list[tuple[int, str]]) -> Line:
    """Take a line's pieces off what is shown."""
    line, piece = Line(text), ""
    while packed(piece) != packed(text):
        assert shown, f"not shown: {text!r}"
        if piece:
            line.cuts.append(len(packed(piece)))
        line.ended_on, more = shown.pop(0)
        piece += more
        assert packed(text).startswith(packed(piece)), (text, piece)
    return line


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


def fits(one: Any, see: See, before: Word | None, budgets: Sequence[int] = BUDGETS) -> None:
    """A screen's page in every language, at every budget."""
    known = kind(type(one).__name__)
    assert known is not None
    at_home = isinstance(one, engine.BEGINNINGS)
    for language in LANGUAGES:
        say = Say(language)
        page = one.show(say, see)
        said = before.said(say) if before is not None else ""
        assert len(page.choices) < 98  # the number that reads on
        assert page.ends == (known.takes is None)  # an ending takes no answer, and everything else takes one
        assert not page.choices or known.takes is Choice
        assert page.choices or page.ends or known.takes is Typed or hasattr(one, "typed")
        for budget in budgets:
            check(page, say, budget, at_home, said)


def is_itself_again(one: Any) -> None:
    """A screen as Redis keeps it is the same screen."""
    assert decode(encode(one)) == one


every_screen = pytest.mark.parametrize("cls", [cls for _, cls in sorted(screens().items())])
anything = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@every_screen
def test_every_screen_with_the_longest_data_fits(cls: type) -> None:
    for turn in range(TURNS):
        pick = Longest(turn)
        one = made(cls, pick)
        fits(one, Imagined(pick), note(pick))
        is_itself_again(one)


@every_screen
@anything
@given(data=st.data())
def test_every_screen_with_any_data_fits(cls: type, data: st.DataObject) -> None:
    pick = Anything(data.draw)
    one = made(cls, pick)
    fits(one, Imagined(pick), note(pick))
    is_itself_again(one)


def test_no_maker_is_left_of_a_screen_that_is_gone() -> None:
    assert set(MAKERS) == set(screens().values())


# --- where answers lead -----------------------------------------------------------------------------------------------

TYPED = (
    "1", "0", "12", "98", "500", "10 000", "2000001", "25/12", "31/02", "29022024", "9071", "1234", "48151", "1985",
    "11005237542", "mp26.2111.c9",
    "2026", "0150000777", "+25763000001", "208715669", "000123-48213", "a", "Éé", "ouake", "Awa Gado", "😀", "٥٠٠٠",
    "²½", "x" * 301, "1" * 400,
)  # fmt: skip


def lead_somewhere(one: Any, see: See) -> None:
    """Every number on the page, and whatever is typed, leads where the annotations say; what comes next can be shown.

    Between showing and taking nothing has changed here, so nothing may fail.
    """
    known = kind(type(one).__name__)
    assert known is not None
    answers: list[Any] = []
    if known.takes is Choice:
        count = len(one.show(Say("fr"), see).choices)
        answers += [one.take(Choice(chosen), see) for chosen in range(1, count + 1)]
        answers += [one.typed(Typed(typed), see) for typed in TYPED if len(typed) > 2 and hasattr(one, "typed")]
    elif known.takes is Typed:
        answers += [one.take(Typed(typed), see) for typed in TYPED]
    for after in answers:
        assert type(after) in known.destinations or (type(after) is Do and known.does), (one, after)
        if type(after) in MAKERS:
            after.show(Say("fr"), see)
            is_itself_again(after)


@every_screen
def test_every_number_on_a_page_leads_where_the_map_says(cls: type) -> None:
    for turn in range(TURNS):
        pick = Longest(turn)
        lead_somewhere(made(cls, pick), Imagined(pick))


@every_screen
@settings(anything, max_examples=max(2, EXAMPLES // 4))
@given(data=st.data())
def test_every_answer_to_any_page_leads_where_the_map_says(cls: type, data: st.DataObject) -> None:
    pick = Anything(data.draw)
    lead_somewhere(made(cls, pick), Imagined(pick))


# --- endings ----------------------------------------------------------------------------------------------------------

# In two parts the session would stay open, and the operator's prompt can't open over it.
one_screen = pytest.mark.parametrize("budget", [160, 182])


@one_screen
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        *((answer, "") for answer in ("asked", "in-progress", "gone")),
        *(("limit", limit) for limit in ("household", "payer", "prompts", "least", "most")),
    ],
)
def test_the_end_that_a_pin_prompt_waits_for_is_one_screen(answer: Any, limit: str, language: str, budget: int) -> None:
    see, say = Imagined(Longest(0)), Say(language)
    for currency in CURRENCIES:
        for payer in PHONES:
            for whose in CARDS:
                figure = most_from_payer(currency)
                most = PaymentAnswer(answer, whose, largest_payment(currency), payer, 0, limit, figure)
                page = PaymentAsked(most).show(say, see)
                assert [part.last for part in cut(page, say, budget)] == [True]


@one_screen
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_engine_ends_a_session_with_is_one_screen(language: str, budget: int) -> None:
    # Only the first part of these is ever sent.
    say = Say(language)
    for end in (engine.LOST, engine.SORRY, engine.NOBODY):
        assert len(cut(Page(end.said(say), ends=True), say, budget)) == 1


@one_screen
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("answer", ["awaited", "seen", "too-many", "not-a-number"])
def test_what_is_known_of_a_declared_payment_is_one_screen(answer: Any, language: str, budget: int) -> None:
    say = Say(language)
    for currency in CURRENCIES:
        most = DeclaredAnswer(answer, "MW26" * 7 + "W9", "9999999999-99999", largest_payment(currency), 24 * 60)
        page = PaymentDeclared(most).show(say, Imagined(Longest(0)))
        assert len(cut(page, say, budget)) == 1


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", ["12 345 678", "01 50 00 00 01", "22/11/2026", "1 000 000 000 000", "208 715 669"])
@pytest.mark.parametrize("budget", BUDGETS)
def test_a_figure_is_never_cut_in_two(figure: str, budget: int) -> None:
    for offset in range(2 * budget):
        page = Page(f"aaaaa {'b' * offset} {figure} c c c c", ["Oui"])
        parts = cut(page, Say("fr"), budget)
        assert sum(figure in part.text for part in parts) == 1, (offset, [part.text for part in parts])


def test_a_cut_through_a_figure_would_be_seen() -> None:
    assert Line("Payez 12 345 F", cuts=[5, 10]).halves_no_figure()
    assert not Line("Payez 12 345 F", cuts=[7]).halves_no_figure()
    assert not Line("22/11/2026", cuts=[5]).halves_no_figure()


@pytest.mark.parametrize(
    ("column", "most"),
    [
        (beneficiary_table.c.name, 60), (staff_table.c.name, 60), (organisation_table.c.name, 60),
        (organisation_table.c.district, 60), (organisation_table.c.merchant_code, 20), (plan_table.c.name, 40),
        (facility_table.c.name, 60), (facility_table.c.district, 60), (facility_table.c.msisdn, 16),
        (request_table.c.text, 400),
    ],
    ids=str,
)  # fmt: skip
def test_the_longest_data_is_what_the_schema_admits(column: Column[str], most: int) -> None:
    # Whoever lets a column hold more lets the makers above make more.
    assert isinstance(column.type, String)
    assert column.type.length == most


def test_the_makers_make_the_longest() -> None:
    assert {len(one) for one in (*LONG_NAMES, *LONG_TITLES)} == {60}
    assert max(map(len, PHONES)) == 16
    assert min(map(len, LONG_TEXTS)) >= LONGEST_COMPLAINT
    assert {len(made(cls, Longest(0)).households) for cls in (WhichHousehold, WhichSeen)} == {MOST_HOUSEHOLDS}
    assert len(Imagined(Longest(0)).roster("")) == MOST_PEOPLE
