"""The one job there is: work through what is due in a queue of the outbox."""

from __future__ import annotations

import logging
from functools import cache

from gateway.settings import Settings
from gateway.store import outbox
from gateway.store.outbox import Task
from gateway.wiring import Runtime

log = logging.getLogger(__name__)


@cache
def runtime() -> Runtime:
    """This worker process's own parts; its connections stay warm between jobs."""
    return Runtime(Settings.from_env())


def drain(queue: str) -> int:
    """Work through everything that is due in ``queue``; returns how many rows were handled.

    A ring that finds nothing is normal: several may come for the same rows.
    """
    parts = runtime()
    total = 0
    while True:
        count = outbox.drain(parts.store, queue, parts.handlers, _tell)
        total += count
        if count < outbox.BATCH:
            return total


def _tell(task: Task, error: Exception) -> None:
    log.error("%s failed on its try number %d: %s", task.topic, task.claims, outbox.in_one_line(error))
