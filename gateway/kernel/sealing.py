"""What only this installation can make or read: values sealed for a purpose and a while, and keyed digests.

Every purpose has a key of its own, derived from SECRET_KEY, so that what was sealed for one is worth nothing for
another. Tokens that are 32 random bytes need no key: a plain digest of one can't be turned back.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from functools import cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Keys:
    """The keys of one installation, by purpose."""

    def __init__(self, secret_key: str) -> None:
        self._secret = secret_key.encode()
        self._own = cache(self._derive)

    def seal(self, purpose: str, content: Any, now: datetime) -> str:
        """A value that JSON knows, unreadable and unchangeable by whoever keeps it for us."""
        plain = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        return self._fernet(purpose).encrypt_at_time(plain, int(now.timestamp())).decode()

    def unseal(self, purpose: str, sealed: str, now: datetime, within_s: int | None = None) -> Any | None:
        """What was sealed for this purpose, no longer ago than ``within_s`` seconds; None for everything else."""
        try:
            if within_s is None:
                plain = self._fernet(purpose).decrypt(sealed.encode())
            else:
                plain = self._fernet(purpose).decrypt_at_time(sealed.encode(), within_s, int(now.timestamp()))
        except InvalidToken:
            return None
        return json.loads(plain)

    def digest(self, purpose: str, text: str) -> str:
        """A keyed digest, 64 hexadecimal digits: whoever has the database alone can't try texts against it."""
        return hmac.new(self._own(purpose), text.encode(), hashlib.sha256).hexdigest()

    def _fernet(self, purpose: str) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._own(purpose)))

    def _derive(self, purpose: str) -> bytes:
        return HKDF(SHA256(), length=32, salt=None, info=f"cotisa office {purpose}".encode()).derive(self._secret)


@cache
def keys_of(secret_key: str) -> Keys:
    """The keys that SECRET_KEY gives; made once."""
    return Keys(secret_key)


def new_token() -> str:
    """32 random bytes, to stand in a link or a cookie."""
    return secrets.token_urlsafe(32)


def digest_of(token: str) -> str:
    """What is kept of a token: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()
