"""``/phone``: a basic phone in the browser that works with and without script; for trials and the demonstration alone.

It reaches the engine in this very process, as an adapter of a network would; nothing of it touches the aggregator's
routes. What the demonstration adds (an operator's PIN prompts, people to try) is handed in by the application, since
this package lies below the demonstration and knows nothing of it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import redis
from flask import Blueprint, Response, abort, render_template, request, url_for

from gateway.kernel.faults import Unavailable
from gateway.kernel.headers import PAGE_HEADERS
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.locale import Say, show_date
from gateway.network.organisations import Network
from gateway.store.unit import Store
from gateway.ussd.engine import Engine
from gateway.ussd.simulator import look
from gateway.ussd.simulator.held import LONGEST_INPUT, Held, HeldPhones, read_dialled
from gateway.ussd.simulator.views import NATIVE, View, view, words

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
COOKIE = "phone"


class Handset(Protocol):
    """A phone outside the menu: the operator's PIN prompt that stands on it, and its owner's answer."""

    def prompt(self) -> dict[str, Any] | None:
        """What stands there: its ``text``."""

    def answer_prompt(self, approve: bool) -> None:
        """Type the PIN, or refuse."""


@dataclass(frozen=True)
class Demonstration:
    """What only a demonstration has: each number's phone outside the menu, and the PINs of its sample."""

    handset: Callable[[str], Handset]
    staff_pin: str
    household_pin: str


@dataclass(frozen=True)
class Parts:
    """What the page stands on."""

    engine: Engine
    store: Store
    network: Network
    phones: HeldPhones
    language: str
    secure: bool
    demo: Demonstration | None


def phone_blueprint(
    engine: Engine,
    store: Store,
    network: Network,
    client: redis.Redis,
    secret: str,
    *,
    language: str,
    secure: bool,
    demo: Demonstration | None = None,
) -> Blueprint:
    """``/phone``, ``/phone/news`` and ``/phone/static``; ``secure`` keeps the cookie to https."""
    parts = Parts(engine, store, network, HeldPhones(client, secret), language, secure, demo)
    web = Blueprint("phone", __name__, url_prefix="/phone", template_folder="templates", static_folder="static")
    marks = {one.name: hashlib.blake2b(one.read_bytes(), digest_size=6).hexdigest() for one in STATIC.iterdir()}

    @web.get("")
    def show() -> Response:
        return _Visit(parts, marks).page()

    @web.post("")
    def press() -> Response:
        return _Visit(parts, marks).press()

    @web.get("/news")
    def news() -> Response:
        return _Visit(parts, marks).news()

    @web.errorhandler(Unavailable)
    def sorry(down: Unavailable) -> Response:
        log.error("phone page: %s", down)
        return Response(f"{engine.apology().text}\n", 503, content_type="text/plain; charset=utf-8")

    @web.after_request
    def with_headers(response: Response) -> Response:
        # A static file's address holds its digest, so it never changes; everything else is somebody's.
        asked = request.args.get("v")
        lasting = request.endpoint == "phone.static" and asked in marks.values()
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if lasting else "no-store"
        response.headers.update(PAGE_HEADERS)
        return response

    return web


