"""Where operators notify us: stored first, answered then, believed never; the operator is asked what is true."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping

from flask import Blueprint, Response, abort, request
from sqlalchemy import insert

from gateway.kernel.faults import Unavailable
from gateway.kernel.ids import is_operator_key, ordered_id
from gateway.payments.collections import learn_handle
from gateway.payments.providers.base import BadNotice, Hint, Provider
from gateway.store.outbox import Ask, put
from gateway.store.schema import notice
from gateway.store.unit import Store

LARGEST_NOTICE = 64 * 1024

log = logging.getLogger(__name__)


def payments_blueprint(store: Store, secret: str, providers: Mapping[str, Provider]) -> Blueprint:
    """``POST`` or ``PUT`` ``/payments/<provider>/<secret>/<collection key>``.

    An operator that knows one address for all orders is given any word in the place of the key; its notice names one.
    """
    web = Blueprint("payments", __name__)

    @web.route("/payments/<provider>/<given>/<key>", methods=["POST", "PUT"])
    def notified(provider: str, given: str, key: str) -> Response:
        if not hmac.compare_digest(given.encode(), secret.encode()) or provider not in providers:
            abort(404)
        if (request.content_length or 0) > LARGEST_NOTICE:
            abort(413)
        body = request.stream.read(LARGEST_NOTICE)
        hint = _read(providers[provider], body)
        named = hint.key if hint is not None and hint.key is not None and not is_operator_key(key) else key
        reference = named.replace("\x00", "")[:64]  # PostgreSQL keeps no NUL in a text
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
                if hint is not None and hint.handle is not None:
                    learn_handle(unit, provider, reference, hint.handle)
                put(unit, Ask("money", "collection.hint", reference, f"hint:{ordered_id()}"))
        except Unavailable:
            # Not stored, so not acknowledged: the operator's repeat or our own look will bring it.
            abort(503)
        return Response(status=200)

    return web


def _read(provider: Provider, body: bytes) -> Hint | None:
    """What a notice claims, where it can be read; it is stored all the same, and never believed."""
    try:
        return provider.read(request.content_type or "", body, dict(request.headers))
    except BadNotice as bad:
        log.warning("a notice of %s can't be read: %s", provider.name, bad)
        return None
