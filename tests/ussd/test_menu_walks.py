"""Dozens of calls by people who type anything: each hop is answered, and nothing happens that was not confirmed.

Members, strangers, staff with and without their PIN, whoever borrows a phone, and whoever guesses numbers: what each
hop writes is compared with what the screen before it asked for, and what it shows with what its caller may see.

``make walks`` makes thousands of them (``WALKS=300 WALKS_SEED=1`` for so many others); a walk that fails names the seed
that it can be walked again with.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, select

import gateway.ussd.screens  # noqa: F401  (importing them makes them known)
from gateway.ledger.accounts import first_difference
from gateway.membership import pins
from gateway.sms.gsm7 import fold
from gateway.store.schema import cash_taking, collection, effect, handover, household
from gateway.ussd.screen import Typed, decode, kind, named, screens
from gateway.ussd.sessions import Session
from tests.ussd.office import (
    AGENT,
    ANIMATOR,
    BOTH,
    FOREIGN_CANARY,
    FOREIGN_PHONE,
    LATE_AGENT,
    LOCKED_CANARY,
    LOCKED_HEAD,
    NEW_PIN,
    NEWCOMER,
    PIN,
    TREASURER,
    UNARMED,
    WATCHED,
    Office,
    arm_staff,
    counted,
    open_office,
)
from tests.ussd.office import household as household_named
from tests.ussd.world import BURUNDI, CANARIES, MEMBER, NARROW, ONE_PERSON, OUAKE, SHARED, VILLAGE, WIDE, Place

WALKS = int(os.environ.get("WALKS", "40"))
SEED = int(os.environ.get("WALKS_SEED", "0"))
CODES = {OUAKE: 160, NARROW: 80, WIDE: 182, BURUNDI: 160, VILLAGE: 160, "*1#": 160}
IN_BENIN = (OUAKE, NARROW, WIDE, VILLAGE)

# --- what may happen --------------------------------------------------------------------------------------------------

BOOKS = ("entry", "line", "account")
TOLD = ("message", "outbox")
ANYTHING = ""  # any answer may


@dataclass(frozen=True)
class Asks:
    """What a screen asks for: the answers that agree to it, the effect, and the tables that it may write."""

    answers: str
    effect: str
    tables: tuple[str, ...] = ()
    other: str = ""  # what the same answer asks for elsewhere


# Every screen with an effect stands here, and nothing but what stands here is ever written.
ASKS = {
    "Language": Asks("1234", "SetLanguage", ("caller", "household")),
    "SmsChoice": Asks("1", "StopSms", ("caller",)),
    "NewsChoice": Asks("1", "ChooseNews", ("news_reader",)),
    "ConfirmFamily": Asks(
        "1",
        "RegisterHousehold",
        ("household", "beneficiary", "name_key", "phone", "consent", "membership", *BOOKS, *TOLD),
    ),
    "ConfirmPayment": Asks(
        "1", "AskForPayment", ("collection", "collection_event", "message", "outbox"), other="TellHowToPay"
    ),
    "ConfirmDeclared": Asks("1", "DeclarePaid", ("declaration", "money_case")),
    "ConfirmJoin": Asks("1", "AddPerson", ("beneficiary", "name_key", "household_change", *BOOKS, *TOLD)),
    "ConfirmLeave": Asks("1", "RemovePerson", ("beneficiary", "household_change", *TOLD)),
    "RenewYear": Asks("1", "Renew", ("membership", "household_change", *BOOKS, *TOLD)),
    "ConfirmPhone": Asks("1", "AddPhone", ("phone", "household_change", *TOLD)),
    "RepeatPin": Asks(ANYTHING, "SetPin", ("pin", "attempt", "household_change", *TOLD)),
    "HouseholdPin": Asks("2", "DropPin", ("pin", "attempt", "household_change", *TOLD)),
    "ForgetPin": Asks("1", "DropPin", ("pin", "attempt", "household_change", *TOLD)),
    "ConfirmComplaint": Asks("1", "Complain", ("request", *TOLD)),
    "WantCall": Asks("1", "CallBack", ("request", *TOLD)),
    "OneCall": Asks("1", "CallDone", ("request",)),
    "ConfirmVisit": Asks("1", "AnnounceVisit", ("visit", *TOLD)),
    "SameCash": Asks("2", "RecordCash", ("collection", "collection_event", "cash_taking", *BOOKS, *TOLD)),
    "ConfirmCash": Asks("1", "RecordCash", ("collection", "collection_event", "cash_taking", *BOOKS, *TOLD)),
    "ConfirmHandOver": Asks("1", "HandOver", ("handover", "cash_taking")),
    "ConfirmReceived": Asks("12", "Decide", ("handover", "cash_taking", *BOOKS, *TOLD)),
    "ConfirmCorrect": Asks("1", "CorrectCash", ("collection", "collection_event", *BOOKS, *TOLD)),
    "CloseTheDay": Asks("1", "CloseDay", ("closing",)),
    # Questions: only wrong ones are counted.
    "AskPin": Asks(ANYTHING, "CheckPin"),
    "PayFor": Asks(ANYTHING, "LookUp"),
    "WhichHousehold": Asks(ANYTHING, "LookUp"),
    "PayWhat": Asks(ANYTHING, "LookUp"),
    "FindFamily": Asks(ANYTHING, "LookUp"),
    "AgentDesk": Asks(ANYTHING, "LookUp"),
    "WhichReceipt": Asks(ANYTHING, "CheckReceipt"),
    "ReceiptCode": Asks(ANYTHING, "CheckReceipt"),
}
QUIET = {"CheckPin", "LookUp", "CheckReceipt"}
AT_ALL_TIMES = {"effect", "attempt"}
# How many rows one effect may add; of a table that isn't here, any number.
MOST_ROWS = {"household": 1, "beneficiary": 20, "membership": 1, "collection": 1, "closing": 1, "visit": 1,
             "request": 1, "pin": 1, "household_change": 1, "phone": 1, "handover": 3, "message": 4}  # fmt: skip
assert {*MOST_ROWS, "effect"} == set(WATCHED)


def test_every_screen_with_an_effect_stands_in_the_table() -> None:
    found = {name for name in screens() if (known := kind(name)) is not None and known.does}
    assert found == set(ASKS)


def test_every_screen_that_is_typed_into_has_likely_answers() -> None:
    known = {name: kind(name) for name in screens()}
    typed = {
        name for name, one in known.items() if one is not None and (one.takes is Typed or hasattr(one.cls, "typed"))
    }
    assert typed == set(LIKELY)


# --- what people type -------------------------------------------------------------------------------------------------

KEYS = ("0", "00", "98", "9", "1", "2", "*", "#", "", " ", "**", "1*1", "0*0", "98*98", PIN)
# fmt: off
NASTY = (
    "😀", "عائشة", "١", "1" * 400, "a" * 4000, "\x00", "\x1b[2J", "%s", "{0.__class__}", "'; drop table household--",
    "<script>", "\u202e", "\r\nSet-Cookie: a=b", "10^12", "-1", "1e9", "NaN", "٥٠٠٠", "ÿ" * 61, "\\", "END ", "CON ",
    "²", "½", "00000", "31/02/2027", "٣١/١٢",
)
# fmt: on
NAMES = ("Awa Gado", "N'Goran Koné", "Œuvrine Ndayikengurukiye " * 2, "Éé", "R2D2", "x", "Adjara Tchédré", LOCKED_HEAD)
YEARS = ("1980", "0", "12", "98", "3000", "quarante")
FIGURES = ("500", "0", "10 000", "2000001", "cent", "1,5", "7700")
NUMBERS = ("0150000777", "63000777", "77000777", "+229 50 00 07 77", "abc")
DAYS = ("1", "2", "25/12", "3108", "31/02", "01/01/1990", "hier")
RIGHT, WRONG, CHOSEN = "=right", "=wrong", "=chosen"
WRONG_PINS = ("111199", "1234", "00000", "abcd", "73091", "٧٣٠٩١٤")
SOUGHT = "=sought"  # one of the numbers that this caller looks for

LIKELY: dict[str, tuple[str, ...]] = {
    "HeadName": NAMES,
    "KinName": NAMES,
    "JoinName": NAMES,
    "HeadYear": YEARS,
    "KinYear": YEARS,
    "JoinYear": YEARS,
    "JoinDay": DAYS,
    "LeaveDay": DAYS,
    "FindSection": ("kado", "semere", "a", "xyz", "Pélé", "gite", "anand"),
    "HowMuch": FIGURES,
    "CashWhat": ("1", "1", "2", *FIGURES),
    "PayWhat": ("1", "1", "2", "3", "4", "700", SOUGHT),
    "DeclareNumber": ("11005237542", "mp 26.2111 c9", "11OO5237543", "bonjour", "208715669"),
    "HowManyMonths": ("3", "1", "24", "25", "0", "deux"),
    "WhichPhone": NUMBERS,
    "RegisterFor": ("1", *NUMBERS),
    "GivePhone": NUMBERS,
    "WhichHousehold": ("1", "2", "3", SOUGHT),
    "PayFor": (SOUGHT, SOUGHT, "208715669", "abc"),
    "FindFamily": (SOUGHT, SOUGHT, SOUGHT, "208715669", "abc"),
    "AgentDesk": (SOUGHT, SOUGHT, SOUGHT, "208715669", "abc"),
    "AskPin": (RIGHT,),
    "NewPin": (CHOSEN, CHOSEN, "1234", "12"),
    "RepeatPin": (CHOSEN, CHOSEN, CHOSEN, "591827"),
    "WhichDistrict": ("1", "ana", "ouak", "xyz"),
    "WhichReceipt": ("=receipt", "=receipt", "00001812345", "000018", "abc"),
    "ReceiptCode": ("12345", "0"),
    "WhichCash": ("=receipt", "=receipt", "000018", "abc"),
    "ComplaintText": ("On m'a demandé de l'argent", "1", "x", "é" * 301, "Rien 😀 <b>\r\nEND merci"),
}

# The ways to staff's work, in French and English.
DESKS = ("Travail d", "Animator's work", "Treasurer's work", "Vérifier un patient", "Check a patient")
# Where no path is likelier than another.
CROSSROADS = ("Home", "OtherServices", "AnimatorDesk", "TreasurerDesk", "FamilyDesk", "MyFamily", "CoveredToday")

Act = tuple[str, object]


def some_act(random: Random) -> Act:
    """What happens next on a line where most goes well."""
    draw = random.random()
    if draw < 0.85:
        return "sensible", random.randrange(1000)
    if draw < 0.91:
        return "types", random.choice((*KEYS, *NASTY))
    if draw < 0.93:
        return "deep", "*".join(random.choice((*KEYS, "2", "3", "500", "Awa Gado")) for _ in range(random.randrange(9)))
    return random.choice(("repeat", "late", "stranger", "forget", "redial", "wait")), random.randrange(6)


any_acts = st.lists(
    st.one_of(
        st.tuples(st.just("sensible"), st.integers(0, 1000)),
        st.tuples(st.just("sensible"), st.integers(0, 1000)),
        st.tuples(st.just("types"), st.sampled_from((*KEYS, *NASTY))),
        st.tuples(st.just("types"), st.text(max_size=30)),
        st.tuples(st.sampled_from(("repeat", "late", "stranger", "forget", "redial", "wait")), st.integers(0, 5)),
        st.tuples(st.just("deep"), st.text(max_size=30)),
    ),
    min_size=4,
    max_size=30,
)


# --- who calls --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Somebody with a phone: how often the PIN that they type is the right one, and the numbers that they look for.

    ``locked`` is the card of a household of this phone that has a PIN.
    """

    who: str
    msisdn: str
    knows_pin: float = 0.0
    sought: tuple[str, ...] = ("abc",)
    locked: str = ""


