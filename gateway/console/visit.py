"""One request to the office: who asks, what they may see, what they sent, and how something is done for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, or_

from gateway.console.answers import Done, Go, NotThere, Refused
from gateway.console.parts import Parts
from gateway.console.person import Person
from gateway.console.rights import GRANTS, Right, role_for, roots_of
from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.dates import iso_day
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.masking import mask_number
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.kernel.msisdn import BadMsisdn, read_msisdn
from gateway.kernel.sealing import keys_of
from gateway.locale import Say
from gateway.network.organisations import Organisation, Tree
from gateway.network.staff import Member
from gateway.store.effects import effect_key, once
from gateway.store.schema import organisation
from gateway.store.tracing import trace
from gateway.store.unit import Store, Unit

LONGEST_NUMBER = 18  # digits of what a column holds
MOST_VANTAGES = 40  # so many are a list that one still looks through


@dataclass(frozen=True)
class Upload:
    """A file that was sent: its name as the sender's machine has it, and what is in it."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Sent:
    """Fields of a form or of an address; a field may have several values."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field, without the spaces around it."""
        values = self.fields.get(name)
        return values[0].strip() if values else default

    def all(self, name: str) -> list[str]:
        """Every value of a field."""
        return [each.strip() for each in self.fields.get(name, ())]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    @property
    def open(self) -> dict[str, list[str]]:
        """What was typed, without the form's own tokens and without what nobody else may ever read."""
        kept = {name for name in self.fields if name not in _SECRET and not any(word in name for word in _SECRET_WORDS)}
        return {name: list(values) for name, values in self.fields.items() if name in kept}


# Fields by their names: a password that is chosen is ``new`` and typed ``again``.
_SECRET, _SECRET_WORDS = ("csrf", "once", "new", "again"), ("password", "code", "pin")


