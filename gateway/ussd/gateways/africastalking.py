"""Africa's Talking (Kenya and others): a form with the whole history, answered by ``CON`` or ``END`` and text.

Documented (https://developers.africastalking.com/docs/ussd/overview): the five form fields; one ``sessionId`` for the
whole session; ``text`` empty at first and then every answer joined by stars; a body that begins with ``CON`` or
``END``, within ten seconds; after the session an event with its status and cost. Screens that are longer than the
network shows are paged by the aggregator itself, with 98 and 00: ours never are. Assumed, because nothing is said of
it: text in the first request is what was dialled behind the code. Requests and events carry no signature.
"""

from __future__ import annotations

import logging

from flask import Blueprint, Response

from gateway.kernel.faults import Unavailable
from gateway.store.if_new import if_new
from gateway.store.schema import ussd_charge
from gateway.store.unit import Store
from gateway.ussd.engine import Dial, Engine, Reply
from gateway.ussd.gateways.door import LONGEST_CODE, LONGEST_ID, answer, form, require, tell_unread
from gateway.ussd.sessions import Sessions

log = logging.getLogger(__name__)

LONGEST_COST = 20
MOST_SEPTETS = 182  # Airtel Kenya shows 184 characters; for a code on Safaricom, which shows 160, set no more than that

_NEW_CHARGE = if_new(ussd_charge, "key")


def africastalking_blueprint(engine: Engine, sessions: Sessions, store: Store, secret: str) -> Blueprint:
    """``POST /ussd/africastalking/<secret>`` and ``…/events``."""
    web = Blueprint("ussd_africastalking", __name__)

    @web.post("/ussd/africastalking/<given>")
    def hop(given: str) -> Response:
        require(given, secret)
        return _write(answer(engine, _read()))

    @web.post("/ussd/africastalking/<given>/events")
    def event(given: str) -> Response:
        require(given, secret)
        told = form()
        # The session's end as the aggregator saw it. Its other fields hold what was typed and the last screen.
        log.info("ussd session ended: status=%s hops=%s", told.get("status", "")[:20], told.get("hopsCount", "")[:6])
        _keep_cost(sessions, store, told.get("sessionId", "").strip(), told.get("cost", ""))
        return Response(status=200)

    return web


def _read() -> Dial | None:
    asked = form()
    text = asked.get("text")
    if text is None:
        tell_unread("Africa's Talking", asked)
        return None
    return Dial(
        "africastalking",
        asked.get("sessionId", "").strip(),
        asked.get("phoneNumber", ""),
        asked.get("serviceCode", "").strip()[:LONGEST_CODE],
        text,
        shows=MOST_SEPTETS,
    )


def _write(reply: Reply) -> Response:
    body = f"{'END' if reply.ends else 'CON'} {reply.text}"
    return Response(body, content_type="text/plain; charset=utf-8")


def _keep_cost(sessions: Sessions, store: Store, session_id: str, cost: str) -> None:
    """Keep what a call cost, the first time that it is told; a cost that can't be kept now is lost."""
    cost = "".join(letter for letter in cost if letter.isprintable())[:LONGEST_COST].strip()
    if not cost or not 0 < len(session_id) <= LONGEST_ID:
        return
    try:
        with store.write() as unit:
            row = {"key": sessions.digest(session_id), "cost": cost, "at": unit.now}
            unit.connection.execute(_NEW_CHARGE[unit.connection.dialect.name], row)
    except Unavailable as down:
        log.error("the cost of a ussd session is not kept: %s", down)
    except Exception:
        log.exception("the cost of a ussd session is not kept: a defect")