STAFF_PHONES = {
    "animator": ANIMATOR, "treasurer": TREASURER, "both": BOTH, "agent": AGENT, "late agent": LATE_AGENT,
    "newcomer": NEWCOMER, "unarmed": UNARMED,
}  # fmt: skip
PEOPLE = (
    "stranger", "stranger", "member", "old member", "old member", "shared", "shared", "shared", "guesser", "thief",
    "animator", "animator", "animator", "animator", "treasurer", "treasurer", "treasurer", "both", "both", "agent",
    "agent", "late agent", "newcomer", "unarmed",
)  # fmt: skip


@dataclass
class Crowd:
    """The place with its office, and everybody who calls there."""

    place: Place
    office: Office
    numbers: Iterator[int] = field(default_factory=lambda: count(1_000))
    canaries: tuple[str, ...] = ()

    def person(self, who: str, code: str, random: Random) -> Person:
        """A caller, with a phone of their own unless they work with one or stole one."""
        place, office = self.place, self.office
        sought = (*office.cards.values(), *office.members, self.canary_card(random), SHARED, ONE_PERSON, FOREIGN_PHONE)
        if who in STAFF_PHONES:
            return Person(who, STAFF_PHONES[who], 0.9, sought)
        if who == "thief":
            return Person(who, random.choice((ANIMATOR, TREASURER, AGENT, BOTH)), 0.0, sought)
        if who == "old member":
            return Person(who, random.choice(office.members), 0.0, sought)
        number = next(self.numbers)
        msisdn = f"+257630{number:05d}" if code == BURUNDI else f"+22901500{number:05d}"
        section = "Gitega" if code == BURUNDI else "Awanla"
        locked = ""
        if who in ("member", "shared"):
            place.household_with(msisdn, "Adjara Tchédré", "Moussa Tchédré", section=section)
        if who == "shared":
            locked = place.household_with(msisdn, LOCKED_HEAD, LOCKED_CANARY, section=section)
            place.lock_household(locked, PIN)
            sought = (locked, msisdn)
        return Person(who, msisdn, 0.5, sought if who != "member" else (*sought, msisdn), locked)

    def canary_card(self, random: Random) -> str:
        return random.choice(self.canaries)


