"""Identifiers that we make before anything is sent or stored."""

from __future__ import annotations

import os
import time
import uuid


def ordered_id() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): made without asking anybody, and ordered by time, so indexes grow at one end."""
    milliseconds = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | (tail >> 68) << 64 | 2 << 62 | tail & (1 << 62) - 1
    return uuid.UUID(int=value)


def operator_key() -> str:
    """A UUID of version 4: the form that MTN MoMo and pawaPay ask of an idempotency key."""
    return str(uuid.uuid4())


def is_operator_key(text: str) -> bool:
    """Has a text the form of :func:`operator_key`?"""
    try:
        return str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4
    except ValueError:
        return False
