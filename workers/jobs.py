"""The one job there is: work through what is due in a queue of the outbox."""

from __future__ import annotations

import logging
import threading
import time
from functools import cache

from gateway.settings import Settings
from gateway.store import outbox
from gateway.store.outbox import Task
from gateway.wiring import Runtime

log = logging.getLogger(__name__)

# After so long a job ends between two batches, and the sweep rings for what is left: RQ sees a worker that is alive.
LONGEST_JOB_S = 60

# Set when the process was told to stop: what is in hand is finished, the rest of the batch is given back.
stopping = threading.Event()


@cache
def runtime() -> Runtime:
    """This worker process's own parts; its connections stay warm between jobs."""
    return Runtime(Settings.from_env())


def drain(queue: str) -> int:
    """Work through what is due in ``queue``; returns how many rows were handled.

    A ring that finds nothing is normal: several may come for the same rows.
    """
    parts = runtime()
    begun, total = time.monotonic(), 0
    while not stopping.is_set() and time.monotonic() - begun < LONGEST_JOB_S:
        count = outbox.drain(parts.store, queue, parts.handlers, _tell, stopping=stopping.is_set)
        total += count
        if count < outbox.batch_of(queue):
            break
    return total


def _tell(task: Task, error: Exception) -> None:
    log.error("%s failed on its try number %d: %s", task.topic, task.failures + 1, outbox.in_one_line(error))
