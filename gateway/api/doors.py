"""Every way into the API is a door: what it is about, which scope it asks for, what it takes and answers.

Access, errors, pages, ETags and the document follow from the declaration; a function behind a door can't forget them.

To add an endpoint, write a module of your own (or use one that is there) and name its area in
:mod:`gateway.api.areas`::

    API = Area("care", "Visits that facilities announced")

    class VisitGiven(Given):
        '''A visit.'''
        number: str
        announced_at: datetime

    @API.get("/visits/{number}", Scope.VISITS_READ, answers=VisitGiven)
    def visit(call: Call, number: str) -> VisitGiven:
        '''One visit, by its number.'''          # the first line is the summary in the document, the rest describes it
        with call.store.read() as connection: ...
        raise not_there()                        # whatever isn't there or isn't this key's

- **Paths.** A name in braces is one of :data:`gateway.api.subjects.SUBJECTS`, which reads the thing and says whose it
  is: what is outside the key's subtree is 404 before the function is asked. The function gets the things in the order
  of the path. ``{id}`` and ``{word}`` are plain: then look yourself, by ``call.sees(organisation_id)`` (False is 404).
- **Lists.** ``@API.list("/visits", scope, of=VisitGiven)``; the function's last argument is a
  :class:`~gateway.api.paging.Turn`: read ``turn.limit`` rows behind ``turn.after`` (None, or what you gave before) and
  give ``Listed(items, next)``; ``next`` is any value that JSON knows, None at the end.
- **Questions.** ``asks=Model`` (an :class:`~gateway.api.shapes.Asked`): what stands behind the ``?``, checked; the
  function gets it after the things.
- **Changes.** ``@API.post(path, scope, takes=Model, answers=Model, once=True)`` and ``@API.patch(...)``: the function
  is given ``(call, unit, *things, sent)``, in one transaction with what is kept of it. ``once``: an Idempotency-Key
  is needed, and a repeat gets the first answer. ``Made(answer, "/visits/123456")`` is a 201 with a Location.
  ``if_match=True``: the function says ``call.matches(the_model_that_GET_answers)`` once it has locked the row.
  Trace what was done: ``call.trace(unit, "visit.announced", about=..., place=...)``.
- **Refusals.** Raise a :class:`~gateway.api.problems.Problem` of a kind that its table has (``also=("conflict",)``
  documents those that don't follow from the declaration); a :class:`~gateway.kernel.faults.Fault` is a 422 with its
  line.
- **Whoever is shown.** ``call.shows(household_id, ...)``: whose households an answer shows, so that it is written down.
- **Phone numbers** go through ``call.phone(msisdn)``: masked without the scope for them.
- **Other forms.** ``answers`` may be a JSON schema (a mapping) where the function gives a dict; ``content_type`` its
  name (``application/fhir+json``); ``fails(problem_members) -> dict`` how a problem looks in that form. ``files`` are
  content types of which the function may give a :class:`File`. For links of your own: ``call.address(path, **query)``.
- **Scopes** are :class:`gateway.network.api_keys.Scope`; ``ANY_KEY`` asks for none, ``NO_KEY`` lets everybody in.

``gateway docs`` writes docs/openapi.json anew; tests/api walk every door with every kind of key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pydantic import BaseModel

from gateway.api.paging import Paged
from gateway.api.shapes import Asked, Page, Taken
from gateway.network.api_keys import Scope

Handler = Callable[..., Any]
Fails = Callable[[Mapping[str, Any]], Mapping[str, Any]]
JSON = "application/json"
LARGEST_BODY = 64 * 1024


class Needs(Enum):
    """What a door asks for that asks for no scope."""

    NO_KEY = "no key"
    ANY_KEY = "any key"


NO_KEY, ANY_KEY = Needs.NO_KEY, Needs.ANY_KEY


@dataclass(frozen=True)
class Made:
    """Something new (201): what it is, and below ``/api/v1`` where it is found."""

    answer: BaseModel | Mapping[str, Any]
    place: str


@dataclass(frozen=True)
class File:
    """An answer that isn't JSON; ``name``: what it is called when it is kept."""

    content_type: str
    content: bytes
    name: str = ""


