"""Rings the job queue for committed work. A lost ring costs a second: the sweep rings again."""

from __future__ import annotations

import logging

import redis
from rq import Queue

log = logging.getLogger(__name__)

DRAIN = "workers.jobs.drain"
NO_LIMIT_S = -1  # RQ's limit would strike in the middle of a call; the job ends by itself


class RqBell:
    """Puts one job into the RQ queue of each name, unless one is waiting there that will see the same rows."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def __call__(self, queues: set[str]) -> None:
        for name in sorted(queues):
            try:
                queue = Queue(name, connection=self._redis)
                if queue.count == 0:
                    queue.enqueue(DRAIN, name, job_timeout=NO_LIMIT_S, result_ttl=0, failure_ttl=3600)
            except redis.RedisError as down:
                log.warning("bell not rung for %s: %s", name, type(down).__name__)
