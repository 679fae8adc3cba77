"""One delivery: signed, sent without following anything, and tried again with growing patience for three days.

Signed as Standard Webhooks says (https://www.standardwebhooks.com): HMAC-SHA256 over the id, the moment and the body.
An endpoint hears of an event at least once, always under the same ``webhook-id``: whoever has seen it before answers
200 and does nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, func, select, update

from gateway.exchange.webhooks import endpoints
from gateway.exchange.webhooks.alerting import tell_disabled
from gateway.exchange.webhooks.endpoints import SECRET_BEGINS, Endpoint
from gateway.exchange.webhooks.public import ANY, ONLY_PUBLIC
from gateway.kernel.sealing import Keys
from gateway.network.organisations import Network
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.store.outbox import Task
from gateway.store.schema import webhook, webhook_delivery
from gateway.store.unit import Store

log = logging.getLogger(__name__)

# What is waited after each try: about what Standard Webhooks advises, three days in all.
WAITS = tuple(timedelta(seconds=each) for each in (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 75_600))
GONE = 410
# After so long without one success an endpoint is left alone.
LEFT_ALONE_AFTER = timedelta(days=5)
CONNECT_S, READ_S = 5.0, 10.0
# After a try that came to nothing an endpoint's other deliveries rest, and then wait a little: it is tried about once a
# minute, so that whoever is slow holds up nobody else's work.
RESTS, AFTER_REST = timedelta(minutes=1), timedelta(minutes=5)
KEPT = timedelta(days=30)  # what came to its end is told by ``deliveries`` for so long
AT_ONCE = 500


@dataclass(frozen=True)
class Delivery:
    """One event for one endpoint, and how far it came. ``state``: open, done, or given up."""

    key: str
    event: str
    happened_at: datetime
    data: Any
    state: str
    tries: int
    said: str | None
    tried_at: datetime | None


def signature(secret: str, its_id: str, at: int, body: bytes) -> str:
    """What stands in ``webhook-signature``: of a ``whsec_`` secret, over ``id.moment.body``, the moment in seconds."""
    key = base64.b64decode(secret.removeprefix(SECRET_BEGINS))
    signed = hmac.new(key, f"{its_id}.{at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def message_id(key: str) -> str:
    """The ``webhook-id`` of a delivery: the same each time, and nothing that could be guessed from another."""
    return "msg_" + hashlib.sha256(key.encode()).hexdigest()[:32]


class Delivering:
    """The outbox's ``webhook.deliver``; a task's subject is the delivery's key."""

    def __init__(
        self,
        store: Store,
        keys: Keys,
        *,
        private: bool,
        read_timeout_s: float = READ_S,
        network: Network | None = None,
    ) -> None:
        self._store = store
        self._network = network
        self._keys = keys
        self._private = private
        self._read_timeout_s = read_timeout_s

    def __call__(self, task: Task) -> timedelta | None:
        """Try once; how long to wait before the next try, None when there is none."""
        now = self._store.clock.now()
        with self._store.read() as connection:
            found = _delivery(connection, task.subject)
            if found is None:
                return None
            one, its_id = found
            endpoint = endpoints.by_id(connection, its_id)
            signing = endpoints.secrets_of(connection, self._keys, its_id, now)
        if one.state != "open" or endpoint is None:
            return None
        if endpoint.disabled_at is not None:
            return self._ended(one, "given up", "the endpoint is disabled", one.tries)
        if not signing:
            return self._ended(one, "given up", "sealed under another SECRET_KEY: rotate the secret", one.tries)
        if endpoint.failed_at is not None and endpoint.failed_key != one.key and now - endpoint.failed_at < RESTS:
            return AFTER_REST
        answer = self._send(endpoint, one, signing, now)
        tries = one.tries + 1
        if isinstance(answer, Answer):
            if 200 <= answer.status < 300:
                if endpoint.failed_at is not None:
                    self._remember(endpoint, None)
                return self._ended(one, "done", f"HTTP {answer.status}", tries)
            if answer.status == GONE:
                self._disable(endpoint, "it answered that it is gone (410)")
                return self._ended(one, "given up", f"HTTP {answer.status}", tries)
        said = f"HTTP {answer.status}" if isinstance(answer, Answer) else answer.said
        self._remember(endpoint, one.key)
        if tries > len(WAITS):
            self._give_up_on(endpoint, now)
            return self._ended(one, "given up", said, tries)
        self._note(one, "open", said, tries)
        return WAITS[tries - 1]

    def _send(
        self, endpoint: Endpoint, one: Delivery, signing: Sequence[str], now: datetime
    ) -> Answer | Unreached | NoAnswer:
        its_id, at = message_id(one.key), int(now.timestamp())
        told = {"id": its_id, "type": one.event, "timestamp": one.happened_at.isoformat(), "data": one.data}
        body = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
        parts = urlsplit(endpoint.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        http = Http(
            f"{parts.scheme}://{parts.netloc}",
            connect_timeout_s=CONNECT_S,
            read_timeout_s=self._read_timeout_s,
            keeps_connections=False,
            pools=ANY if self._private else ONLY_PUBLIC,
        )
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Cotisa",
            "webhook-id": its_id,
            "webhook-timestamp": str(at),
            "webhook-signature": " ".join(signature(secret, its_id, at, body) for secret in signing),
        }
        return http.call("webhook", "POST", path, headers, body)

    def _ended(self, one: Delivery, state: str, said: str, tries: int) -> timedelta | None:
        self._note(one, state, said, tries)
        return None

    def _note(self, one: Delivery, state: str, said: str, tries: int) -> None:
        with self._store.write() as unit:
            unit.connection.execute(
                update(webhook_delivery)
                .where(webhook_delivery.c.key == one.key)
                .values(state=state, said=said[:80], tries=tries, tried_at=unit.now)
            )

    def _remember(self, endpoint: Endpoint, failed_key: str | None) -> None:
        with self._store.write() as unit:
            failed_at = unit.now if failed_key is not None else None
            its = update(webhook).where(webhook.c.id == endpoint.id)
            unit.connection.execute(its.values(failed_at=failed_at, failed_key=failed_key))

    def _give_up_on(self, endpoint: Endpoint, now: datetime) -> None:
        """Leave an endpoint alone that has taken nothing for long."""
        taken = select(func.max(webhook_delivery.c.tried_at)).where(
            webhook_delivery.c.webhook_id == endpoint.id, webhook_delivery.c.state == "done"
        )
        with self._store.read() as connection:
            last = connection.scalar(taken) or endpoint.made_at
        if now - last >= LEFT_ALONE_AFTER:
            self._disable(endpoint, f"it has taken nothing since {last:%Y-%m-%d}")

    def _disable(self, endpoint: Endpoint, because: str) -> None:
        with self._store.write() as unit:
            disabled = endpoints.disable(unit, endpoint.id, because)
            if disabled and self._network is not None:
                tell_disabled(unit, self._network.tree(), endpoint)
        if disabled:
            log.error(
                "webhook %s to %s is disabled: %s; see gateway webhooks list", endpoint.id, endpoint.host, because
            )


