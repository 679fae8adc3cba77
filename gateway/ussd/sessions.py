"""Sessions in Redis: one value a caller and short code, the last session there. A hop is one read and one write.

A key holds a keyed digest of the caller's number, never the number, and nothing of what was typed is kept but digests.
A value holds what the screen holds, names and numbers among it, for half an hour: Redis and its append-only file want
the same care as the database.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import redis
from pydantic import TypeAdapter

from gateway.kernel.faults import Unavailable

KEPT_S = 30 * 60  # how long a dropped session is offered again
LONGEST_S = 5 * 60  # no network keeps a session open so long (Safaricom and Airtel: 180 s)
REMEMBERED_REPLIES = 2
REMEMBERED_SESSIONS = 4
LONGEST_PATH = 120
# Where a gateway tells only the newest input, the same one again within this time is its repetition: nobody reads a
# new screen and answers it faster.
REPEATED_WITHIN_S = 2.0
EPOCH = "ussd:epoch"  # since when Redis has kept what it holds
OVER = "ussd:over"  # calls that another has taken the place of, until they are counted
MOST_OVER = 100_000
ANSWER_WITHIN_S = 2.0


@dataclass(frozen=True)
class Left:
    """A place in a call that may be gone on from: an encoded screen, its page, and the way back from it."""

    screen: str
    page: int
    back: list[str]
    question: str  # see :meth:`Session.question`


@dataclass
class Session:
    """A session as it stands: ``screen`` and ``back`` are encoded screens (see :func:`gateway.ussd.screen.encode`)."""

    id: str
    gateway: str
    organisation_id: int
    language: str
    started_s: float
    last_s: float
    screen: str = ""
    page: int = 1
    shape: list[int] = field(default_factory=lambda: [0, 0, 1])  # choices, whether 0 leads back, how many parts
    back: list[str] = field(default_factory=list)
    typed: tuple[int, str] = (0, "")  # length and digest of the history answered last
    replies: list[tuple[str, str, bool]] = field(default_factory=list)  # (digest of what was typed, reply, ends)
    hops: int = 0
    ended: bool = False
    failed: bool = False  # a hop could not be answered
    left: Left | None = None  # the dropped session that was offered again
    offered: str = ""  # the question of a call before that stands open again
    twice: bool = False  # the question that stands open was asked a second time
    locks: list[str] = field(default_factory=list)  # the cards of the caller's households that have a PIN
    opened: list[str] = field(default_factory=list)  # whose PIN was typed or chosen in this call: cards, or "staff"
    path: list[str] = field(default_factory=list)  # the screens that were shown
    past: list[str] = field(default_factory=list)  # the ids of the caller's sessions before it

    def before(self) -> list[str]:
        """The ids that the caller's next session has behind it."""
        return [self.id, *self.past][:REMEMBERED_SESSIONS]

    def hop(self) -> str:
        """Names this hop, beyond its number: a session that was lost with Redis counts anew under the same id."""
        return f"{self.id} {self.started_s:.0f} {self.hops} {self.typed[1]}"

    def question(self) -> str:
        """Names the question that stands open: its answer is one effect, in this call or, after a drop, in the next."""
        return self.offered or self.hop()

    def last_reply(self) -> tuple[str, bool]:
        """What the phone was shown last."""
        _, reply, ends = self.replies[-1]
        return reply, ends

    def answered(self, typed: tuple[int, str], reply: str, ends: bool, now_s: float) -> None:
        """Note an answer."""
        self.typed = typed
        self.replies = [*self.replies[1 - REMEMBERED_REPLIES :], (typed[1], reply, ends)]
        self.ended = ends
        self.hops += 1
        self.last_s = now_s


@dataclass(frozen=True)
class Unreadable:
    """There is a session, written by another version of this program."""


@dataclass(frozen=True)
class Call:
    """A call as it went, with nothing of the person: ``key`` is a digest of the session's id."""

    key: str
    gateway: str
    organisation_id: int
    language: str
    started_s: float
    last_s: float
    hops: int
    path: tuple[str, ...]
    end: str  # done, dropped or failed


_SESSION = TypeAdapter(Session)
_SCREENS = {"screen", "back"}
_CALL = TypeAdapter(Call)


def open_redis(url: str) -> redis.Redis:
    """A client that gives up soon: a hop has five seconds in all."""
    return redis.Redis.from_url(
        url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S, health_check_interval=0
    )


