"""Where Africa's Talking notifies us: stored as it came, applied in the same transaction, answered only then."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from contextlib import suppress

from flask import Blueprint, Response, abort, request
from sqlalchemy import insert, select

from gateway.kernel.faults import Unavailable
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.membership.households import stop_sms
from gateway.sms.africastalking import ID_CHARACTERS, NAME, clean, read_form, read_report
from gateway.sms.reports import Source, apply_report
from gateway.sms.settling import heard_from
from gateway.store.outbox import Ask, put
from gateway.store.schema import notice
from gateway.store.unit import Store, Unit

LARGEST_NOTICE = 16 * 1024
DELIVERY = Source("at.delivery", read_report)


def sms_blueprint(store: Store, secret: str) -> Blueprint:
    """``POST /sms/africastalking/<secret>/delivery``, ``/inbound`` and ``/optout``; 200 once stored."""
    web = Blueprint("sms", __name__)

    @web.post("/sms/africastalking/<given>/<any(delivery, inbound, optout):kind>")
    def notified(given: str, kind: str) -> Response:
        if not hmac.compare_digest(given.encode(), secret.encode()):
            abort(404)
        request.max_content_length = LARGEST_NOTICE
        body = request.get_data(cache=False)
        if not body:
            abort(400)
        try:
            with store.write() as unit:
                _TAKE[kind](unit, body)
        except Unavailable:
            abort(503)  # not stored, so not acknowledged: it is posted again
        return Response(status=200)

    return web


def _take_delivery(unit: Unit, body: bytes) -> None:
    report = read_report(body)
    _keep(unit, DELIVERY.name, report.aggregator_id if report else "", body)
    if report:
        apply_report(unit, report, NAME, DELIVERY)


def _take_inbound(unit: Unit, body: bytes) -> None:
    """Posted again for up to twelve hours until it is answered: a message is kept once, and read.

    It is the same by its ``id``, sender and text: another text under an id that is known is another message.
    """
    form = read_form(body)
    its_id = clean(form.get("id", ""), ID_CHARACTERS)
    same = (notice.c.source == "at.inbound") & (notice.c.reference == its_id)
    before = unit.connection.scalars(select(notice.c.body).where(same)) if its_id else ()
    if _said(form) not in [_said(read_form(bytes(each))) for each in before]:
        kept = _keep(unit, "at.inbound", its_id, body)
        put(unit, Ask("replies", "sms.read", str(kept), f"sms.read:{kept}"))
        heard_from(unit, form.get("from", ""))


def _said(form: Mapping[str, str]) -> tuple[str, str]:
    """Who wrote what."""
    return form.get("from", ""), form.get("text", "")


def _take_optout(unit: Unit, body: bytes) -> None:
    """Somebody told the aggregator to stop: as if they had said so in the menu."""
    phone = read_form(body).get("phoneNumber", "")
    _keep(unit, "at.optout", clean(phone, ID_CHARACTERS), body)
    with suppress(BadMsisdn):
        stop_sms(unit, read_caller(phone), stopped=True)


_TAKE = {"delivery": _take_delivery, "inbound": _take_inbound, "optout": _take_optout}


def _keep(unit: Unit, source: str, reference: str, body: bytes) -> int:
    kept = unit.connection.execute(
        insert(notice).values(
            source=source,
            reference=reference,
            received_at=unit.now,
            content_type=clean(request.content_type or "", 60),
            body=body,
        )
    )
    return int(kept.inserted_primary_key[0])  # type: ignore[index]
