"""``/console``: the doors as routes of Flask; what every request meets before a page's function, and after it.

In this order: the session, the right, whose the thing is, the form's own token; then the page's function; then how an
answer becomes a response. Pages know nothing of Flask, so none of them can go round it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import redis
from flask import Blueprint, Flask, Response, current_app, redirect, render_template, request
from flask_compress import Compress
from werkzeug.exceptions import HTTPException

from gateway.console import drafts
from gateway.console.answers import Answer, File, Go, NotThere, Page, Refused
from gateway.console.areas import AREAS
from gateway.console.doors import LARGEST_FORM, Area, Door
from gateway.console.entry import sessions
from gateway.console.parts import Parts
from gateway.console.person import Person
from gateway.console.rights import Right, role_for
from gateway.console.subjects import SUBJECTS
from gateway.console.visit import Sent, Upload, Visit
from gateway.kernel.faults import Unavailable
from gateway.kernel.headers import PAGE_HEADERS
from gateway.kernel.sealing import keys_of
from gateway.kernel.sources import Sources
from gateway.locale import Say, mark

log = logging.getLogger(__name__)

PATH = "/console"
HERE = Path(__file__).parent
LANGUAGES = {"fr": "Français", "en": "English"}
NOTE_FOR_S = 120  # so long a note waits for the page that it is said on
A_MINUTE = 60
REQUESTS_A_MINUTE = 240  # of one device; a page that keeps itself fresh asks six times
POSTS_A_MINUTE = 60
# What a page asks of the script and the styles: their addresses hold a digest, so they never change.
MARKS = {
    one.name: hashlib.blake2b(one.read_bytes(), digest_size=6).hexdigest()
    for one in sorted((HERE / "static").iterdir())
}


def console_blueprint(parts: Parts, sources: Sources | None = None) -> Blueprint:
    """Every door of :data:`~gateway.console.areas.AREAS`; ``sources`` tells a visitor's address behind proxies."""
    web = Blueprint("console", __name__, url_prefix=PATH, template_folder="templates", static_folder="static")
    desk = _Desk(parts, sources or Sources())
    for area in AREAS:
        for door in area.doors:
            unknown = [name for name in door.subjects if name not in SUBJECTS]
            assert not unknown, f"{door.path}: nobody knows whose {unknown[0]} is"
            path = re.sub(r"<(\w+)>", lambda found: _converted(found[1]), door.path)
            name = f"{area.name}_{door.handler.__name__}_{door.method.lower()}"
            web.add_url_rule(path, name, partial(desk.answer, door), methods=[door.method])
    web.add_url_rule("/<path:rest>", "nothing", desk.nothing)

    @web.after_request
    def with_headers(response: Response) -> Response:
        lasting = request.endpoint == "console.static" and request.args.get("v") in MARKS.values()
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-store"
        response.headers.update(PAGE_HEADERS)
        return response

    @web.errorhandler(HTTPException)
    def told(error: HTTPException) -> Response:
        return desk.sorry(error.code or 500)

    @web.errorhandler(Unavailable)
    def down(error: Unavailable) -> Response:
        log.error("office: %s", error)
        return desk.sorry(503)

    return web


def compress(app: Flask) -> None:
    """Pages, styles and charts leave compressed; what machines are answered is left as it is."""
    app.config["COMPRESS_MIMETYPES"] = ["text/html", "text/css", "text/javascript", "image/svg+xml", "text/csv"]
    Compress(app)


def _converted(name: str) -> str:
    return f"<{name}>" if SUBJECTS[name].is_text else f"<int:{name}>"


