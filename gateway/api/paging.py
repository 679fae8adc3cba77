"""Pages by cursors: a cursor is sealed, so nobody makes one up, and is good for the same key and question alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from gateway.api.shapes import WRITTEN, Asked

USUAL, MOST = 50, 200
GOOD_FOR_S = 24 * 3600  # so long a cursor leads on


class Paged(Asked):
    """What every list is asked."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="The most that a page may hold."), WRITTEN] = USUAL
    cursor: Annotated[
        str | None,
        StringConstraints(max_length=800),
        Field(description="Where to go on: as the address `next` of the page before has it. It is good for a day."),
    ] = None


@dataclass(frozen=True)
class Turn:
    """Which page is wanted: at most ``limit`` rows, those behind what was given as ``next``."""

    limit: int
    after: Any | None = None


@dataclass(frozen=True)
class Listed:
    """A page: its items, and what the next one goes on from; None where there is none."""

    items: Sequence[BaseModel]
    next: Any | None = None
