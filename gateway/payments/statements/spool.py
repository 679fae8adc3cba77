"""Frames put aside in a row, within little memory: what goes beyond some megabytes is packed until it is taken."""

from __future__ import annotations

import io
from collections import deque

import polars as pl

_ROOM_BYTES = 24 * 2**20  # by Polars' own estimate, which is about half of what is really held


class Spool:
    """Frames in the order in which they were put, to be taken from either end, each once."""

    def __init__(self) -> None:
        self._kept: deque[pl.DataFrame | bytes] = deque()
        self._room: float = _ROOM_BYTES

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, frame: pl.DataFrame) -> None:
        """Add a frame behind the others."""
        self._room -= frame.estimated_size()
        if self._room >= 0:
            self._kept.append(frame)
            return
        packed = io.BytesIO()
        frame.write_ipc(packed, compression="zstd")
        self._kept.append(packed.getvalue())

    def first(self) -> pl.DataFrame:
        """The first frame, which stays where it is."""
        frame = self.take()
        self._kept.appendleft(frame)
        return frame

    def take(self, *, last: bool = False) -> pl.DataFrame:
        """The first frame, or the last, and forget it."""
        kept = self._kept.pop() if last else self._kept.popleft()
        if isinstance(kept, bytes):
            return pl.read_ipc(io.BytesIO(kept))
        return kept