@dataclass
class Visit:
    """What a page's function is given first.

    ``asked``: the fields of the address. ``sent``: those of the form, also where it was refused and is shown again with
    ``refused``. ``at``: the part of the network that the person has chosen to look at, always within what they may see.
    """

    parts: Parts
    tree: Tree
    say: Say
    now: datetime
    right: Right
    inside: Person | None = None
    asked: Sent = field(default_factory=Sent)
    sent: Sent = field(default_factory=Sent)
    address: str = ""
    refused: Refused | None = None
    device: str = ""  # the browser, as it names itself
    cookies: Mapping[str, str] = field(default_factory=dict)
    kept: dict[str, tuple[str, int | None]] = field(default_factory=dict)  # cookies to be set, and for how many seconds

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def who(self) -> Person:
        """Whoever has entered; a door that asks for a right lets nobody else through."""
        assert self.inside is not None
        return self.inside

    # --- what they may see --------------------------------------------------------------------------------------------

    def may(self, right: Right, organisation_id: int | None = None) -> bool:
        """Have they a right, anywhere or in one organisation?"""
        if organisation_id is not None:
            return role_for(self.tree, self.who.roles, right, organisation_id) is not None
        return any(right in GRANTS[one.role] for one in self.who.roles)

    def roots(self, right: Right | None = None) -> tuple[Organisation, ...]:
        """The highest organisations in which they have the right (of this door)."""
        return roots_of(self.tree, self.who.roles, right or self._own)

    @property
    def _own(self) -> Right:
        """The right that this door asks for, of somebody who has entered."""
        return Right.INSIDE if self.right is Right.ANYBODY else self.right

    @cached_property
    def at(self) -> Organisation:
        """The organisation whose page this is: the one they chose, where the right reaches it, else their first."""
        chosen = self.tree.by_code.get(self.asked.get("at") or self.cookies.get("at", ""))
        roots = self.roots()
        if chosen is not None and any(chosen.under(one) for one in roots):
            return chosen
        if not roots:
            raise NotThere
        return roots[0]

    def within(self, right: Right | None = None) -> ColumnElement[bool]:
        """The condition that a row's ``organisation`` is theirs to see, for a statement that joins it."""
        return or_(*(organisation.c.path.like(f"{one.path}%") for one in self.roots(right)))

    def places(self, right: Right | None = None) -> list[Organisation]:
        """Every organisation that they may choose, from the top down."""
        roots = self.roots(right)
        every = [one for one in self.tree.by_id.values() if any(one.under(root) for root in roots)]
        return sorted(every, key=lambda one: [int(step) for step in one.path.strip("/").split("/")])

    def vantages(self) -> list[Organisation]:
        """The organisations that a page may be looked at from: of a large network, without its sections."""
        every = self.places()
        return every if len(every) <= MOST_VANTAGES else [one for one in every if one.kind != "section"]

    def member(self, organisation_id: int, right: Right | None = None) -> Member:
        """The role by which they do what this door is for, in an organisation; raises :class:`NotThere`."""
        found = role_for(self.tree, self.who.roles, right or self._own, organisation_id)
        if found is None:
            raise NotThere
        return found

    def today(self, organisation_id: int | None = None) -> date:
        """The day it is in an organisation, or where the page is."""
        place = self.tree[organisation_id] if organisation_id is not None else self.at
        return day_in(place.time_zone, self.now)

    def number(self, msisdn: str) -> str:
        """A phone number as everybody sees it: masked."""
        return mask_number(msisdn)

    def keep(self, name: str, value: str, for_s: int | None = None) -> None:
        """Let their browser keep a value, for so many seconds or until it is closed; an empty one is thrown away."""
        self.kept[name] = (value, for_s)

    # --- what they typed ----------------------------------------------------------------------------------------------

    def text(self, name: str, *, most: int, needed: bool = True) -> str:
        """A line or some lines of text; raises :class:`Refused` where it is missing or too long."""
        typed = self.sent.get(name).replace("\r\n", "\n").replace("\x00", "")
        if needed and not typed:
            raise Refused(self.say("Fill in this field."), name)
        if len(typed) > most:
            raise Refused(self.say("Too long: at most {most} letters.", most=most), name)
        return typed

    def place(self, name: str, right: Right | None = None) -> Organisation:
        """The organisation whose code was chosen, one of :meth:`places`; raises :class:`Refused`."""
        found = self.tree.by_code.get(self.sent.get(name))
        if found is None or not any(found.under(one) for one in self.roots(right)):
            raise Refused(self.say("Choose one of the list."), name)
        return found

    def choice(self, name: str, among: Sequence[str]) -> str:
        """One of the values that the form offered; raises :class:`Refused`."""
        typed = self.sent.get(name)
        if typed not in among:
            raise Refused(self.say("Choose one of the list."), name)
        return typed

    def count(self, name: str, *, least: int, most: int) -> int:
        """A whole number; raises :class:`Refused`."""
        typed = self.sent.get(name)
        is_whole = typed.isascii() and typed.removeprefix("-").isdigit() and len(typed) <= LONGEST_NUMBER
        if not is_whole or not least <= int(typed) <= most:
            raise Refused(self.say("Type a number from {least} to {most}.", least=least, most=most), name)
        return int(typed)

    def amount(self, name: str, currency: str) -> Money:
        """An amount of money; raises :class:`Refused`."""
        try:
            return read_amount(self.sent.get(name), currency)
        except BadAmount:
            raise Refused(self.say("Type an amount, like 2500."), name) from None

    def msisdn(self, name: str, country: str) -> str:
        """A mobile number of a country; raises :class:`Refused`."""
        try:
            return read_msisdn(self.sent.get(name), country)
        except BadMsisdn:
            raise Refused(self.say("This is not a mobile number of this country."), name) from None

    def card(self, name: str) -> str:
        """A card number, checked by its last digit; raises :class:`Refused`."""
        try:
            return read_card(self.sent.get(name))
        except BadCard:
            raise Refused(self.say("A card has nine digits: look at it again."), name) from None

    def day(self, name: str) -> date:
        """A day, as a date field sends it; raises :class:`Refused`."""
        found = iso_day(self.sent.get(name))
        if found is None:
            raise Refused(self.say("Type a day, like 2026-12-31."), name)
        return found

    def upload(self, name: str) -> Upload:
        """The file that was chosen; raises :class:`Refused` where there is none, or nothing in it."""
        found = self.sent.files.get(name)
        if found is None or not found.content:
            raise Refused(self.say("Choose a file."), name)
        return found

    # --- doing --------------------------------------------------------------------------------------------------------

    def do(self, what: str, act: Callable[[Unit], Done], *, about: str = "", place: int | None = None) -> Go:
        """Do something once for this form, and write down who did it, in one transaction.

        A second click, or the page sent again, does nothing and goes where the first one went; with something else in
        it, it is refused, because the first one's answer would be none to it. ``what`` names the act
        (``household.moved``), ``about`` the thing, ``place`` whose affair it is. A fault or a refusal undoes all of it.
        """
        key = effect_key("office", str(self.who.login_id), self.right, what, self.sent.get("once"))

        def once_done(unit: Unit) -> dict[str, Any]:
            done = act(unit)
            self.trace(
                unit,
                what,
                about=done.about or about,
                place=done.place if done.place is not None else place,
                before=done.before,
                after=done.after,
            )
            return {"to": done.to, "note": done.note, "sent": sent}

        sent = self._sent_digest(about)
        try:
            outcome = once(self.store, key, "office", once_done)
        except Unavailable:
            raise
        except Fault as fault:
            raise Refused(fault.said(self.say)) from fault
        if outcome.get("sent", sent) != sent:
            raise Refused(self.say("This form was sent before, with something else in it. Look what was done first."))
        return Go(outcome["to"], outcome["note"])

    def _sent_digest(self, about: str) -> str:
        """What was sent, about what, as a digest that nobody can try texts against."""
        files = [[name, one.name, hashlib.sha256(one.content).hexdigest()] for name, one in self.sent.files.items()]
        keys = keys_of(self.parts.settings.secret_key.get_secret_value())
        return keys.digest("sent", json.dumps([about, sorted(self.sent.open.items()), sorted(files)]))

    def trace(
        self,
        unit: Unit,
        what: str,
        *,
        about: str = "",
        place: int | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down that they did something; :meth:`do` does it by itself."""
        trace(
            unit,
            by=self.inside,
            organisation_id=place,
            what=what,
            about=about,
            address=self.address,
            before=before,
            after=after,
        )
