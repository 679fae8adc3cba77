"""Sessions in Redis: one value a session, and one a caller that tells where their last session stood.

A key holds a keyed digest of the caller's number, never the number. A hop is one read and one write.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, replace
from typing import Any, cast

import redis

from gateway.kernel.faults import Unavailable

KEPT_S = 30 * 60  # how long a dropped session is offered again
LONGEST_S = 5 * 60  # no network keeps a session open so long (Safaricom and Airtel: 180 s)
REMEMBERED_REPLIES = 4
ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True)
class Session:
    """A session as it stands: ``screen`` and ``back`` are encoded screens, ``text`` the history answered last."""

    screen: list[Any]
    page: int
    shape: list[int]  # what the page offered: choices, whether 0 leads back, and how many parts it has
    back: list[list[Any]]
    text: str
    replies: list[list[Any]]  # [text, reply, ends], the newest last
    ended: bool
    language: str
    left: dict[str, Any] | None = None  # the dropped session that was offered again

    def reply_to(self, text: str) -> tuple[str, bool] | None:
        """The answer that this very history got before; an older one that comes late gets the newest answer."""
        for known, reply, ends in reversed(self.replies):
            if known == text:
                return reply, ends
        if self.replies and (not text or self.text.startswith(text + "*")):
            _, reply, ends = self.replies[-1]
            return reply, ends
        return None

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

    def _digest(self, *parts: str) -> str:
        return hashlib.blake2b("\x1f".join(parts).encode(), key=self._secret, digest_size=16).hexdigest()

    def _session_key(self, gateway: str, session_id: str, caller: str) -> str:
        # The number is part of the key: a session id that another phone brings is another session.
        return "ussd:s:" + self._digest(gateway, session_id, caller)

    def _caller_key(self, service_code: str, caller: str) -> str:
        return "ussd:c:" + self._digest(service_code, caller)

    def load(self, gateway: str, session_id: str, caller: str) -> Session | None:
        """The session, or None for one that isn't known."""
        raw = self._ask(lambda: self._redis.get(self._session_key(gateway, session_id, caller)))
        return _read(raw)

    def begin(self, gateway: str, session_id: str, caller: str, service_code: str) -> tuple[Session | None, str | None]:
        """The session, when this very first request was answered before; and the key of the caller's last one there."""
        keys = (self._session_key(gateway, session_id, caller), self._caller_key(service_code, caller))
        session, last = self._ask(lambda: self._redis.mget(keys))
        return _read(session), last

    def save(self, gateway: str, session_id: str, caller: str, session: Session, begun_at: str | None) -> None:
        """Keep the session; ``begun_at`` (a short code) also makes it the caller's last one there."""
        key = self._session_key(gateway, session_id, caller)
        value = json.dumps(vars(session), separators=(",", ":"), ensure_ascii=False)
        if begun_at is None:
            self._ask(lambda: self._redis.set(key, value, ex=KEPT_S))
            return
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(key, value, ex=KEPT_S)
        pipe.set(self._caller_key(begun_at, caller), key, ex=KEPT_S)
        pipe.set("ussd:epoch", int(time.time()), nx=True)
        self._ask(pipe.execute)

    def dropped(self, last: str) -> Session | None:
        """The caller's last session, by the key that :meth:`begin` gave, when it was dropped before its end."""
        session = _read(self._ask(lambda: self._redis.get(last)))
        return session if session is not None and not session.ended else None

    def may_have_lost_some(self) -> bool:
        """True when Redis hasn't kept its data for longer than a session can last.

        A first request that carries text is a deep dial, unless the session before it was lost with Redis.
        """
        epoch = self._ask(lambda: self._redis.get("ussd:epoch"))
        return epoch is None or int(cast(bytes, epoch)) > time.time() - LONGEST_S

    def _ask(self, command: Any) -> Any:
        try:
            return command()
        except redis.RedisError as down:
            raise Unavailable(f"redis: {type(down).__name__}") from down


def _read(raw: Any) -> Session | None:
    if raw is None:
        return None
    try:
        return Session(**json.loads(raw))
    except (ValueError, TypeError):
        return None  # written by another version of this program: as good as lost
