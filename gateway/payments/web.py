"""Where operators notify us: stored first, answered then, believed never; the operator is asked what is true."""

from __future__ import annotations

import hmac
from collections.abc import Collection as Names

from flask import Blueprint, Response, abort, request
from sqlalchemy import insert

from gateway.kernel.faults import Unavailable
from gateway.kernel.ids import ordered_id
from gateway.store.outbox import Ask, put
from gateway.store.schema import notice
from gateway.store.unit import Store

LARGEST_NOTICE = 64 * 1024


def payments_blueprint(store: Store, secret: str, providers: Names[str]) -> Blueprint:
    """``POST`` or ``PUT`` ``/payments/<provider>/<secret>/<collection key>``."""
    web = Blueprint("payments", __name__)

    @web.route("/payments/<provider>/<given>/<key>", methods=["POST", "PUT"])
    def notified(provider: str, given: str, key: str) -> Response:
        if not hmac.compare_digest(given.encode(), secret.encode()) or provider not in providers:
            abort(404)
        if (request.content_length or 0) > LARGEST_NOTICE:
            abort(413)
        body = request.stream.read(LARGEST_NOTICE)
        reference = key.replace("\x00", "")[:64]  # PostgreSQL keeps no NUL in a text
        try:
            with store.write() as unit:
                unit.connection.execute(
                    insert(notice).values(
                        source=provider,
                        reference=reference,
                        received_at=unit.now,
                        content_type=(request.content_type or "")[:60],
                        body=body,
                    )
                )
                put(unit, Ask("money", "collection.hint", reference, f"hint:{ordered_id()}"))
        except Unavailable:
            # Not stored, so not acknowledged: the operator's repeat or our own look will bring it.
            abort(503)
        return Response(status=200)

    return web
