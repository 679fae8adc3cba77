"""``/api/v1``: the doors as Flask sees them; what every call meets before a door's function, and after it.

In this order: the door, how much is asked, the key, its scope, whose the thing is, what was sent; then the function;
then the answer's ETag. Doors know nothing of Flask, so none of them can go round it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request
from pydantic import BaseModel
from sqlalchemy import Connection
from werkzeug.datastructures import ETags
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from gateway.api import calm, keeping, problems
from gateway.api.call import PATH, Call, etag_of, json_of
from gateway.api.doors import ANY_KEY, JSON, LARGEST_BODY, NO_KEY, Door, File, Made
from gateway.api.looked import note_looks
from gateway.api.paging import GOOD_FOR_S, Listed, Paged, Turn
from gateway.api.parts import Parts
from gateway.api.problems import Problem, not_there
from gateway.api.reading import read_body, read_query
from gateway.api.routing import NoSuchDoor, door_of
from gateway.api.subjects import SUBJECTS, Subject
from gateway.kernel.faults import Fault, Unavailable
from gateway.kernel.sources import Sources
from gateway.locale import Say, mark
from gateway.network import api_keys
from gateway.network.api_keys import ApiKey
from gateway.network.organisations import Tree

log = logging.getLogger(__name__)

LANGUAGES = ("fr", "en")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


def api_blueprint(parts: Parts, sources: Sources | None = None, most: calm.Most | None = None) -> Blueprint:
    """Every door of :data:`~gateway.api.areas.AREAS`; ``sources`` tells a caller's address behind proxies."""
    web = Blueprint("api", __name__, url_prefix=PATH)
    desk = _Desk(parts, sources or Sources(), most or calm.Most())
    for rule in ("", "/", "/<path:rest>"):
        # A slash too many is no address: whoever is sent on to another takes the key along, wherever it leads.
        web.add_url_rule(
            rule, "any", desk.answer, methods=METHODS, provide_automatic_options=False, merge_slashes=False
        )
    return web


def is_api(path: str) -> bool:
    """Is an address one of the API's?"""
    return path == PATH or path.startswith(f"{PATH}/")


def sorry(error: HTTPException, language: str) -> Response:
    """What failed before any door, told as the API tells it: a method that nobody knows, a defect of Flask's."""
    status = error.code or 500
    problem = Problem(problems.BY_STATUS.get(status, "defect" if status >= 500 else "unreadable"))
    if status == 405:
        try:
            door_of(request.path.removeprefix(PATH), request.method)
        except Problem as why:
            problem = why
        except NoSuchDoor:
            problem = not_there()
    return _told(problem, Say(language), None)


