"""What a screen is: a small frozen value that shows a page and says where each answer leads.

A screen's class name and fields are the session, as JSON. Its destinations stand in the annotations of what ``take``
and ``done`` return, so a type checker refuses one that isn't declared and the menu map is drawn from the code. It reads
through :class:`See` and asks for an effect by returning :class:`Do`; ``done`` then says where the outcome leads.

A screen with a ``card`` is that household's, and one with a ``staff`` id is that person's work: the engine shows
neither before the PIN that it is locked with was typed in this call.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Protocol, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.arrears import DueRow
from gateway.membership.family import Beneficiary, Joins, Price
from gateway.membership.households import Household, Standing
from gateway.membership.people import Person
from gateway.membership.plans import Plan
from gateway.membership.renewal import Renewal
from gateway.membership.requests import Request
from gateway.membership.visits import Covered
from gateway.network.facilities import Facility
from gateway.network.organisations import Organisation
from gateway.payments.cash import Handover
from gateway.payments.cash_corrections import CashReceipt
from gateway.payments.push.routes import Route
from gateway.payments.takings import Collected, Payment, Takings
from gateway.payments.unasked.declarations import Told
from gateway.ussd.pages import Page


class Choice(int):
    """The number of a choice that the page offered."""


class Typed(str):
    """What a person typed into a screen that asks for text."""

    __slots__ = ()


@dataclass(frozen=True)
class Word:
    """A message to be said in the person's language, with what fills it in."""

    source: str
    values: tuple[tuple[str, Any], ...] = ()

    def said(self, say: Say) -> str:
        return say(self.source, **dict(self.values))


def word(source: str, /, **values: Any) -> Word:
    """``word("At least {amount}.", amount=…)``; the catalogues' extraction knows this name."""
    return Word(source, tuple(values.items()))


@dataclass(frozen=True)
class Again:
    """Stay on the screen and say what was wrong; nothing that was typed before is lost."""

    because: Word


@dataclass(frozen=True)
class GoOn:
    """Go on where the person's last, dropped session stood."""


@dataclass(frozen=True)
class GoHome:
    """Go to the first screen, from wherever; ``word`` is said there first."""

    word: Word | None = None


@dataclass(frozen=True)
class GoThrough:
    """Go to the screen that a PIN stood before."""


@dataclass(frozen=True)
class Do:
    """Do an effect, once; the screen's ``done`` says where its outcome leads."""

    effect: Any


@dataclass(frozen=True)
class Role:
    """What a caller may do as staff; ``staff`` is the id of the role's holder in it."""

    staff: int
    role: str
    organisation_id: int


class See(Protocol):
    """What screens may look at: read-only, and nothing that wasn't asked for is read."""

    @property
    def caller(self) -> str:
        """The phone that dialled, E.164."""

    @property
    def root(self) -> Organisation:
        """The part of the network that answers this short code."""

    @property
    def today(self) -> date:
        """The day it is where the mutuelle is."""

    def households(self) -> list[Household]:
        """The households that the caller's phone belongs to."""

    def household(self, card: str) -> Household | None:
        """The household with a card."""

    def standing(self, household: Household) -> Standing:
        """How a household stands today."""

    def standing_and_roster(self, household: Household) -> tuple[Standing, list[Beneficiary]]:
        """How a household stands today, and who is on its card, the head first."""

    def roster(self, card: str) -> list[Beneficiary]:
        """Who is on a card, the head first."""

    def price_of_joining(self, card: str, person: Person, because: Joins, happened_on: date) -> Price | None:
        """What it would cost to add somebody now; None when it would be refused."""

    def renewal(self, household: Household) -> Renewal | None:
        """The next membership year, while it is open and not enrolled."""

    def payments(self, household: Household) -> list[Payment]:
        """What a household paid last, the newest first."""

    def declared(self, household: Household) -> list[Told]:
        """What a household says that it has paid, the newest first."""

    def sms_stopped(self) -> bool:
        """Whether the caller wants no reminders."""

    def reads_news(self) -> bool:
        """Whether news come to the caller."""

    def sections(self) -> Sequence[Organisation]:
        """The sections that one can register in here."""

    def organisation(self, organisation_id: int) -> Organisation:
        """One organisation."""

    def plans(self, section_id: int) -> list[Plan]:
        """The plans that are open in a section today."""

    def route(self, msisdn: str) -> Route | None:
        """How a phone can pay, or None when nothing is known for its network."""

    def districts(self) -> list[str]:
        """The districts where a facility has an agreement today."""

    def facilities(self, district: str) -> list[Facility]:
        """The facilities of a district with an agreement today."""

    # For staff; ``staff`` is the id that a screen holds, and whoever isn't (any more) sees nothing.

    def sections_of_staff(self, staff: int) -> Sequence[Organisation]:
        """The sections of a member of staff."""

    def is_mine(self, staff: int, card: str) -> bool:
        """Whether a household belongs to the office of a member of staff."""

    def due_this_month(self, staff: int) -> list[DueRow]:
        """Who has something to pay by the end of the month, the longest due first."""

    def unreachable(self, *cards: str) -> set[str]:
        """The cards, of some, whose households no SMS reaches."""

    def collected_today(self, staff: int) -> Collected:
        """The cash that a member of staff took today."""

    def held(self, staff: int) -> list[Money]:
        """The cash that a member of staff has not handed over."""

    def calls_to_make(self, staff: int) -> list[Request]:
        """Who waits for a call, the longest first."""

    def takings_today(self, staff: int) -> Takings:
        """What came in today, where a member of staff keeps the books."""

    def takings_to_close(self, staff: int) -> Takings:
        """What a closing would total now."""

    def last_payments(self, staff: int) -> list[Payment]:
        """The newest payments."""

    def handovers(self, staff: int) -> list[Handover]:
        """Cash that waits for this treasurer's word."""

    def cash_receipt(self, typed: str) -> CashReceipt | None:
        """The cash that counts and has this receipt number."""

    def covered_today(self, card: str) -> Covered | None:
        """Who of a card is covered today, anywhere in the network."""


