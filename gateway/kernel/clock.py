"""Time is aware UTC, asked from a clock that was handed in; a day begins where the mutuelle is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Whoever needs the time takes one of these."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved: for tests and worked examples."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move(self, by: timedelta) -> None:
        self.at += by


class ShiftedClock:
    """The demonstration's clock: the machine's time plus the whole seconds written in a file, read at every call."""

    def __init__(self, shift_file: Path) -> None:
        self._file = shift_file

    def now(self) -> datetime:
        try:
            shift_s = int(self._file.read_text() or "0")
        except (OSError, ValueError):
            shift_s = 0
        return datetime.now(UTC) + timedelta(seconds=shift_s)


def day_in(zone: str, moment: datetime) -> date:
    """The calendar day of ``moment`` where the mutuelle is (``zone`` is an IANA name)."""
    return moment.astimezone(ZoneInfo(zone)).date()
