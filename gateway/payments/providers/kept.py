"""What is fetched once for all who need it at the same moment, and kept while it is good: tokens, tables, keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
N = TypeVar("N")


@dataclass(frozen=True)
class Good(Generic[T]):
    """What was fetched, good for ``for_s`` seconds from when its fetching began."""

    value: T = field(repr=False)
    for_s: float


class Kept(Generic[T, N]):
    """One value. ``fetch`` makes the call and gives it as :class:`Good`, or why there is none, which isn't kept.

    One thread fetches at a time; those who need the value meanwhile wait for that outcome, good or not, so a burst
    makes one call. ``monotonic`` counts seconds. Nothing is fetched before the first :meth:`get`.
    """

    def __init__(self, fetch: Callable[[], Good[T] | N], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: tuple[T, float] | None = None
        self._flight: Future[T | N] | None = None

    def get(self, stale: T | None = None) -> T | N:
        """The value, other than ``stale``, which was just found to be good no more; or why there is none."""
        with self._lock:
            if self._kept and self._kept[0] != stale and self._monotonic() < self._kept[1]:
                return self._kept[0]
            flight, leads = self._flight, self._flight is None
            if flight is None:
                flight = self._flight = Future()
        if leads:
            self._fly(flight)
        return flight.result()

    @property
    def known(self) -> T | None:
        """The value, if it is there and good, without fetching it."""
        with self._lock:
            return self._kept[0] if self._kept and self._monotonic() < self._kept[1] else None

    def _fly(self, flight: Future[T | N]) -> None:
        began = self._monotonic()
        try:
            found = self._fetch()
        except BaseException as failure:
            with self._lock:
                self._flight = None
            flight.set_exception(failure)
            return
        with self._lock:
            self._flight = None
            self._kept = (found.value, began + found.for_s) if isinstance(found, Good) else None
        flight.set_result(found.value if isinstance(found, Good) else found)
