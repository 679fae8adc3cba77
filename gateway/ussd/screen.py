"""What a screen is: a small frozen value that shows a page and says where each answer leads.

A screen's class name and fields are the session, as JSON. Its destinations stand in the annotation of what ``take``
returns, so a type checker refuses one that isn't declared and the menu map is drawn from the code. It reads through
:class:`See` and asks for an effect by leading to a screen whose ``wants`` holds it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Protocol, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from gateway.locale import Say
from gateway.membership.households import Household, Standing
from gateway.membership.plans import Plan
from gateway.network.organisations import Organisation
from gateway.payments.routes import Route
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
    """Go to the first screen, from wherever; ``wants`` is an effect to do on the way."""

    wants: Any = None


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

    def standing_and_names(self, household: Household) -> tuple[Standing, list[str]]:
        """How a household stands today, and the names on its card, the head first."""

    def sections(self) -> Sequence[Organisation]:
        """The sections that one can register in here."""

    def organisation(self, organisation_id: int) -> Organisation:
        """One organisation."""

    def plans(self, section_id: int) -> list[Plan]:
        """The plans that are open in a section today."""

    def route(self, msisdn: str) -> Route | None:
        """How a phone can pay, or None when nothing is known for its network."""


class Screen(Protocol):
    """A screen as the engine sees it; ``take`` is absent where a session ends."""

    def show(self, say: Say, see: See) -> Page:
        """The page, in the person's language."""


T = TypeVar("T")


@dataclass(frozen=True)
class Kind:
    """What the engine knows of a screen's class."""

    cls: type[Any]
    takes: type | None  # Choice, Typed, or None for an ending
    destinations: tuple[type, ...]
    wants: bool
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
    take: Callable[..., object] | None = getattr(cls, "take", None)
    wants, resumes = "wants" in cls.__dataclass_fields__, getattr(cls, "RESUMES", False)
    if take is None:
        return Kind(cls, None, (), wants, resumes)
    hints = get_type_hints(take, localns=_classes)
    returned = hints.pop("return")
    takes = next(hint for hint in hints.values() if hint in (Choice, Typed))
    union = get_origin(returned) in (Union, types.UnionType)
    return Kind(cls, takes, get_args(returned) if union else (returned,), wants, resumes)


_adapters: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(cls: type[Any]) -> TypeAdapter[Any]:
    found = _adapters.get(cls)
    if found is None:
        found = _adapters[cls] = TypeAdapter(cls)
    return found


def encode(one: object) -> list[Any]:
    """A screen as JSON: its name and its fields."""
    return [type(one).__name__, _adapter(type(one)).dump_python(one, mode="json")]


def decode(name: str, fields: dict[str, Any]) -> Any | None:
    """The screen again, or None when the code has changed so much that it can't be read."""
    known = kind(name)
    if known is None:
        return None
    try:
        return _adapter(known.cls).validate_python(fields)
    except ValueError:
        return None


def encode_value(value: object) -> dict[str, Any]:
    """A frozen value as JSON."""
    return dict(_adapter(type(value)).dump_python(value, mode="json"))


def decode_value(cls: type[T], fields: dict[str, Any]) -> T:
    """The frozen value again."""
    value: T = _adapter(cls).validate_python(fields)
    return value