class Screen(Protocol):
    """A screen as the engine sees it; ``take`` is absent where a session ends.

    ``typed`` is asked, where it is there, about an answer that is none of the choices.
    """

    def show(self, say: Say, see: See) -> Page:
        """The page, in the person's language."""


T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """What the engine knows of a screen's class."""

    cls: type[Any]
    takes: type | None  # Choice, Typed, or None for an ending
    destinations: tuple[type, ...]
    does: bool  # an answer may have an effect
    resumes: bool  # a dropped session is offered again here: something was told that would be lost


_classes: dict[str, type[Any]] = {}


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def screen(cls: type[T]) -> type[T]:
    """Make a class a screen: frozen, known by its name."""
    made = dataclass(frozen=True)(cls)
    if made.__name__ in _classes:
        raise TypeError(f"two screens are named {made.__name__}")
    _classes[made.__name__] = made
    return made


def screens() -> dict[str, type]:
    """Every screen, by name."""
    return dict(_classes)


@cache
def kind(name: str) -> Kind | None:
    """What is known of the screen named ``name``; None when there is no such screen (any more)."""
    cls = _classes.get(name)
    if cls is None:
        return None
    resumes = getattr(cls, "RESUMES", False)
    if not hasattr(cls, "take"):
        return Kind(cls, None, (), False, resumes)
    answers = get_type_hints(cls.take, localns=_classes)
    takes = next(hint for hint in answers.values() if hint in (Choice, Typed))
    ways = [way for method in ("take", "typed", "done") if hasattr(cls, method) for way in _ways(getattr(cls, method))]
    return Kind(cls, takes, tuple(dict.fromkeys(w for w in ways if w is not Do)), Do in ways, resumes)


def _ways(method: Callable[..., object]) -> tuple[type, ...]:
    """What a method may return, as its annotation says."""
    returned = get_type_hints(method, localns=_classes)["return"]
    return get_args(returned) if get_origin(returned) in (Union, types.UnionType) else (returned,)


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    found = _adapters.get(cls)
    if found is None:
        found = _adapters[cls] = TypeAdapter(cls)
    return found


# A screen as it is kept, on one line: its name, and its fields as JSON that nobody reads before one comes back to it.
Place = str


def encode(one: object) -> Place:
    """A screen as it is kept."""
    return f"{type(one).__name__} {_adapter(type(one)).dump_json(one).decode()}"


def named(place: Place) -> str:
    """The name of the screen at a place."""
    return place.partition(" ")[0]


def decode(place: Place) -> Any | None:
    """The screen again, or None when the code has changed so much that it can't be read."""
    name, _, fields = place.partition(" ")
    known = kind(name)
    if known is None:
        return None
    try:
        return _adapter(known.cls).validate_json(fields)
    except ValueError:
        return None


def encode_value(value: object) -> dict[str, Any]:
    """A frozen value as JSON."""
    return dict(_adapter(type(value)).dump_python(value, mode="json"))


def decode_value(cls: type[T], fields: dict[str, Any]) -> T:
    """The frozen value again."""
    value: T = _adapter(cls).validate_python(fields)
    return value
