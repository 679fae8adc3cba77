"""A worker process: one queue, so that RQ hands jobs over safely and a campaign never delays a receipt."""

from __future__ import annotations

import redis
from rq import Queue, SimpleWorker

from workers import jobs


def work(queue: str) -> None:
    """Work on ``queue`` until told to stop (SIGTERM or SIGINT); what is in hand is finished first."""
    parts = jobs.runtime()
    parts.warn_of_forgetful_redis()
    # Our own client: a blocking wait for jobs must not run into the web's short time-outs.
    client = redis.Redis.from_url(parts.settings.redis_url)
    # What was due while nobody worked needs no ring.
    jobs.drain(queue)
    # One process without forks keeps its database connection, its operators' tokens and its HTTP connections.
    SimpleWorker([Queue(queue, connection=client)], connection=client).work(logging_level="WARNING")