@dataclass(frozen=True)
class Door:
    """See the module's text for what each part means. ``also``: kinds of problems that don't follow from the rest."""

    area: Area
    method: str
    path: str
    needs: Scope | Needs
    handler: Handler
    answers: type[BaseModel] | Mapping[str, Any]
    asks: type[Asked] | None = None
    takes: type[Taken] | None = None
    listed: bool = False
    once: bool = False
    if_match: bool = False
    also: tuple[str, ...] = ()
    content_type: str = JSON
    files: tuple[str, ...] = ()
    fails: Fails | None = None
    statuses: tuple[int, ...] = (200,)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def problems(self) -> tuple[str, ...]:
        """Every kind of problem that may be answered here, in the order of their statuses."""
        kinds = {"too-much", "defect", "unavailable", *self.also}
        if self.needs is not NO_KEY:
            kinds |= {"no-key", "key-over"}
        if isinstance(self.needs, Scope):
            kinds |= {"no-scope"}
        if self.subjects:
            kinds |= {"not-there"}
        if self.asks is not None or self.listed:
            kinds |= {"invalid"}
        if self.takes is not None:
            kinds |= {"unreadable", "too-large", "media-type", "invalid"}
        if self.writes:
            kinds |= {"refused"}
        if self.once:
            kinds |= {"invalid", "in-progress", "used-otherwise"}
        if self.if_match:
            kinds |= {"changed", "unconditional"}
        return tuple(sorted(kinds))


@dataclass
class Area:
    """The doors about one thing; ``says``: what it is, in a line."""

    name: str
    says: str
    doors: list[Door] = field(default_factory=list)

    def get(
        self,
        path: str,
        needs: Scope | Needs,
        *,
        answers: type[BaseModel] | Mapping[str, Any],
        asks: type[Asked] | None = None,
        also: tuple[str, ...] = (),
        content_type: str = JSON,
        files: tuple[str, ...] = (),
        fails: Fails | None = None,
    ) -> Callable[[Handler], Handler]:
        """The function below tells something, and changes nothing."""
        return self._keep("GET", path, needs, answers, asks=asks, also=also, content_type=content_type, files=files,
                          fails=fails)  # fmt: skip

    def list(
        self,
        path: str,
        needs: Scope | Needs,
        *,
        of: type[BaseModel],
        asks: type[Asked] | None = None,
        also: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """The function below gives a page of a list."""
        return self._keep("GET", path, needs, Page[of], asks=asks or Paged, also=also, listed=True)  # type: ignore[valid-type]

    def post(
        self,
        path: str,
        needs: Scope | Needs,
        *,
        takes: type[Taken],
        answers: type[BaseModel] | Mapping[str, Any],
        once: bool = False,
        statuses: tuple[int, ...] = (201,),
        also: tuple[str, ...] = (),
        content_type: str = JSON,
        fails: Fails | None = None,
    ) -> Callable[[Handler], Handler]:
        """The function below makes something; ``once``: under a key that whoever asks names."""
        return self._keep("POST", path, needs, answers, takes=takes, once=once, statuses=statuses, also=also,
                          content_type=content_type, fails=fails)  # fmt: skip

    def patch(
        self,
        path: str,
        needs: Scope | Needs,
        *,
        takes: type[Taken],
        answers: type[BaseModel] | Mapping[str, Any],
        if_match: bool = True,
        also: tuple[str, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """The function below changes something, as it was read before."""
        return self._keep("PATCH", path, needs, answers, takes=takes, if_match=if_match, also=also)

    def _keep(
        self,
        method: str,
        path: str,
        needs: Scope | Needs,
        answers: type[BaseModel] | Mapping[str, Any],
        **rest: Any,
    ) -> Callable[[Handler], Handler]:
        def keep(handler: Handler) -> Handler:
            self.doors.append(Door(self, method, path, needs, handler, answers, **rest))
            return handler

        return keep