# --- a walk -----------------------------------------------------------------------------------------------------------


class Walk:
    """One phone's wanderings, watched."""

    def __init__(self, crowd: Crowd, person: Person, code: str, log: pytest.LogCaptureFixture, seed: object) -> None:
        self.place = crowd.place
        self.crowd = crowd
        self.person = person
        self.code = code
        self.log = log
        self.random = Random(f"answers {seed}")
        self.phone = self.place.phone(person.msisdn, CODES[code])
        self.rows = counted(self.place)
        self.written = Writes.on(self.place)
        self.locked = False
        self.inputs: set[str] = set()
        self.told: set[str] = set()  # PINs that were typed where an amount or a name was asked for

    # What happens

    def act(self, what: str, value: object) -> None:
        """Do one thing, and look whether more happened, or more was shown, than may."""
        phone = self.phone
        before, typed = self._stands_on(), None
        self.written.clear()
        if what in ("sensible", "types") and not phone.open:
            what = "redial"
        if what == "sensible":
            typed = self._likely(before, int(str(value)))
            phone.types(typed)
        elif what == "types":
            typed = str(value)
            phone.types(typed)
        elif what == "repeat":
            phone.repeats(1)
            assert not self.written.tables()
        elif what == "late":
            steps = phone.text.split("*")
            phone.raw("*".join(steps[: int(str(value))]) if phone.text else "")
            assert not self.written.tables()
        elif what == "stranger":
            self._stranger()
        elif what == "forget":
            self.place.forget_sessions()
            phone.posts(phone.text)
        elif what == "wait":
            self.place.wait(minutes=int(str(value)) ** 3)
        else:
            phone.dial(self.code, deep=str(value)[:3_000] if what == "deep" else "")
            self.locked = self._is_locked()
        if before not in ("AskPin", "NewPin", "RepeatPin"):
            self.told |= {pin for pin in (PIN, NEW_PIN, WRONG_PINS[0]) if pin in str(typed or value)}
        self._look_at_the_rows(before, typed)
        self._look_at_the_screens()
        self._look_into_redis()
        assert not [one for one in self.log.records if one.levelname == "ERROR"], self.log.text

    def _stranger(self) -> None:
        """Another phone brings this one's session and its whole history."""
        stranger = self.place.phone(f"+22901509{next(self.crowd.numbers):05d}", CODES[self.code])
        stranger.session_id, stranger.code = self.phone.session_id, self.phone.code
        stranger.posts(self.phone.text)
        for name in (*CANARIES, FOREIGN_CANARY, LOCKED_CANARY):
            assert fold(name.split()[1]) not in stranger.screen

    def _likely(self, before: str, draw: int) -> str:
        """Something that this person might well answer to this screen."""
        screen, random = self.phone.screen, self.random
        if before in LIKELY and draw % 10 < 8:
            answer = random.choice(LIKELY[before])
            if answer == RIGHT:
                return PIN if random.random() < self.person.knows_pin else random.choice(WRONG_PINS)
            special = {CHOSEN: NEW_PIN, "=receipt": self.crowd.office.receipt}
            return random.choice(self.person.sought) if answer == SOUGHT else special.get(answer, answer)
        # 0 and 00 lead out of everything: they are among the answers, but not often.
        choices: list[str] = re.findall(r"^(\d+) ", screen, re.MULTILINE)
        enough = re.search(r"^(\d+) (C'est tout|That is all|Imetosha)$", screen, re.MULTILINE)
        if enough and draw % 3:
            return str(enough[1])
        forward = [one for one in choices if one not in ("0", "00")] or choices
        # The first choice leads furthest, except where all paths begin; who works with this phone mostly works.
        desks: list[str] = [one for label in DESKS for one in re.findall(rf"^(\d+) {label}", screen, re.MULTILINE)]
        if desks and draw % 4:
            return random.choice(desks)
        if before in CROSSROADS:
            return random.choice(forward)
        return forward[0 if draw % 2 else (draw // 2) % len(forward)] if forward else "1"

    # What was before it

    def _session(self) -> Session | None:
        sessions = self.place.runtime.sessions
        found = sessions.load(sessions.key("africastalking", self.code, self.person.msisdn))
        return found if isinstance(found, Session) and found.id == self.phone.session_id else None

    def _stands_on(self) -> str:
        """The screen that the next answer is an answer to."""
        session = self._session()
        return named(session.screen) if session is not None and not session.ended else ""

    def _is_locked(self) -> bool:
        """Has the household that may have a PIN one as this call begins?"""
        if not self.person.locked:
            return False
        with self.place.runtime.store.write() as unit:
            its_id = household_named(self.place, unit, self.person.locked).id
            return pins.has_pin(unit.connection, pins.of_household(its_id))

    # What must hold

    def _look_at_the_rows(self, before: str, typed: str | None) -> None:
        asked = ASKS.get(before) if typed is not None else None
        agreed = asked is not None and (asked.answers == ANYTHING or _number(typed or "") in asked.answers)
        may = set(AT_ALL_TIMES)
        if asked is not None and agreed:
            may |= set(asked.tables)
        assert self.written.tables() <= may, (before, typed, self.written.tables() - may)
        # Counted besides, in case that something is written in a way that the listener doesn't know.
        rows = counted(self.place) if self.written.tables() or not self.phone.inputs else self.rows
        more = {name: rows[name] - self.rows[name] for name in rows}
        for name, most in MOST_ROWS.items():
            assert 0 <= more[name] <= (most if name in may else 0) or name == "pin", (before, typed, name)
        if more["effect"]:
            kinds = self._newest_effects(more["effect"])
            may_be = [[asked.effect], [asked.other]] if asked and agreed else []
            assert [one for one in kinds if one not in QUIET] in ([], *may_be)
        self.rows = rows

    def _newest_effects(self, number: int) -> list[str]:
        """What was done last; a deep dial may ask several questions."""
        return self.written.effects[-number:]

    def _look_at_the_screens(self) -> None:
        """Nobody else's names, nor those behind a PIN that wasn't typed in this call."""
        inputs = {one.strip() for one in self.phone.text.split("*")}
        self.inputs |= inputs
        typed_pin = PIN in inputs or NEW_PIN in inputs
        for screen in self.phone.shown:
            assert "Kanarivogel" not in screen
            for canary in (*CANARIES, FOREIGN_CANARY):
                if f"{canary.split()[0]} K." in fold(screen):
                    assert self.code == BURUNDI or canary != FOREIGN_CANARY, screen
                    assert self._was_sought(), screen
            if self.locked and not typed_pin:
                assert fold(LOCKED_CANARY.split()[1]) not in screen
                card = self.person.locked
                shown = f"{card[:3]} {card[3:6]} {card[6:]}"
                assert shown not in screen
                assert card not in screen
        self.phone.shown.clear()
        session = self._session()
        if session is not None and not typed_pin:
            at = decode(session.screen)
            assert getattr(at, "staff", None) is None, session.screen
            if self.locked:
                assert getattr(at, "card", None) != self.person.locked, session.screen

    def _was_sought(self) -> bool:
        """Has a canary's card or phone been typed, in this call or in the one that it goes on from?"""
        foreign = self.crowd.office.cards["foreign"]
        return bool({*self.crowd.canaries, foreign, SHARED, ONE_PERSON, FOREIGN_PHONE} & self.inputs)

    def _look_into_redis(self) -> None:
        """Of what was typed, Redis keeps what the screens hold: no PIN, and no history."""
        redis = self.place.runtime.redis
        for key in redis.scan_iter("ussd:s:*"):
            assert self.person.msisdn.lstrip("+") not in key.decode()
        sessions = self.place.runtime.sessions
        session = sessions.load(sessions.key("africastalking", self.code, self.person.msisdn))
        if not isinstance(session, Session):
            return
        # Ids and digests are drawn or made, and may hold any figures by chance.
        kept = {
            **asdict(session),
            "id": "",
            "past": "",
            "typed": "",
            "replies": [reply[1:] for reply in session.replies],
        }
        text = str(kept)
        for pin in {PIN, NEW_PIN, WRONG_PINS[0]} - self.told:
            assert pin not in text, text
        if len(self.phone.text) > 6 and "*" in self.phone.text.strip("*"):
            assert repr(self.phone.text)[1:-1] not in text


def _number(typed: str) -> str:
    """What the engine takes for a number: in any digits, with a nought before it."""
    try:
        return str(int(typed.strip()))
    except ValueError:
        return "no number"


class Writes:
    """What the application commits: the tables, and the kinds of effects."""

    def __init__(self) -> None:
        self._pending: list[tuple[str, Any]] = []
        self._done: list[str] = []
        self.effects: list[str] = []

    @classmethod
    def on(cls, place: Place) -> Writes:
        """The listener on a place's database: one for all walks."""
        found = getattr(place, "_writes", None)
        if found is None:
            found = cls()
            engine = place.runtime.store.engine
            event.listen(engine, "before_cursor_execute", found._executes)
            event.listen(engine, "commit", found._commits)
            event.listen(engine, "rollback", found._rolls_back)
            place._writes = found  # type: ignore[attr-defined]
        return found

    def clear(self) -> None:
        self._done.clear()

    def tables(self) -> set[str]:
        return set(self._done)

    def _executes(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        written = re.match(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM) "?(\w+)', statement)
        if written:
            self._pending.append((written[1], parameters if statement.startswith("INSERT INTO effect") else ()))

    def _commits(self, _connection: Any) -> None:
        for table, parameters in self._pending:
            self._done.append(table)
            self.effects += [one for one in parameters if one in EFFECTS]
        self._pending.clear()

    def _rolls_back(self, _connection: Any) -> None:
        self._pending.clear()


EFFECTS = {effect for one in ASKS.values() for effect in (one.effect, one.other) if effect}


def gather(place: Place) -> Crowd:
    """A place where everybody calls."""
    office = open_office(place)
    cards = place.ask(select(household.c.card).order_by(household.c.id).limit(len(CANARIES)))
    return Crowd(place, office, canaries=tuple(card for (card,) in cards))


@pytest.fixture(scope="module")
def crowd(town: Place) -> Crowd:
    return gather(town)


def begin(crowd: Crowd, who: str, code: str, log: pytest.LogCaptureFixture, seed: object) -> Walk:
    """Somebody who has dialled, on a phone whose calls in another walk are long over."""
    arm_staff(crowd.place)
    for key in crowd.place.runtime.redis.scan_iter("ussd:s:*"):
        crowd.place.runtime.redis.delete(key)
    walk = Walk(crowd, crowd.person(who, code, Random(f"person {seed}")), code, log, seed)
    walk.act("redial", 0)
    return walk


def look_back(crowd: Crowd) -> None:
    """Once all is over: the ledger nets to zero, and each effect was done once."""
    place = crowd.place
    with place.runtime.store.read() as connection:
        assert first_difference(connection) is None
    done: Counter[str] = Counter()
    for kind_of, outcome in place.ask(select(effect.c.kind, effect.c.outcome)):
        refused = outcome.get("refused") or outcome.get("known") or outcome.get("already")
        if not refused and outcome.get("answer") not in ("in-progress", "gone", "own", "already", "handovers"):
            done[kind_of] += 1
    rows = counted(place)
    pushed = place.ask(select(func.count()).select_from(collection).where(collection.c.way == "push"))[0][0]
    taken = place.ask(select(func.count()).select_from(cash_taking))[0][0]
    decided = place.ask(select(func.count()).select_from(handover).where(handover.c.state != "open"))[0][0]
    set_up = len(crowd.office.members) + 2  # paid in cash before the first walk
    assert pushed == done["AskForPayment"]
    assert taken - set_up == done["RecordCash"]
    assert decided == done["Decide"]
    assert rows["closing"] == done["CloseDay"]
    assert rows["request"] == done["Complain"] + done["CallBack"]


def wander(crowd: Crowd, seeds: range, log: pytest.LogCaptureFixture) -> None:
    """A walk for each seed, by all sorts of people, and a look at what they leave behind."""
    log.set_level("INFO", logger="gateway")
    for seed in seeds:
        random = Random(f"walk {seed}")
        who, code = random.choice(PEOPLE), random.choice(list(CODES))
        if who in STAFF_PHONES and random.random() < 0.8:
            code = random.choice((OUAKE, NARROW, WIDE))
        walk = begin(crowd, who, code, log, seed)
        done: list[Act] = []
        try:
            for _ in range(random.randrange(10, 60 if who in STAFF_PHONES else 40)):
                done.append(some_act(random))
                walk.act(*done[-1])
        except AssertionError as error:
            error.add_note(f"WALKS=1 WALKS_SEED={seed}: {who} on {code}: {done}")
            raise
    look_back(crowd)
    for secret in (PIN, NEW_PIN, "Kanarivogel", "Verrouxel", ANIMATOR[4:], SHARED[4:]):
        assert secret not in log.text


def test_calls_on_a_bad_line(crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    wander(crowd, range(SEED, SEED + WALKS), caplog)
    # The walks are not all in vain: there is hardly an effect that nobody had.
    done_by_somebody = {kind_of for (kind_of,) in crowd.place.ask(select(effect.c.kind))}
    assert WALKS < 100 or len(EFFECTS - done_by_somebody) <= 3, EFFECTS - done_by_somebody


def test_calls_on_a_bad_line_to_postgresql(pg_place: Place, caplog: pytest.LogCaptureFixture) -> None:
    wander(gather(pg_place), range(SEED, SEED + WALKS // 5), caplog)


def test_calls_of_those_who_mean_harm(crowd: Crowd, caplog: pytest.LogCaptureFixture) -> None:
    @settings(max_examples=max(20, WALKS // 3), deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(set(PEOPLE))), st.sampled_from(list(CODES)), any_acts, st.integers(0, 99))
    def walk(who: str, code: str, acts: list[Act], seed: int) -> None:
        one = begin(crowd, who, code, caplog, seed)
        for act in acts:
            one.act(*act)

    walk()
    look_back(crowd)


def test_who_registers_again_in_the_name_of_a_locked_household_is_asked_for_its_pin(place: Place) -> None:
    card = place.household_with(MEMBER, LOCKED_HEAD, LOCKED_CANARY)
    place.lock_household(card, PIN)
    phone = place.phone().dial().picks("Français").picks("Autres services", "Inscrire une autre famille")
    phone.types(LOCKED_HEAD, "1", "1980", "kado").picks("C'est tout", "Inscrire").sees("Code PIN de ce ménage ?")
    shown = f"{card[:3]} {card[3:6]} {card[6:]}"
    assert not [screen for screen in phone.shown if shown in screen]
    phone.types(PIN).sees("Vous êtes déjà inscrit.", shown)


def test_a_pin_that_is_taken_away_while_it_is_asked_for_leads_home(place: Place) -> None:
    card = place.household_with(MEMBER, LOCKED_HEAD, LOCKED_CANARY)
    place.lock_household(card, PIN)
    phone = place.phone().dial().picks("Français").picks("Ma couverture").sees("Code PIN de ce ménage ?")
    with place.runtime.store.write() as unit:
        pins.drop(unit, pins.of_household(household_named(place, unit, card).id))
    phone.types(PIN).is_asked().sees("Le code PIN est supprimé.", f"Bonjour {LOCKED_HEAD}.")
    assert LOCKED_CANARY in phone.picks("Ma couverture").reads()
