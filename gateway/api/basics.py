"""What every caller may ask: who its key is, the document, and what a kind of problem means."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gateway.api.call import Call
from gateway.api.doors import ANY_KEY, NO_KEY, Area
from gateway.api.problems import KINDS, not_there
from gateway.api.shapes import Given, Place
from gateway.network.facilities import find

API = Area("basics", "The key itself, and this document.")


class KeyGiven(Given):
    """A key: what it may do, in which part of the network, and until when."""

    prefix: str
    name: str
    organisation: Place
    facility: Place | None
    scopes: list[str]
    expires_at: datetime


@API.get("/me", ANY_KEY, answers=KeyGiven)
def me(call: Call) -> KeyGiven:
    """Which key this is, and what it may do."""
    key, facility = call.key, None
    if key.facility_id is not None:
        with call.store.read() as connection:
            found = find(connection, key.facility_id)
        facility = Place(id=found.id, code=found.code, name=found.name) if found is not None else None
    root = call.root
    return KeyGiven(
        prefix=key.prefix,
        name=key.name,
        organisation=Place(id=root.id, code=root.code, name=root.name),
        facility=facility,
        scopes=sorted(scope.value for scope in key.scopes),
        expires_at=key.expires_at,
    )


@API.get("/openapi.json", NO_KEY, answers={"type": "object"})
def openapi(call: Call) -> dict[str, Any]:
    """This document."""
    from gateway.api.openapi import document  # it is made of all areas, this one too

    return document()


class KindGiven(Given):
    """A kind of problem: the status that it comes with, and what to do about it."""

    kind: str
    status: int
    title: str
    remedy: str


@API.get("/problems/{word}", NO_KEY, answers=KindGiven)
def problem(call: Call, word: str) -> KindGiven:
    """What a kind of problem means, and what to do about it."""
    kind = KINDS.get(word)
    if kind is None:
        raise not_there()
    return KindGiven(kind=word, status=kind.status, title=call.say(kind.title), remedy=call.say(kind.remedy))
