"""How much one caller may ask in a minute, counted in Redis; while Redis is down, everybody is let through."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

import redis

A_MINUTE_S = 60


@dataclass(frozen=True)
class Most:
    """Calls in a minute: of one key that reads, of one that changes, and of one address without a key."""

    reads: int = 600
    writes: int = 120
    strangers: int = 60


def wait_s(client: redis.Redis, whose: str, most: int, now: datetime) -> int:
    """How many seconds a caller has to wait; 0 for one who is within the measure. This call counts."""
    minute, second = divmod(int(now.timestamp()), A_MINUTE_S)
    key = f"api:{hashlib.blake2b(whose.encode(), digest_size=8).hexdigest()}:{minute}"
    try:
        pipe = client.pipeline()
        pipe.incr(key)
        pipe.expire(key, 2 * A_MINUTE_S)
        count = int(pipe.execute()[0])
    except redis.RedisError:
        return 0
    return 0 if count <= most else A_MINUTE_S - second
