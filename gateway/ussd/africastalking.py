"""Africa's Talking's USSD form, in and out: the only file that knows its field names.

The request has five form fields and no signature; the answer is ``CON `` or ``END `` and text, within ten seconds.
"""

from __future__ import annotations

import hmac
import logging

from flask import Blueprint, Response, abort, request

from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.ussd.engine import Dial, Engine, Reply

log = logging.getLogger(__name__)

LONGEST_TEXT = 4000


def ussd_blueprint(engine: Engine, secret: str) -> Blueprint:
    """``POST /ussd/africastalking/<secret>`` and ``…/events``."""
    web = Blueprint("ussd", __name__)

    def require(given: str) -> None:
        if not hmac.compare_digest(given.encode(), secret.encode()):
            abort(404)

    @web.post("/ussd/africastalking/<given>")
    def hop(given: str) -> Response:
        require(given)
        dial = _read()
        return _write(engine.hop(dial) if dial is not None else engine.apology())

    @web.post("/ussd/africastalking/<given>/events")
    def event(given: str) -> Response:
        require(given)
        # The session's end as the aggregator saw it; its fields hold personal data, so two harmless ones are logged.
        log.info(
            "ussd session ended: status=%s hops=%s",
            request.form.get("status", "")[:20],
            request.form.get("hopsCount", "")[:6],
        )
        return Response(status=200)

    return web


def say_sorry(engine: Engine) -> Response:
    """The answer to a request that can't even be read."""
    return _write(engine.apology())


def _read() -> Dial | None:
    form = request.form
    session_id, phone = form.get("sessionId", "").strip(), form.get("phoneNumber", "")
    text = form.get("text")
    if not session_id or len(session_id) > 200 or text is None or len(text) > LONGEST_TEXT:
        log.warning("ussd request without usable sessionId or text: fields %s", sorted(form)[:10])
        return None
    try:
        caller = read_caller(phone)
    except BadMsisdn:
        log.warning("ussd request with an unusable phoneNumber")
        return None
    code = form.get("serviceCode", "").strip()[:40]
    return Dial("africastalking", session_id, caller, code, text)


def _write(reply: Reply) -> Response:
    body = f"{'END' if reply.ends else 'CON'} {reply.text}"
    return Response(body, content_type="text/plain; charset=utf-8")
