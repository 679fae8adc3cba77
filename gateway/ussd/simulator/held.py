"""The phones that people hold in the page: what each of them shows now, and nothing of what was typed into it.

The engine is told the newest input alone. So the page keeps no history, and a PIN that somebody types stays nowhere:
neither in Redis, nor in a cookie, nor in the page that is sent back. What is kept, for half an hour, is what stands on
the phone's screen; its key is a digest of the browser's cookie and of the page's own line, so that an address that is
passed on shows nobody else's call, and two pages of one browser are two phones.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

import redis
from pydantic_core import from_json, to_json

from gateway.kernel.faults import Unavailable
from gateway.ussd.engine import Dial, Engine, Reply

GATEWAY = "phone"
KEPT_S = 30 * 60  # as long as the engine offers to go on with a dropped call
LONGEST_INPUT = 182  # characters of a USSD message
LONGEST_CODE = 80

T = TypeVar("T")


@dataclass(frozen=True)
class Held:
    """A phone in somebody's hand. ``step`` counts what was done with it: a form that comes twice is done once."""

    caller: str
    step: int = 0
    code: str = ""  # that was dialled last
    session_id: str = ""
    hops: int = 0
    screen: str = ""  # what the menu answered last; empty when nobody has called, or the red key has cleared it
    open: bool = False

    def dial(self, engine: Engine, code: str, deep: str = "") -> Held:
        """Call ``code``; ``deep`` is what was dialled behind it."""
        session_id = secrets.token_hex(16)
        reply = engine.hop(Dial(GATEWAY, session_id, self.caller, code, deep, whole=False, opens=True))
        return self._shows(reply, code=code, session_id=session_id, hops=1)

    def answer(self, engine: Engine, typed: str) -> Held:
        """Send an answer in the open call."""
        # The engine takes the same input within two seconds for the network's repetition, and looks at it without
        # spaces at its ends: one more space at every other hop says that somebody pressed 98 twice.
        told = typed.strip()[:LONGEST_INPUT] + " " * (self.hops % 2)
        reply = engine.hop(Dial(GATEWAY, self.session_id, self.caller, self.code, told, whole=False))
        return self._shows(reply, hops=self.hops + 1)

    def hang_up(self) -> Held:
        """Leave the call, or clear what the last one left on the screen; the menu isn't told, as on a network."""
        return replace(self, step=self.step + 1, session_id="", hops=0, screen="", open=False)

    def _shows(self, reply: Reply, **new: object) -> Held:
        return replace(self, step=self.step + 1, screen=reply.text, open=not reply.ends, **new)  # type: ignore[arg-type]


def read_dialled(typed: str, known: Collection[str]) -> tuple[str, str] | None:
    """The short code that was dialled and what stood behind it (``*384*229*1*2#``); None when it can't be a code."""
    code = re.sub(r"\s", "", typed)[:LONGEST_CODE]
    if code in known:
        return code, ""
    if not re.fullmatch(r"\*[0-9*]*[0-9]#", code):
        return None
    begun = [one for one in known if one.endswith("#") and code.startswith(one[:-1] + "*")]
    if not begun:
        return code, ""
    base = max(begun, key=len)
    return base, code[len(base) : -1]


class HeldPhones:
    """Keeps them in Redis; raises :class:`Unavailable` when it doesn't answer."""

    def __init__(self, client: redis.Redis, secret: str) -> None:
        self._redis = client
        self._secret = hashlib.blake2b(secret.encode(), digest_size=32, person=b"phone page").digest()

    def _key(self, browser: str, line: str) -> str:
        parts = f"{browser}\x1f{line}".encode()
        return "ussd:phone:" + hashlib.blake2b(parts, key=self._secret, digest_size=16).hexdigest()

    def load(self, browser: str, line: str) -> Held | None:
        """The phone that a page of this browser holds."""
        raw = _ask(lambda: self._redis.get(self._key(browser, line)))
        if not isinstance(raw, bytes):
            return None
        try:
            return Held(**from_json(raw))
        except (ValueError, TypeError):
            return None  # written by another version of this program: as good as lost

    def save(self, browser: str, line: str, held: Held) -> None:
        value = to_json(asdict(held))
        _ask(lambda: self._redis.set(self._key(browser, line), value, ex=KEPT_S))


def _ask(command: Callable[[], T]) -> T:
    try:
        return command()
    except redis.RedisError as down:
        raise Unavailable(f"redis: {type(down).__name__}") from down