class _Desk:
    """Where every call arrives."""

    def __init__(self, parts: Parts, sources: Sources, most: calm.Most) -> None:
        self.parts = parts
        self.sources = sources
        self.most = most
        default = parts.settings.default_language
        self.language = default if default in LANGUAGES else LANGUAGES[0]

    # --- a call -------------------------------------------------------------------------------------------------------

    def answer(self, rest: str = "") -> Response:
        """What a door's function answers, or why there is no such answer."""
        # "en-GB" is English, before a French that is liked less.
        liked = (tag.partition("-")[0].lower() for tag in request.accept_languages.values())
        say = Say(next((language for language in liked if language in LANGUAGES), self.language))
        door: Door | None = None
        try:
            door, named = door_of(f"/{rest}", request.method)
            response = self._through(door, named, say)
        except NoSuchDoor as nothing:
            response = _told(not_there(), say, nothing.door)
        except Problem as problem:
            response = self._after(problem, say, door)
        except RequestEntityTooLarge:
            response = _told(Problem("too-large"), say, door)
        except Unavailable as down:
            log.error("api: %s", down)
            response = _told(Problem("unavailable", headers={"Retry-After": "60"}), say, door)
        except Fault as fault:
            response = _told(Problem("refused", more={"detail": fault.said(say)}), say, door)
        except HTTPException as error:
            response = _told(Problem(problems.BY_STATUS.get(error.code or 500, "unreadable")), say, door)
        except Exception:
            log.exception("api: a defect")
            response = _told(Problem("defect"), say, door)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        response.vary.update(("Accept-Language", "Authorization"))
        return response

    def _after(self, problem: Problem, say: Say, door: Door | None) -> Response:
        try:
            problem.after()
        except Unavailable as down:
            log.warning("api: what a refusal leaves to be done isn't: %s", down)
        return _told(problem, say, door)

    def _through(self, door: Door, named: Mapping[str, str], say: Say) -> Response:
        forwarded = request.headers.getlist("X-Forwarded-For")
        caller = str(self.sources.caller(request.remote_addr or "", forwarded) or "")[:45]
        services = self.parts.services
        now = services.clock.now()
        bearer = self._bearer(door, caller)
        tree = services.network.tree_with(bearer.organisation_id) if bearer is not None else services.network.tree()
        call = Call(self.parts, tree, say, now, bearer, caller)
        if door.needs is not NO_KEY and door.needs is not ANY_KEY and door.needs not in call.key.scopes:
            raise Problem("no-scope", more={"scope": str(door.needs.value)})
        things = self._things(call, door, named)
        if door.writes:
            return self._change(call, door, things)
        return self._show(call, door, things)

    # --- who, what and whose ------------------------------------------------------------------------------------------

    def _bearer(self, door: Door, caller: str) -> ApiKey | None:
        """The key that is shown, where the door asks for one; raises :class:`Problem`."""
        now = self.parts.services.clock.now()
        if door.needs is NO_KEY:
            self._calmly(f"address {caller}", self.most.strangers)
            return None
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        key = None
        if scheme.lower() == "bearer" and token:
            with self.parts.store.read() as connection:
                key = api_keys.by_token(connection, token)
        if key is None or not key.is_good(now):
            self._calmly(f"address {caller}", self.most.strangers)
        if key is None:
            raise Problem("no-key", headers={"WWW-Authenticate": 'Bearer realm="api"'})
        if not key.is_good(now):
            raise Problem("key-over", headers={"WWW-Authenticate": 'Bearer realm="api", error="invalid_token"'})
        most = self.most.writes if door.writes else self.most.reads
        self._calmly(f"key {key.id} {door.writes}", most)
        if api_keys.is_seen_anew(key, now):
            self._seen(key)
        return key

    def _calmly(self, whose: str, most: int) -> None:
        wait = calm.wait_s(self.parts.redis, whose, most, self.parts.services.clock.now())
        if wait:
            raise Problem("too-much", headers={"Retry-After": str(wait)})

    def _seen(self, key: ApiKey) -> None:
        try:
            with self.parts.store.write() as unit:
                api_keys.seen(unit, key.id)
        except Unavailable as down:
            log.warning("that a key was used can't be written: %s", down)

    def _things(self, call: Call, door: Door, named: Mapping[str, str]) -> list[Any]:
        """What the path names, read; raises :class:`Problem` for what isn't there or isn't this key's."""
        if not named:
            return []
        things = []
        with self.parts.store.read() as connection:
            for name, typed in named.items():
                subject = SUBJECTS[name]
                thing = self._done(call, partial(_read, call, subject, connection, typed))
                if thing is None:
                    raise not_there()
                if subject.places is not None:
                    places = subject.places(thing)
                    call.tree = self.parts.services.network.tree_with(*places)
                    if not any(map(call.is_in_network if subject.in_network else call.sees, places)):
                        raise not_there()
                things.append(thing)
        return things

    def _fresh_tree(self) -> Tree:
        self.parts.services.network.forget()
        return self.parts.services.network.tree()

    # --- showing ------------------------------------------------------------------------------------------------------

    def _show(self, call: Call, door: Door, things: Sequence[Any]) -> Response:
        given: list[Any] = [call, *things]
        asked = None
        if door.asks is not None:
            asked = read_query(door.asks, request.args.lists(), call.say)
            if not (door.listed and door.asks is Paged):
                given.append(asked)
        if not door.listed:
            return self._respond(call, door, self._done(call, lambda: door.handler(*given)))
        assert isinstance(asked, Paged)
        # A cursor leads on in the same list, asked the same.
        same = asked.model_dump(mode="json", exclude={"cursor", "limit"})
        purpose = keeping.digest(request.path, json.dumps(same, sort_keys=True))
        after = call.unseal(purpose, asked.cursor, GOOD_FOR_S) if asked.cursor is not None else None
        if asked.cursor is not None and after is None:
            raise Problem("invalid", more={"errors": [{"parameter": "cursor", "detail": call.say(_OLD_CURSOR)}]})
        page = self._done(call, lambda: door.handler(*given, Turn(asked.limit, after)))
        assert isinstance(page, Listed)
        link = None
        if page.next is not None:
            own = {**same, "limit": asked.limit, "cursor": call.seal(purpose, page.next)}
            link = call.address(request.path.removeprefix(PATH), **own)
        items = [json.loads(json_of(one)) for one in page.items]
        # Sealed anew each time, a cursor has no part in what the page is.
        etag = etag_of({"items": items, "next": page.next})
        headers = {"Link": f'<{link}>; rel="next"'} if link else {}
        return self._respond(call, door, {"items": items, "next": link}, etag, headers)

    def _respond(
        self, call: Call, door: Door, answer: Any, etag: str = "", headers: Mapping[str, str] | None = None
    ) -> Response:
        if isinstance(answer, File):
            response = Response(answer.content, content_type=answer.content_type)
            if answer.name:
                response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(answer.name)}"
            content = answer.content
        else:
            content = json_of(answer)
            response = Response(content, content_type=door.content_type)
        response.set_etag(etag or etag_of(content))
        response.headers.update(headers or {})
        # Kept by nobody but who asked, and asked about anew each time.
        response.headers["Cache-Control"] = "private, no-cache"
        if request.if_none_match.contains_weak(response.get_etag()[0] or ""):
            response.status_code = 304
            response.set_data(b"")
            del response.headers["Content-Type"]
            return response
        note_looks(call)
        return response

    # --- changing -----------------------------------------------------------------------------------------------------

    def _change(self, call: Call, door: Door, things: Sequence[Any]) -> Response:
        given: list[Any] = list(things)
        body = b""
        if door.takes is not None:
            # One more than is taken: what comes in parts is cut off there without a word.
            request.max_content_length = LARGEST_BODY + 1
            if request.mimetype not in (JSON, door.content_type):
                raise Problem("media-type")
            body = request.get_data()
            if len(body) > LARGEST_BODY:
                raise Problem("too-large")
            given.append(read_body(door.takes, body, call.say))
        if door.if_match:
            # A star names no state: whoever may change and not read would be shown what it changes.
            if not request.if_match or request.if_match.star_tag:
                raise Problem("unconditional")
            call.is_as_read = partial(_names, request.if_match)
        if not door.once:
            return self._changed(call, door, self._done(call, lambda: self._write(call, door, given)))
        call.name = request.headers.get("Idempotency-Key", "").strip()
        if not keeping.NAME.fullmatch(call.name):
            wrong = {"header": "Idempotency-Key", "detail": call.say(_NO_NAME)}
            raise Problem("invalid", more={"errors": [wrong]})
        asked = keeping.digest(request.method, request.path, body)
        return self._changed(call, door, self._done(call, lambda: self._write(call, door, given, asked)))

    def _write(self, call: Call, door: Door, given: Sequence[Any], asked: str = "") -> keeping.Kept:
        """What a function did, in its transaction; ``asked``: a digest of all that is done once."""
        with self.parts.store.write() as unit:

            def do() -> keeping.Kept:
                return _kept(door, door.handler(call, unit, *given))

            return keeping.once(unit, call.key.id, call.name, asked, do) if asked else do()

    def _done(self, call: Call, do: Callable[[], Any]) -> Any:
        """What a function gives; where it met an organisation that another process has just made, anew with it."""
        try:
            return do()
        except KeyError:
            call.tree = self._fresh_tree()
            return do()

    def _changed(self, call: Call, door: Door, done: keeping.Kept) -> Response:
        content = json_of(done.body)
        response = Response(content, done.status, content_type=door.content_type)
        if door.if_match:
            response.set_etag(etag_of(content))
        if done.place:
            response.headers["Location"] = call.address(done.place)
        if done.again:
            response.headers["Idempotency-Replayed"] = "true"
        note_looks(call)
        return response


