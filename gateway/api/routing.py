"""Which door a path and a method lead to; what of the path stands for the names in the door's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from gateway.api.areas import AREAS
from gateway.api.doors import Door
from gateway.api.problems import Problem
from gateway.api.subjects import SUBJECTS


class NoSuchDoor(Exception):
    """No door has this path; ``door``: one that would, if what stands for a name in it could be one."""

    def __init__(self, door: Door | None) -> None:
        super().__init__()
        self.door = door


def door_of(path: str, method: str) -> tuple[Door, Mapping[str, str]]:
    """The door of a path below ``/api/v1``, with what its names stand for.

    Raises :class:`NoSuchDoor`, and :class:`Problem` (``method``) where the path has doors and none for this method.
    """
    found = [(door, match.groupdict()) for pattern, _, door in _ways() if (match := pattern.fullmatch(path))]
    if not found:
        raise NoSuchDoor(next((door for _, loosely, door in _ways() if loosely.fullmatch(path)), None))
    for door, named in found:
        if door.method == ("GET" if method == "HEAD" else method):
            return door, named
    allowed = {door.method for door, _ in found}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    raise Problem("method", headers={"Allow": ", ".join(sorted(allowed))})


@cache
def _ways() -> tuple[tuple[re.Pattern[str], re.Pattern[str], Door], ...]:
    """Every door with its path as a pattern, exactly and loosely."""
    return tuple((_exactly(door), _loosely(door), door) for area in AREAS for door in area.doors)


def _exactly(door: Door) -> re.Pattern[str]:
    unknown = [name for name in door.subjects if name not in SUBJECTS]
    assert not unknown, f"{door.path}: nobody knows whose {unknown[0]} is"
    return _written(door, lambda name: f"(?P<{name}>{SUBJECTS[name].pattern})")


def _loosely(door: Door) -> re.Pattern[str]:
    return _written(door, lambda _: "[^/]*")


def _written(door: Door, of_name: Callable[[str], str]) -> re.Pattern[str]:
    steps = re.split(r"{(\w+)}", door.path)
    own = [of_name(step) if place % 2 else re.escape(step) for place, step in enumerate(steps)]
    return re.compile("".join(own), re.ASCII)
