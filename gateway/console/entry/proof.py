"""That somebody inside has just shown again who they are: good for a quarter of an hour, in this session.

It ends sooner where that with which they enter becomes another.
"""

from __future__ import annotations

from datetime import datetime

from gateway.console.entry.logins import Login
from gateway.kernel.sealing import Keys

PROOF_FOR_S = 15 * 60
_PROOF = "proof"


def proof_of(keys: Keys, one: Login, session_id: int, now: datetime) -> str:
    """What their browser keeps of it."""
    return keys.seal(_PROOF, _content(one, session_id), now)


def is_proved(keys: Keys, one: Login, session_id: int, proof: str, now: datetime) -> bool:
    """Have they, in this session?"""
    return bool(proof) and keys.unseal(_PROOF, proof, now, PROOF_FOR_S) == _content(one, session_id)


def _content(one: Login, session_id: int) -> list[object]:
    moments = (one.password_at, one.second_factor_since)
    return [one.login_id, session_id, *(each.isoformat() if each is not None else None for each in moments)]
