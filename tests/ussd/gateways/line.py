"""A phone on any gateway's own wire: a line turns what a person does into that gateway's requests and back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from werkzeug.test import TestResponse

from tests.ussd.handset import SECRET, Answer, Handset, checked
from tests.ussd.world import MEMBER, OUAKE, Place

BETWEEN_HOPS_S = 7
MOST_HOPS = 200
CONFIRM = "To confirm, answer once more."
HIDDEN = "2290150000001" + " " * 40 + "x"  # a number that goes wrong beyond where one would look


@dataclass(frozen=True)
class Hop:
    """What a person has done in a session so far: dialled a code, with or without a tail, and typed."""

    session_id: str
    msisdn: str
    code: str
    deep: str = ""
    typed: tuple[str, ...] = ()


class Line(Protocol):
    """One gateway, as its own servers would speak to us."""

    name: str
    method: str
    shows: int  # the most septets of a screen
    whole: bool  # it tells the whole history, not only the newest input

    def request(self, hop: Hop) -> dict[str, Any]:
        """What is sent for a hop, as arguments of the Flask test client."""

    def read(self, response: TestResponse) -> str:
        """``CON`` or ``END`` and the screen, from an answer that is exactly as the gateway wants it."""

    def hostile(self, good: Hop) -> Mapping[str, dict[str, Any]]:
        """Requests that nobody sane sends, by what is wrong with them."""


@dataclass
class Phone(Handset):
    """A phone on a line: the tests' handset, but for the wire."""

    line: Line = field(kw_only=True)
    place: Place = field(kw_only=True)
    hop: Hop = field(kw_only=True, default=Hop("", "", ""))
    sent: list[Hop] = field(default_factory=list)  # of this session, oldest first

    def dial(self, code: str = OUAKE, deep: str = "", session_id: str = "") -> Phone:
        self.sent = []
        return self._sends(Hop(session_id or secrets.token_hex(8), self.msisdn, code, deep))

    def types(self, *answers: str) -> Phone:
        for answer in answers:
            assert self.open, f"the session is over, it ended with: {self.screen}"
            assert len(self.sent) < MOST_HOPS, f"the call never ends, it stands at: {self.screen}"
            self._sends(replace(self.hop, typed=(*self.hop.typed, answer)))
            if CONFIRM in self.screen and not self.line.whole:
                self._sends(replace(self.hop, typed=(*self.hop.typed, answer)))
        return self

    def _sends(self, hop: Hop) -> Phone:
        self.place.wait(seconds=BETWEEN_HOPS_S)
        self.hop = hop
        self.sent.append(hop)
        return self.gets(self.delivers(hop))

    def gets(self, answer: str) -> Phone:
        """An answer reaches the phone."""
        self.open, self.screen = answer.startswith("CON "), answer[4:]
        self.shown.append(self.screen)
        return self

    def delivers(self, hop: Hop) -> str:
        """The network delivers a request, and the phone doesn't take the answer to heart; ``CON`` or ``END`` and it."""
        said = self.line.read(ask(self.place, self.line, self.line.request(hop)))
        return checked(Answer(200, "text/plain", said), self.septets)

    def repeats(self, times: int = 2) -> Phone:
        before = f"{'CON' if self.open else 'END'} {self.screen}"
        for _ in range(times):
            assert self.delivers(self.hop) == before
        return self


def ask(place: Place, line: Line, request: Mapping[str, Any], secret: str = "") -> TestResponse:
    """Send a request over the Flask test client; safe from several threads."""
    return place.app.test_client().open(f"/ussd/{line.name}/{secret or SECRET}", method=line.method, **request)


def phone(place: Place, line: Line, msisdn: str = MEMBER, septets: int = 160) -> Phone:
    """A phone on a line, whose screens are checked against a budget."""
    return Phone(msisdn, place.post, min(septets, line.shows), line=line, place=place)
