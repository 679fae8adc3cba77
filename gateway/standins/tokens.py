"""The access tokens that a stand-in gives out: each good for a while, until all are revoked."""

from __future__ import annotations

import secrets
import time

from gateway.standins.play import Body


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