class _Line:
    """One connection to Redis for each thread, kept open.

    What a client and its pool check at every command costs as much as all the rest of a hop; nothing of it is needed
    for a GET or a SET, which may simply be said again when the connection turns out to have gone.
    """

    def __init__(self, pool: redis.ConnectionPool) -> None:
        self._pool = pool
        self._own = threading.local()

    def command(self, *words: bytes | str | int) -> Any:
        """Send a command that may be repeated; gives the answer."""
        connection: Any = getattr(self._own, "connection", None)
        if connection is not None:
            try:
                return self._once(connection, words)
            except redis.TimeoutError:
                raise
            except redis.ConnectionError:
                pass  # Redis was started anew meanwhile
        connection = self._own.connection = self._pool.make_connection()
        return self._once(connection, words)

    @staticmethod
    def _once(connection: Any, words: tuple[bytes | str | int, ...]) -> Any:
        try:
            connection.send_packed_command(connection.pack_command(*words), check_health=False)
            return connection.read_response()
        except redis.RedisError:
            connection.disconnect()  # or the answer that is late would be taken for the next one's
            raise


class Sessions:
    """Reads and writes sessions; raises :class:`Unavailable` when Redis doesn't answer."""

    def __init__(self, client: redis.Redis, secret: str) -> None:
        self._redis = client
        self._line = _Line(client.connection_pool)
        self._secret = hashlib.blake2b(secret.encode(), digest_size=32).digest()

    def digest(self, text: str) -> str:
        """A keyed digest: what was typed, or a session's id, can be compared by it and not read from it."""
        return hashlib.blake2b(text.encode(errors="surrogatepass"), key=self._secret, digest_size=12).hexdigest()

    def key(self, gateway: str, service_code: str, caller: str) -> str:
        """Where a caller's sessions on a short code are kept.

        The number is part of it: a session id that another phone brings is another session.
        """
        return "ussd:s:" + self.digest(f"{gateway}\x1f{service_code}\x1f{caller}")

    def load(self, key: str) -> Session | Unreadable | None:
        """The caller's last session on this short code, which may be the one that goes on now."""
        raw = self._ask(lambda: self._line.command("GET", key))
        return None if raw is None else _read(raw) or Unreadable()

    def save(self, key: str, session: Session, before: Session | None) -> None:
        """Keep the session in the place of the caller's last one; ``before``, when another one stood there."""
        value = _write(session)
        if session.hops > 1:
            self._ask(lambda: self._line.command("SET", key, value, "EX", KEPT_S))
            return
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(key, value, ex=KEPT_S)
        pipe.set(EPOCH, int(time.time()), nx=True)
        if before is not None:
            pipe.rpush(OVER, _CALL.dump_json(self.call(before)))
            pipe.ltrim(OVER, -MOST_OVER, -1)
        self._ask(pipe.execute)

    def note(self, session: Session) -> None:
        """Have a call counted that will not be kept."""
        self._ask(lambda: self._redis.rpush(OVER, _CALL.dump_json(self.call(session))))

    def call(self, session: Session) -> Call:
        """The session as it is counted."""
        end = "failed" if session.failed else "done" if session.ended else "dropped"
        return Call(
            self.digest(session.id),
            session.gateway,
            session.organisation_id,
            session.language,
            session.started_s,
            session.last_s,
            session.hops,
            tuple(session.path),
            end,
        )

    def finished(self, now_s: float) -> Iterator[list[Call]]:
        """Calls that are over, in batches: those that another took the place of, that ended, or that have gone quiet.

        One that nobody took the place of is given at every question until it expires: whoever counts them knows by key.
        """
        while batch := self._ask(lambda: self._redis.lpop(OVER, 500)):
            yield [_CALL.validate_json(raw) for raw in batch]
        cursor = 0
        while True:
            cursor, keys = self._ask(lambda at=cursor: self._redis.scan(at, match="ussd:s:*", count=500))
            found = self._ask(lambda names=keys: self._redis.mget(names)) if keys else []
            sessions = [one for one in map(_read, filter(None, found)) if one is not None]
            over = [one for one in sessions if one.ended or one.last_s < now_s - LONGEST_S]
            if over:
                yield [self.call(one) for one in over]
            if cursor == 0:
                return

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


def _write(session: Session) -> bytes:
    # The screens, a line each, behind the rest: they are JSON already, and most are never read again.
    rest = _SESSION.dump_json(session, exclude=_SCREENS)
    return b"\n".join((rest, session.screen.encode(), *(one.encode() for one in session.back)))


def _read(raw: bytes) -> Session | None:
    rest, *screens = raw.split(b"\n")
    try:
        session = _SESSION.validate_json(rest)
        session.screen, *session.back = (one.decode() for one in screens)
    except ValueError:
        return None
    return session
