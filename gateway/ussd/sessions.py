"""Sessions in Redis: one value a caller and short code, the last session there. A hop is one read and one write.

A key holds a keyed digest of the caller's number, never the number. A value holds what the screen holds, names and
numbers among it, for half an hour: Redis and its append-only file want the same care as the database.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from typing import Any, cast

import redis
from pydantic_core import from_json, to_json

from gateway.kernel.faults import Unavailable

KEPT_S = 30 * 60  # how long a dropped session is offered again
LONGEST_S = 5 * 60  # no network keeps a session open so long (Safaricom and Airtel: 180 s)
REMEMBERED_REPLIES = 4
REMEMBERED_SESSIONS = 4
EPOCH = "ussd:epoch"  # since when Redis has kept what it holds
ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True)
class Session:
    """A session as it stands: ``screen`` and ``back`` are encoded screens, ``text`` the history answered last."""

    id: str
    screen: list[Any]
    page: int
    shape: list[int]  # what the page offered: choices, whether 0 leads back, and how many parts it has
    back: list[list[Any]]
    text: str
    replies: list[list[Any]]  # [text, reply, ends], the newest last
    ended: bool
    language: str
    left: dict[str, Any] | None = None  # the dropped session that was offered again
    past: tuple[str, ...] = ()  # the ids of the caller's sessions before it

    def reply_to(self, text: str) -> tuple[str, bool] | None:
        """The answer that this very history got before; an older one that comes late gets the newest answer."""
        for known, reply, ends in reversed(self.replies):
            if known == text:
                return reply, ends
        if self.replies and (not text or self.text.startswith(text + "*")):
            _, reply, ends = self.replies[-1]
            return reply, ends
        return None

    def before(self) -> tuple[str, ...]:
        """The ids that the caller's next session has behind it."""
        return (self.id, *self.past)[:REMEMBERED_SESSIONS]

    def answered(self, text: str, reply: str, ends: bool) -> Session:
        """The session after an answer."""
        kept = [*self.replies, [text, reply, ends]][-REMEMBERED_REPLIES:]
        return replace(self, text=text, replies=kept, ended=ends)


def open_redis(url: str) -> redis.Redis:
    """A client that gives up soon: a hop has five seconds in all."""
    return redis.Redis.from_url(
        url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S, health_check_interval=0
    )


class Sessions:
    """Reads and writes sessions; raises :class:`Unavailable` when Redis doesn't answer."""

    def __init__(self, client: redis.Redis, secret: str) -> None:
        self._redis = client
        self._secret = hashlib.blake2b(secret.encode(), digest_size=32).digest()

    def _key(self, gateway: str, service_code: str, caller: str) -> str:
        # The number is part of the key: a session id that another phone brings is another session.
        parts = "\x1f".join((gateway, service_code, caller)).encode()
        return "ussd:s:" + hashlib.blake2b(parts, key=self._secret, digest_size=16).hexdigest()

    def load(self, gateway: str, service_code: str, caller: str) -> Session | None:
        """The caller's last session on this short code, which may be the one that goes on now."""
        raw = self._ask(lambda: self._redis.get(self._key(gateway, service_code, caller)))
        if raw is None:
            return None
        try:
            return Session(**from_json(raw))
        except (ValueError, TypeError):
            return None  # written by another version of this program: as good as lost

    def save(self, gateway: str, service_code: str, caller: str, session: Session, first: bool) -> None:
        """Keep the session in the place of the caller's last one; ``first`` when there was none."""
        key, value = self._key(gateway, service_code, caller), to_json(vars(session))
        if not first:
            self._ask(lambda: self._redis.set(key, value, ex=KEPT_S))
            return
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(key, value, ex=KEPT_S)
        pipe.set(EPOCH, int(time.time()), nx=True)
        self._ask(pipe.execute)

    def may_have_lost_some(self) -> bool:
        """True when Redis hasn't kept its data for longer than a session can last.

        A first request that carries text is a deep dial, unless the session before it was lost with Redis.
        """
        epoch = self._ask(lambda: self._redis.get(EPOCH))
        return epoch is None or int(cast(bytes, epoch)) > time.time() - LONGEST_S

    def _ask(self, command: Any) -> Any:
        try:
            return command()
        except redis.RedisError as down:
            raise Unavailable(f"redis: {type(down).__name__}") from down
