"""A worker process: one queue, so that RQ hands jobs over safely and a campaign never delays a receipt."""

from __future__ import annotations

import signal
from types import FrameType

import redis
from rq import Queue, SimpleWorker

from workers import jobs


class OneProcessWorker(SimpleWorker):
    """Keeps its database connection, its operators' tokens and its HTTP connections, since it doesn't fork."""

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Told to stop: the row in hand is finished, the others are given back."""
        jobs.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(queue: str) -> None:
    """Work on ``queue`` until told to stop (SIGTERM or SIGINT); what is in hand is finished first."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: jobs.stopping.set())
    parts = jobs.runtime()
    parts.warn_at_start()
    # Our own client: a blocking wait for jobs must not run into the web's short time-outs.
    client = redis.Redis.from_url(parts.settings.redis_url)
    # What was due while nobody worked needs no ring.
    jobs.drain(queue)
    if not jobs.stopping.is_set():
        OneProcessWorker([Queue(queue, connection=client)], connection=client).work(logging_level="WARNING")
