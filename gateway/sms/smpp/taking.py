"""What a centre delivers is stored as it came and applied in the same transaction; only then is it acknowledged."""

from __future__ import annotations

import logging
from functools import partial
from urllib.parse import urlencode

from sqlalchemy import insert

from gateway.kernel.faults import Unavailable
from gateway.sms.port import Report
from gateway.sms.reports import Source, apply_report
from gateway.sms.settling import heard_from
from gateway.sms.smpp.line import BROKEN, delivered_of
from gateway.sms.smpp.words import NAME, Delivered, read_receipt
from gateway.store.outbox import Ask, put
from gateway.store.schema import notice
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

RECEIPTS = "smpp.delivery"
INBOUND = "at.inbound"  # an SMS from a person is kept in one form, whoever brought it
LONGEST_TEXT = 2_000

OK, TEMPORARY = 0x00, 0x64  # ESME_ROK; ESME_RX_T_APPN: it is delivered again


def take(store: Store, delivered: Delivered, raw: bytes, ids: str) -> int:
    """Store and apply a delivery; the status to acknowledge it with."""
    try:
        with store.write() as unit:
            if delivered.is_receipt:
                _take_receipt(unit, delivered, raw, ids)
            else:
                _take_text(unit, delivered)
    except Unavailable as down:
        log.error("a delivery of the SMPP centre is not stored, and not acknowledged: %s", down)
        return TEMPORARY
    return OK


def read_kept(body: bytes, ids: str) -> Report | None:
    """The delivery receipt in a PDU as it was stored; None when it holds none."""
    try:
        delivered = delivered_of(body)
    except BROKEN:
        return None
    return read_receipt(delivered, ids) if delivered.is_receipt else None


def _take_receipt(unit: Unit, delivered: Delivered, raw: bytes, ids: str) -> None:
    report = read_receipt(delivered, ids)
    _keep(unit, RECEIPTS, report.aggregator_id if report else "", "application/smpp", raw)
    if report is None:
        log.error("a delivery receipt names no message: kept, nothing follows from it")
    else:
        apply_report(unit, report, NAME, Source(RECEIPTS, partial(read_kept, ids=ids)))


def _take_text(unit: Unit, delivered: Delivered) -> None:
    fields = {"from": delivered.sender, "to": delivered.to, "text": delivered.text[:LONGEST_TEXT], "by": NAME}
    kept = _keep(unit, INBOUND, "", "application/x-www-form-urlencoded", urlencode(fields).encode())
    heard_from(unit, delivered.sender)
    put(unit, Ask("replies", "sms.read", str(kept), f"sms.read:{kept}"))


def _keep(unit: Unit, source: str, reference: str, content_type: str, body: bytes) -> int:
    kept = unit.connection.execute(
        insert(notice).values(
            source=source, reference=reference, received_at=unit.now, content_type=content_type, body=body
        )
    )
    return int(kept.inserted_primary_key[0])  # type: ignore[index]