_OLD_CURSOR = mark("This cursor leads nowhere: it is too old, or it is another list's. Begin anew without it.")
_NO_NAME = mark("Name this wish with up to 200 letters, new for each new wish: a repeat gets the same answer.")


def _read(call: Call, subject: Subject, connection: Connection, typed: str) -> Any | None:
    return subject.read(connection, call.tree, typed)


def _kept(door: Door, answer: Any) -> keeping.Kept:
    """A change's answer, as it is sent and kept."""
    status, place = door.statuses[0], None
    if isinstance(answer, Made):
        status, place, answer = 201, answer.place, answer.answer
    elif 201 in door.statuses and len(door.statuses) > 1:
        status = next(one for one in door.statuses if one != 201)
    assert status in door.statuses, f"{door.method} {door.path}: {status} isn't declared"
    body = answer.model_dump(mode="json", by_alias=True) if isinstance(answer, BaseModel) else answer
    return keeping.Kept(status, place, body)


def _names(sent: ETags, etag: str) -> bool:
    return sent.contains(etag)


def _told(problem: Problem, say: Say, door: Door | None) -> Response:
    members: Mapping[str, Any] = problem.said(say)
    content_type = problems.CONTENT_TYPE
    if door is not None and door.fails is not None:
        members, content_type = door.fails(members), door.content_type
    content = json.dumps(members, ensure_ascii=False).encode()
    response = Response(content, problem.status, content_type=content_type)
    response.headers.update(problem.headers)
    response.headers["Content-Language"] = say.language
    return response
