"""The scheduler: rings for outbox rows that are due; of several, the one that holds the lease of the moment does it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading

from gateway.kernel.faults import Unavailable
from gateway.store import lease, outbox
from gateway.store.bell import RqBell
from gateway.wiring import Runtime

log = logging.getLogger(__name__)

TICK_S = 1


def tick(parts: Runtime, holder: str) -> set[str]:
    """One round: take the lease of this second and ring for every queue with due work; returns those rung for."""
    if not lease.take(parts.store, "sweep", TICK_S, holder):
        return set()
    queues = outbox.waiting_queues(parts.store)
    if queues:
        RqBell(parts.redis)(queues)
    return queues


def run(parts: Runtime) -> None:
    """Tick until told to stop. A part that is down is waited for: nothing is lost by a missed tick."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    holder = f"{socket.gethostname()}:{os.getpid()}"
    while not stop.wait(TICK_S):
        try:
            tick(parts, holder)
        except Unavailable as down:
            log.warning("sweep skipped: %s", down)
