"""Hollatags (Nigeria): a GET with the newest answer alone, answered by JSON.

Documented (https://docs.hollatags.com/ussd/inbound and …/ussd-code): the seven parameters; ``session_operation`` is
``begin``, ``continue`` or, when the network has closed the session, ``end``; ``session_msisdn`` has no plus; messages
of at most 160 characters; the answer is an object with ``session_operation`` (``continue`` or ``end``),
``session_type`` (1 asks for an answer, 4 shows the text and ends), ``session_id`` and ``session_msg``. Applications in
the field also know ``abort``: taken as ``end``.

Assumed, because nothing is said of it: ``session_msg`` of a ``begin`` may be empty, hold the whole string that was
dialled, or what stood behind the code; there is no signature, and a request that isn't answered may come again as it
was.
"""

from __future__ import annotations

from flask import Blueprint, Response, request
from pydantic_core import to_json

from gateway.ussd.engine import Dial, Engine, Reply
from gateway.ussd.gateways.door import LONGEST_CODE, LONGEST_ID, answer, behind, require, short_code, tell_unread

MOST_SEPTETS = 160
CLOSED = ("end", "abort")


def hollatags_blueprint(engine: Engine, secret: str) -> Blueprint:
    """``GET /ussd/hollatags/<secret>``."""
    web = Blueprint("ussd_hollatags", __name__)

    @web.get("/ussd/hollatags/<given>")
    def hop(given: str) -> Response:
        require(given, secret)
        if _operation() in CLOSED:
            # Nobody reads an answer to it, and the session keeps its place: the next call offers to go on there.
            return _write(Reply("", True))
        return _write(answer(engine, _read()))

    return web


def _operation() -> str:
    return request.args.get("session_operation", "").strip().lower()


def _read() -> Dial | None:
    asked = request.args
    opens = _operation() == "begin"
    text = asked.get("session_msg", "" if opens else None)
    if text is None or not (opens or _operation() == "continue"):
        tell_unread("Hollatags", asked)
        return None
    code = short_code(asked.get("session_from", "")[:LONGEST_CODE])
    return Dial(
        "hollatags",
        asked.get("session_id", "").strip(),
        asked.get("session_msisdn", ""),
        code,
        behind(code, text) if opens else text,
        whole=False,
        opens=opens,
        shows=MOST_SEPTETS,
    )


def _write(reply: Reply) -> Response:
    answered = {
        "session_operation": "end" if reply.ends else "continue",
        "session_type": 4 if reply.ends else 1,
        "session_id": request.args.get("session_id", "")[:LONGEST_ID],
        "session_msg": reply.text,
    }
    return Response(to_json(answered), content_type="application/json; charset=utf-8")