class _Visit:
    """One request: who asks, which phone they hold, and what they are shown."""

    def __init__(self, parts: Parts, marks: dict[str, str]) -> None:
        self.parts = parts
        self.marks = marks
        asked = request.values.get("lang") or parts.language
        self.language = asked if asked in NATIVE else NATIVE[0]
        self.say = Say(self.language)
        self.browser = request.cookies.get(COOKIE, "")
        line = request.values.get("line", "")
        self.line = line if re.fullmatch(r"[\w-]{8,32}", line) else secrets.token_urlsafe(9)
        self.tree = parts.network.tree()
        self.note = ""

    # --- what is asked ------------------------------------------------------------------------------------------------

    def page(self) -> Response:
        """The whole page."""
        return self._page(self._held())

    def news(self) -> Response:
        """What has changed on the phone since the script looked last; 204 when nothing has."""
        held = self._held()
        if held is None:
            return Response(status=204)
        found = self._told(held)
        return Response(status=204) if request.args.get("seen") == found["seen"] else self._json(found)

    def press(self) -> Response:
        """A key was pressed. A browser without script is sent to the page, so that loading it again does nothing."""
        held = self._held()
        wants_json = request.accept_mimetypes.best == "application/json"
        try:
            after = self._after(held, request.form.get("do", ""))
        except BadMsisdn:
            given = request.form.get("number", "")[:40]
            return self._json(self._told(held)) if wants_json else self._page(held, no_number=given)
        if after is not None and after is not held:
            self.browser = self.browser or secrets.token_urlsafe(16)
            self.parts.phones.save(self.browser, self.line, after)
        if wants_json:
            return self._with_cookie(self._json(self._told(after)))
        if self.note:
            return self._with_cookie(self._page(after))
        there = url_for("phone.show", line=self.line, lang=self.language)
        return self._with_cookie(Response(status=303, headers={"Location": there}))

    # --- keys ---------------------------------------------------------------------------------------------------------

    def _held(self) -> Held | None:
        return self.parts.phones.load(self.browser, self.line) if self.browser else None

    def _after(self, held: Held | None, do: str) -> Held | None:
        """The phone after a key; the same one when there was nothing to do. Raises :class:`BadMsisdn`."""
        if do not in ("take", "dial", "send", "hang-up", "approve", "refuse"):
            abort(400)
        if do == "take":
            caller = read_caller(request.form.get("number", ""))
            return held if held is not None and held.caller == caller else Held(caller, _step(held))
        if held is not None and request.form.get("step") != str(held.step):
            return held  # this form was answered before: a second click, or a page from the browser's history
        if do == "dial":
            return self._dial(held or Held(read_caller(request.form.get("number", ""))))
        if held is None:
            self.note = self.say("This call is over. Call again.")
            return held
        typed = request.form.get("typed", "")
        if do == "send":
            return held.answer(self.parts.engine, typed) if held.open else held
        if do == "hang-up":
            return held.hang_up()
        return self._answer_prompt(held, do == "approve", typed)

    def _dial(self, held: Held) -> Held:
        dialled = read_dialled(request.form.get("code") or request.form.get("typed", ""), self.tree.codes)
        if dialled is None:
            first = self._first_code(held)
            self.note = self.say("Type a short code, like {code}.", code=first or "*123#")
            return held
        return held.dial(self.parts.engine, *dialled)

    def _answer_prompt(self, held: Held, approve: bool, typed: str) -> Held:
        if self.parts.demo is None or held.open:
            return held
        if approve and not typed.strip():
            self.note = self.say("Type a PIN: here any figures will do.")
            return held
        # The PIN stays here: the operator's stand-in asks for none.
        self.parts.demo.handset(held.caller).answer_prompt(approve)
        return held.hang_up()

    # --- what is shown ------------------------------------------------------------------------------------------------

    def _first_code(self, held: Held | None) -> str:
        codes = look.short_codes(self.tree, held.caller if held is not None else "")
        return codes[0].code if codes else ""

    def _view(self, held: Held | None) -> View:
        known = self.tree.codes.get(held.code) if held is not None else None
        budget = known.septets if known is not None else self.parts.network.defaults.septets
        return view(self.say, held, self._first_code(held), budget, self._prompt(held), self.note)

    def _prompt(self, held: Held | None) -> str | None:
        if self.parts.demo is None or held is None or held.open:
            return None
        try:
            found = self.parts.demo.handset(held.caller).prompt()
        except OSError as down:  # what the stand-in's client raises when nobody answers
            log.warning("phone page: the operator's stand-in doesn't answer: %s", type(down).__name__)
            return None
        return str(found["text"]) if found is not None else None

    def _messages(self, held: Held | None) -> dict[str, Any]:
        sms: list[look.Sms] = []
        if held is not None:
            with self.parts.store.read() as connection:
                sms = look.inbox(connection, self.tree, held.caller)
        shown = [
            {
                "at": f"{show_date(one.at.date(), self.language)} {one.at:%H:%M}",
                "text": one.text,
                "state": look.message_state(self.say, one.state),
            }
            for one in sms
        ]
        page = render_template("phone_messages.html", messages=shown, empty=self.say("No message yet."))
        return {"count": len(sms), "messages": page}

    def _told(self, held: Held | None) -> dict[str, Any]:
        """What the script is told."""
        told = {**asdict(self._view(held)), **self._messages(held)}
        seen = hashlib.blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()
        return {**told, "seen": seen}

    def _json(self, told: dict[str, Any]) -> Response:
        return Response(json.dumps(told, ensure_ascii=False), content_type="application/json")

    def _page(self, held: Held | None, no_number: str | None = None) -> Response:
        """The page; ``no_number`` is what was given for one and isn't."""
        demo = self.parts.demo
        groups: list[look.Group] = []
        if demo is not None:
            with self.parts.store.read() as connection:
                groups = look.ready_people(connection, self.tree)
        if held is None and no_number is None:
            held = next((Held(one.newcomer) for one in groups if one.newcomer), None)
        page = render_template(
            "phone.html",
            words=words(self.say, demo is not None),
            pins=self.say(
                "In the sample of Ouaké the staff's PIN is {staff}; {household} is that of a household that has one.",
                staff=demo.staff_pin,
                household=demo.household_pin,
            )
            if demo is not None
            else "",
            language=self.language,
            other={"fr": "en", "en": "fr"}[self.language],
            line=self.line,
            held=held,
            told=self._told(held),
            longest=LONGEST_INPUT,
            codes=look.short_codes(self.tree, held.caller if held is not None else ""),
            groups=groups,
            role=lambda one: look.role_name(self.say, one),
            no_number=no_number,
            marks=self.marks,
        )
        return Response(page, 200 if no_number is None else 422)

    def _with_cookie(self, response: Response) -> Response:
        if self.browser and request.cookies.get(COOKIE) != self.browser:
            response.set_cookie(
                COOKIE, self.browser, path="/phone", httponly=True, samesite="Strict", secure=self.parts.secure
            )
        return response


def _step(held: Held | None) -> int:
    return held.step + 1 if held is not None else 0
