"""The access tokens that a stand-in gives out: each good for a while, until all are revoked.

:class:`TokenHandler` has two addresses more under ``/_play``:

=============================  =======================================================================================
``POST /_play/revoke-tokens``  every token given so far is refused from now on
``GET /_play/tokens``          every token that was given, to look for in logs
=============================  =======================================================================================
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from gateway.standins.play import Body, Handler, Query


class Tokens:
    """Tokens good for ``life_s`` seconds; ``given`` is every one that ever was, to look for in logs."""

    def __init__(self, life_s: int) -> None:
        self.life_s = life_s
        self.given: list[str] = []
        self._good: dict[str, float] = {}

    def give(self, token_type: str) -> Body:
        """A new token, as RFC 6749 shows one; its life is a text, as operators of the field write it."""
        value = secrets.token_hex(32)
        self.given.append(value)
        self._good[value] = time.monotonic() + self.life_s
        return {"access_token": value, "token_type": token_type, "expires_in": str(self.life_s)}

    def holds(self, authorization: str) -> bool:
        """Whether an ``Authorization`` header bears a token that is good."""
        value = authorization.removeprefix("Bearer ")
        return value != authorization and time.monotonic() < self._good.get(value, 0.0)

    def revoke(self) -> None:
        """Every token given so far is refused from now on."""
        self._good.clear()


class TokenHandler(Handler):
    """The addresses of an operator whose callers bear a token; ``operator.tokens`` is a :class:`Tokens`."""

    def control(self, method: str, path: str, query: Query, given: Body) -> None:
        match method, path:
            case "POST", "revoke-tokens":
                self.operator.tokens.revoke()
                self.answer(200, {})
            case "GET", "tokens":
                self.answer(200, {"tokens": self.secrets()})
            case _:
                super().control(method, path, query, given)

    def secrets(self) -> list[str]:
        """Everything that was given out and that no log may hold."""
        given: list[str] = self.operator.tokens.given
        return given

    def answer_token(self, made: Callable[[], Body]) -> None:
        """Answer a call for a token with what ``made()`` gives; it checks the caller, and raises ``Wrong``."""
        self.operator.calls["token"] += 1
        script = self.operator.script_for("token")
        if not self.met(script):
            self.conclude(script, 200, made())

    def bears_token(self) -> bool:
        """Whether the caller bears a token that is good."""
        held: bool = self.operator.tokens.holds(self.headers.get("Authorization", ""))
        return held
