"""Where operators notify us: stored first, answered then, believed never; the operator is asked what is true."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping

from flask import Blueprint, Response, abort, request

from gateway.kernel.faults import Unavailable
from gateway.kernel.ids import is_operator_key
from gateway.kernel.sources import Sources
from gateway.payments.collections import ask_look_soon, learn_handle
from gateway.payments.providers.base import AnswersNotices, BadNotice, Hint, NoticeAnswer, Provider
from gateway.payments.push.noticed import ask_keep, known_of, look_after
from gateway.store.together import together
from gateway.store.unit import Store

LARGEST_NOTICE = 64 * 1024

log = logging.getLogger(__name__)


def payments_blueprint(
    store: Store, secret: str, providers: Mapping[str, Provider], sources: Sources | None = None
) -> Blueprint:
    """``POST`` or ``PUT`` ``/payments/<provider>/<secret>/<collection key>``.

    An operator that knows one address for all orders is given any word in the place of the key; its notice names one.
    ``sources`` says from which addresses an operator may call, by default from any.
    """
    web = Blueprint("payments", __name__)

    @web.route("/payments/<provider>/<given>/<key>", methods=["POST", "PUT"])
    def notified(provider: str, given: str, key: str) -> Response:
        if not hmac.compare_digest(given.encode(), secret.encode()) or provider not in providers:
            abort(404)
        if sources is not None and not _may_come_from(sources, provider):
            abort(404)
        if (request.content_length or 0) > LARGEST_NOTICE:
            abort(413)
        body = request.stream.read(LARGEST_NOTICE)
        hint = _read(providers[provider], body)
        named = hint.key if hint is not None and hint.key is not None and not is_operator_key(key) else key
        reference = named.replace("\x00", "")[:64]  # PostgreSQL keeps no NUL in a text
        try:
            with store.write() as unit:
                known = known_of(unit, provider, reference)
                work = [ask_keep(unit, known, provider, reference, request.content_type or "", body)]
                if _is_forged(known.token, hint):
                    log.error(
                        "a notice of %s about %s is forged: it doesn't bear its order's token", provider, reference
                    )
                else:
                    if hint is not None and hint.handle is not None:
                        learn_handle(unit, provider, reference, hint.handle)
                    work.append(ask_look_soon(unit, reference, look_after(known.came + 1)))
                together(unit.connection, *work)
        except Unavailable:
            # Not stored, so not acknowledged: the operator's repeat or our own look will bring it.
            abort(503)
        return _answer(providers[provider], body)

    return web


def _may_come_from(sources: Sources, provider: str) -> bool:
    forwarded = request.headers.getlist("X-Forwarded-For")
    if sources.allows(provider, request.remote_addr or "", forwarded):
        return True
    log.warning(
        "a notice for %s came from %s: not an address in CALLBACK_ADDRESSES. Behind a proxy, TRUSTED_PROXIES names it",
        provider,
        sources.caller(request.remote_addr or "", forwarded),
    )
    return False


def _is_forged(token: str | None, hint: Hint | None) -> bool:
    """Whether the operator gave a token with this order, and the notice doesn't bear it.

    An order that has none, or none yet, for its notice can overtake the answer to our call, says nothing.
    """
    borne = hint.token if hint is not None else None
    return token is not None and not hmac.compare_digest(token.encode(), (borne or "").encode())


def _answer(provider: Provider, body: bytes) -> Response:
    told = provider.answer(body) if isinstance(provider, AnswersNotices) else NoticeAnswer()
    return Response(told.body, told.status, content_type=told.content_type)


def _read(provider: Provider, body: bytes) -> Hint | None:
    """What a notice claims, where it can be read; it is stored all the same, and never believed."""
    try:
        return provider.read(request.content_type or "", body, dict(request.headers))
    except BadNotice as bad:
        log.warning("a notice of %s can't be read: %s", provider.name, bad)
        return None