def deliveries(connection: Connection, its_id: int, limit: int = 50) -> Sequence[Delivery]:
    """What an endpoint was told, or is to be told, the newest first."""
    newest = _ASKED.where(webhook_delivery.c.webhook_id == its_id).order_by(webhook_delivery.c.id.desc()).limit(limit)
    return [Delivery(*row[:-1]) for row in connection.execute(newest)]


def taken_last(connection: Connection, ids: Sequence[int]) -> dict[int, datetime]:
    """When each endpoint took something last, of those that have within :data:`KEPT`."""
    taken = (
        select(webhook_delivery.c.webhook_id, func.max(webhook_delivery.c.tried_at))
        .where(webhook_delivery.c.webhook_id.in_(ids), webhook_delivery.c.state == "done")
        .group_by(webhook_delivery.c.webhook_id)
    )
    return {its_id: at for its_id, at in connection.execute(taken) if at is not None}


_ASKED = select(
    webhook_delivery.c.key,
    webhook_delivery.c.event,
    webhook_delivery.c.happened_at,
    webhook_delivery.c.data,
    webhook_delivery.c.state,
    webhook_delivery.c.tries,
    webhook_delivery.c.said,
    webhook_delivery.c.tried_at,
    webhook_delivery.c.webhook_id,
)


def _delivery(connection: Connection, key: str) -> tuple[Delivery, int] | None:
    row = connection.execute(_ASKED.where(webhook_delivery.c.key == key)).first()
    return (Delivery(*row[:-1]), row.webhook_id) if row is not None else None


def forgetting(store: Store, keys: Keys, now: datetime) -> Iterator[int]:
    """Forget secrets that sign no longer, and deliveries that are over and older than :data:`KEPT`; gives how many."""
    with store.write() as unit:
        endpoints.forget_earlier(unit, keys)
    own = (webhook_delivery.c.created_at < now - KEPT) & (webhook_delivery.c.state != "open")
    while True:
        with store.write() as unit:
            ids = unit.connection.scalars(
                select(webhook_delivery.c.id).where(own).order_by(webhook_delivery.c.id).limit(AT_ONCE)
            ).all()
            unit.connection.execute(delete(webhook_delivery).where(webhook_delivery.c.id.in_(ids)))
        yield len(ids)
        if len(ids) < AT_ONCE:
            return
