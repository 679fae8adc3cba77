"""The keys that pawaPay signs its callbacks with: several at once, learnt anew when one isn't known, never in a flood.

pawaPay publishes all keys that are good, so that old and new hold side by side while it changes them. They are fetched
by a thread of their own: whoever reads a callback waits for nobody.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from gateway.kernel.faults import Fault
from gateway.kernel.strict_json import Unreadable, read_json
from gateway.payments.providers.base import Refused, Unclear
from gateway.payments.providers.signatures import BadKey, SigningKey, read_private_key, read_public_key

GOOD_FOR_S = 6 * 3600.0  # then a key that pawaPay has taken back is missed
ASKED_EVERY_S = 300.0  # at most, whatever key ids are made up

Keys = Mapping[str, EllipticCurvePublicKey]

log = logging.getLogger(__name__)


class CallbackKeys:
    """The keys that are known now; ``fixed`` ones of the settings are the only ones and are never asked for.

    ``fetch`` asks pawaPay; ``monotonic`` counts seconds. Safe for threads.
    """

    def __init__(
        self, fetch: Callable[[], Keys | Refused | Unclear], fixed: Keys | None, monotonic: Callable[[], float]
    ) -> None:
        self._fetch = fetch
        self._fixed = fixed is not None
        self._monotonic = monotonic
        self._known: Keys = fixed or {}
        self._asked_at: float | None = None
        self._learnt_at: float | None = None
        self._lock = threading.Lock()

    @property
    def known(self) -> Keys:
        """All keys that hold now, by id; those of some hours ago are asked for again meanwhile."""
        if self._learnt_at is not None and self._monotonic() - self._learnt_at > GOOD_FOR_S:
            self.want()
        return self._known

    def want(self) -> None:
        """Have the keys fetched by a thread of its own, unless they were lately; returns at once."""
        if self._take_turn():
            threading.Thread(target=self._ask, name="pawapay-keys", daemon=True).start()

    def _take_turn(self) -> bool:
        """Whether they may be asked for now: of many callers at once one may."""
        with self._lock:
            now = self._monotonic()
            if self._fixed or (self._asked_at is not None and now - self._asked_at < ASKED_EVERY_S):
                return False
            self._asked_at = now
            return True

    def _ask(self) -> None:
        found = self._fetch()
        # Where they aren't to be had, those that are known hold until pawaPay says otherwise.
        if not isinstance(found, Refused | Unclear):
            self._known, self._learnt_at = found, self._monotonic()


def read_keys(raw: bytes) -> dict[str, EllipticCurvePublicKey]:
    """The keys of ``[{"id", "key"}]``, as pawaPay publishes them; raises :class:`BadKey` unless all can be read."""
    try:
        found = read_json(raw)
    except Unreadable:
        raise BadKey("not a JSON list of keys") from None
    if not isinstance(found, list):
        raise BadKey("not a JSON list of keys")
    keys = {}
    for one in found:
        key_id, pem = (one.get("id"), one.get("key")) if isinstance(one, dict) else (None, None)
        if not isinstance(key_id, str) or not isinstance(pem, str):
            raise BadKey("a key without id or text")
        keys[key_id] = read_public_key(pem.encode())
    return keys


def signing_key_of(path: str, key_id: str) -> SigningKey | None:
    """Our private key of the settings; raises :class:`Fault` over a file that can't be used."""
    if not path:
        return None
    try:
        return SigningKey(key_id, read_private_key(Path(path).read_bytes()))
    except (OSError, BadKey) as why:
        raise Fault(f"PAWAPAY_SIGNING_KEY_FILE {path}: {_plain(why)}") from None


def callback_keys_of(path: str) -> Keys | None:
    """pawaPay's keys of the settings; raises :class:`Fault` over a file that can't be used."""
    if not path:
        return None
    try:
        return read_keys(Path(path).read_bytes())
    except (OSError, BadKey) as why:
        raise Fault(f"PAWAPAY_CALLBACK_KEYS_FILE {path}: {_plain(why)}") from None


def _plain(why: OSError | BadKey) -> str:
    return why.strerror or "can't be read" if isinstance(why, OSError) else str(why)