class _Desk:
    """Where every request arrives."""

    def __init__(self, parts: Parts, sources: Sources) -> None:
        self.parts = parts
        self.sources = sources
        self.keys = keys_of(parts.settings.secret_key.get_secret_value())
        self.prefix = "__Host-" if parts.secure else ""

    # --- a request ----------------------------------------------------------------------------------------------------

    def answer(self, door: Door, **named: Any) -> Response:
        """What a door's function answers, for whoever may go through."""
        request.max_content_length = door.largest
        inside = self._inside()
        visit = self._visit(door, inside)
        if not self._is_calm(visit):
            return self._nothing(visit, 429)
        if inside is None and door.right is not Right.ANYBODY:
            return self._to_the_entrance(door, visit)
        if inside is not None and inside.must_secure and door.right is not Right.ANYBODY and not _secures(door):
            return self._go(visit, Go("/account/second-factor"))
        if door.right is not Right.ANYBODY and not visit.may(door.right):
            return self._nothing(visit, 403)
        try:
            things = self._things(visit, door, named)
            if door.method == "POST":
                return self._post(door, visit, things)
            self._take_up(visit)
            return self._respond(visit, door.handler(visit, *things))
        except NotThere:
            return self._nothing(visit, 404)

    def _post(self, door: Door, visit: Visit, things: Sequence[Any]) -> Response:
        visit.sent = self._sent(door)
        if not self._is_own_form(visit):
            return self._again(
                door, visit, things, Refused(visit.say("This page was old. Look at it, and send it again."))
            )
        try:
            return self._respond(visit, door.handler(visit, *things))
        except Refused as refused:
            return self._again(door, visit, things, refused)

    def _again(self, door: Door, visit: Visit, things: Sequence[Any], refused: Refused) -> Response:
        """The page that was sent, once more, with what was typed and why it was refused."""
        visit.refused = refused
        if door.shown_by is None:
            return self._nothing(visit, 422)
        try:
            answer = door.shown_by(visit, *things)
        except Refused:
            return self._nothing(visit, 422)
        if isinstance(answer, Page):
            answer = Page(answer.template, answer.title, answer.values, 422)
        return self._respond(visit, answer)

    def _take_up(self, visit: Visit) -> None:
        """Show what was typed here when the session had ended, to whoever typed it."""
        sealed = visit.cookies.get("draft", "")
        sent = (
            drafts.unseal(self.keys, visit.who.login_id, request.path, sealed, visit.now)
            if sealed and visit.inside
            else None
        )
        if sent is not None:
            visit.sent = sent
            visit.keep("draft", "")
            visit.refused = Refused(visit.say("This is what you typed. Nothing was done yet: look at it, and send it."))

    def nothing(self, rest: str) -> Response:
        """There is no such page."""
        return self.sorry(404)

    def sorry(self, status: int) -> Response:
        """A page that says what went wrong, or as little as can be said where even that can't be made."""
        try:
            visit = self._visit(Door("GET", "", Right.ANYBODY, lambda _: Go("/")), self._inside())
            return self._nothing(visit, status)
        except Unavailable:
            language = self._language(None)
            text = Say(language)("Cotisa doesn't answer just now. Nothing is lost: try again in a minute.")
            return Response(f"{text}\n", 503, content_type="text/plain; charset=utf-8", headers={"Retry-After": "60"})

    # --- who, what, and whose -----------------------------------------------------------------------------------------

    def _inside(self) -> Person | None:
        token = request.cookies.get(self.prefix + sessions.COOKIE, "")
        return sessions.person_of(self.parts.store, token, self.parts.services.clock.now()) if token else None

    def _visit(self, door: Door, inside: Person | None) -> Visit:
        forwarded = request.headers.getlist("X-Forwarded-For")
        return Visit(
            parts=self.parts,
            tree=self.parts.services.network.tree_with(
                *(one.organisation_id for one in inside.roles) if inside is not None else ()
            ),
            say=Say(self._language(inside)),
            now=self.parts.services.clock.now(),
            right=door.right,
            inside=inside,
            asked=Sent(_plain(request.args.lists())),
            address=str(self.sources.caller(request.remote_addr or "", forwarded) or "")[:45],
            device=request.headers.get("User-Agent", "")[:120],
            # Over https only those that are bound to this host: any other of the domain may have set the rest.
            cookies={
                name.removeprefix(self.prefix): value
                for name, value in request.cookies.items()
                if name.startswith(self.prefix)
            },
        )

    def _language(self, inside: Person | None) -> str:
        chosen = request.cookies.get(self.prefix + "language") or (inside.language if inside is not None else None)
        default = self.parts.settings.default_language
        return next((one for one in (chosen, default) if one in LANGUAGES), "fr")

    def _things(self, visit: Visit, door: Door, named: Mapping[str, Any]) -> list[Any]:
        """What the path names, read; raises :class:`NotThere` for what isn't there or isn't theirs."""
        things, network = [], self.parts.services.network
        with self.parts.store.read() as connection:
            for name in door.subjects:
                subject = SUBJECTS[name]
                if not subject.is_text and named[name] >= 2**63:
                    raise NotThere
                if name == "organisation":
                    visit.tree = network.tree_with(named[name])
                try:
                    thing = subject.read(connection, visit.tree, named[name])
                except KeyError:  # it is of an organisation that another process has just made
                    network.forget()
                    visit.tree = network.tree()
                    thing = subject.read(connection, visit.tree, named[name])
                if thing is None:
                    raise NotThere
                if subject.place is not None:
                    here = subject.place(thing)
                    visit.tree = network.tree_with(here)
                    if door.right is Right.ANYBODY or not role_for(visit.tree, visit.who.roles, door.right, here):
                        raise NotThere
                things.append(thing)
        return things

    def _sent(self, door: Door) -> Sent:
        fields = _plain(request.form.lists())
        files = {}
        if door.largest > LARGEST_FORM:
            for name, one in request.files.items():
                files[name] = Upload(_text(Path(one.filename or "").name)[:120], one.read())
        return Sent(fields, files)

    def _is_own_form(self, visit: Visit) -> bool:
        """Was the form made here, for this session? Also said by the browser, where it says such things."""
        if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            return False
        expected = visit.inside.csrf if visit.inside is not None else self._csrf_outside()
        borne = visit.sent.get("csrf")
        return hmac.compare_digest(borne.encode(), expected.encode()) and bool(
            re.fullmatch(r"[\w-]{16,64}", visit.sent.get("once"))
        )

    def _csrf_outside(self) -> str:
        """What a form bears of somebody who hasn't entered: made of a cookie of their browser's own."""
        seed = request.cookies.get(self.prefix + "visitor", "") or request.environ.setdefault(
            "cotisa.visitor", secrets.token_urlsafe(18)
        )
        return self.keys.digest("form", seed)

    def _is_calm(self, visit: Visit) -> bool:
        """Does one device ask no more than a person does? While Redis is down everybody is let through."""
        whose = f"s{visit.inside.session_id}" if visit.inside is not None else f"a{_digest(visit.address)}"
        most = POSTS_A_MINUTE if request.method == "POST" else REQUESTS_A_MINUTE
        minute = int(visit.now.timestamp()) // A_MINUTE
        key = f"office:{whose}:{request.method}:{minute}"
        try:
            pipe = self.parts.redis.pipeline()
            pipe.incr(key)
            pipe.expire(key, 2 * A_MINUTE)
            return int(pipe.execute()[0]) <= most
        except redis.RedisError:
            return True

    # --- answers ------------------------------------------------------------------------------------------------------

    def _respond(self, visit: Visit, answer: Answer) -> Response:
        if isinstance(answer, Go):
            return self._go(visit, answer)
        if isinstance(answer, File):
            return self._file(answer)
        return self._page(visit, answer)

    def _go(self, visit: Visit, answer: Go) -> Response:
        response = redirect(f"{request.script_root}{PATH}{answer.to}", 303)
        assert isinstance(response, Response)
        if answer.note:
            self._set(response, "note", self.keys.seal("note", answer.note, visit.now), NOTE_FOR_S)
        self._keep(visit, response)
        return response

    def _file(self, answer: File) -> Response:
        content: bytes | Iterator[bytes] = (
            answer.content if isinstance(answer.content, bytes) else _whole(answer.content)
        )
        response = Response(content, content_type=answer.content_type)
        kind = "inline" if answer.inline else "attachment"
        response.headers["Content-Disposition"] = f"{kind}; filename*=UTF-8''{quote(answer.name)}"
        return response

    def _page(self, visit: Visit, page: Page) -> Response:
        note, told = self._note(visit), self._told(visit, page)
        block = request.headers.get("X-Part")
        if block is not None:
            return self._part(page, block, told)
        response = Response(render_template(page.template, note=note, **told), page.status)
        if note:
            self._drop(response, "note")
        self._keep(visit, response)
        return response

    def _part(self, page: Page, block: str, told: Mapping[str, Any]) -> Response:
        """One block of a page, or 204 where the script has it as it is."""
        template = current_app.jinja_env.get_template(page.template)
        if not re.fullmatch(r"live_\w+", block) or block not in template.blocks:
            return Response(status=404)
        values = dict(told)
        current_app.update_template_context(values)
        # The components, which a whole page has from its frame.
        values["ui"] = current_app.jinja_env.get_template("parts.html").make_module(values)
        made = "".join(template.blocks[block](template.new_context(values)))
        seen = _digest(made)
        if request.headers.get("X-Seen") == seen:
            return Response(status=204)
        return Response(made, headers={"X-Seen": seen})

    def _told(self, visit: Visit, page: Page) -> dict[str, Any]:
        """What every template is told."""
        own = {
            "title": page.title,
            "visit": visit,
            "say": visit.say,
            "many": visit.say.many,
            "show": visit.say.show,
            "refused": visit.refused,
            "right": Right,
            "path": PATH,
            "here": request.path,
            "menu": self._menu(visit),
            "site_languages": LANGUAGES,
            "file": lambda name: f"{PATH}/static/{name}?v={MARKS[name]}",
            "csrf": visit.inside.csrf if visit.inside is not None else self._csrf_outside(),
            "fresh": lambda: secrets.token_urlsafe(12),
            "demo": self.parts.settings.demo,
        }
        assert not own.keys() & page.values.keys(), f"{page.template}: {own.keys() & page.values.keys()} are taken"
        return {**page.values, **own}

    def _menu(self, visit: Visit) -> list[tuple[str, str, bool]]:
        if visit.inside is None:
            return []
        below = request.path.removeprefix(PATH)
        return [
            (
                visit.say(one.name),
                PATH + one.path,
                below == one.path or (one.path != "/" and below.startswith(one.path)),
            )
            for area in AREAS
            for one in _entrances(area)
            if visit.may(one.right)
        ]

    def _nothing(self, visit: Visit, status: int) -> Response:
        """A page that says why there is none."""
        title, text = _SORRY.get(404 if status == 405 else status, _SORRY[500])
        visit.right = Right.ANYBODY
        if visit.refused is not None:
            text = visit.refused.text
        values = {"text": visit.say(text), "status": status}
        visit.refused = None
        response = self._page(visit, Page("sorry.html", visit.say(title), values, status))
        if status in (429, 503):
            response.headers["Retry-After"] = "60"
        return response

    def _to_the_entrance(self, door: Door, visit: Visit) -> Response:
        """Whoever hasn't entered, or whose session has ended, enters first and comes back to what they typed."""
        if request.headers.get("X-Part") is not None:
            return Response(status=401)
        there, note = request.path.removeprefix(PATH), ""
        if door.method == "POST":
            note = visit.say("Your session has ended. Nothing was done: enter again.")
            whose = sessions.last_of(self.parts.store, visit.cookies.get(sessions.COOKIE, ""))
            draft = drafts.seal(self.keys, whose, request.path, self._sent(door), visit.now) if whose else ""
            if draft:
                visit.keep("draft", draft, drafts.FOR_S)
            has_page = any(("GET", door.path) == (one.method, one.path) for area in AREAS for one in area.doors)
            there = there if has_page else ""
        return self._go(visit, Go(f"/enter?next={quote(there)}" if there not in ("", "/") else "/enter", note))

    # --- cookies ------------------------------------------------------------------------------------------------------

    def _cookie_path(self) -> str:
        return "/" if self.prefix else PATH

    def _set(self, response: Response, name: str, value: str, for_s: int | None = None) -> None:
        response.set_cookie(
            self.prefix + name,
            value,
            max_age=for_s,
            path=self._cookie_path(),
            secure=self.parts.secure,
            httponly=True,
            samesite="Strict",
        )

    def _drop(self, response: Response, name: str) -> None:
        response.delete_cookie(
            self.prefix + name, path=self._cookie_path(), secure=self.parts.secure, httponly=True, samesite="Strict"
        )

    def _keep(self, visit: Visit, response: Response) -> None:
        """The cookies that a page's function asked for, and the visitor's own."""
        seed = request.environ.get("cotisa.visitor")
        if seed:
            self._set(response, "visitor", seed)
        for name, (value, for_s) in visit.kept.items():
            if value:
                self._set(response, name, value, for_s)
            else:
                self._drop(response, name)

    def _note(self, visit: Visit) -> str:
        """What is to be said on the next page, where something is."""
        kept = visit.cookies.get("note", "")
        return str(self.keys.unseal("note", kept, visit.now, NOTE_FOR_S) or "") if kept else ""


_SORRY = {
    403: (mark("Not yours to do"), mark("Your role doesn't open this page.")),
    404: (mark("No such page"), mark("There is nothing here, or it isn't yours to see.")),
    413: (mark("Too large"), mark("What you sent is too large for this page. Nothing was done.")),
    422: (mark("Not done"), mark("This can't be done. Go back and look at it again.")),
    429: (mark("One moment"), mark("Too much was asked at once. Wait a minute, then go on.")),
    503: (mark("One moment"), mark("Cotisa doesn't answer just now. Nothing is lost: try again in a minute.")),
    500: (mark("Something went wrong"), mark("This is our fault. Look what was done, then try again.")),
}


def _secures(door: Door) -> bool:
    """Does the door belong to setting up a second factor, or to leaving?"""
    return door.path.startswith(("/account/second-factor", "/leave", "/language"))


def _entrances(area: Area) -> Iterator[Any]:
    if area.entrance is not None:
        yield area.entrance


def _plain(fields: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    """Fields without the letter that no database keeps."""
    return {_text(name): [_text(each) for each in values] for name, values in fields}


def _text(sent: str) -> str:
    return sent.replace("\x00", "")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _whole(chunks: Iterable[bytes]) -> Iterator[bytes]:
    yield from chunks
