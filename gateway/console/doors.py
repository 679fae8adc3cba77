"""Every way into the office is a door: a path, the right that it asks for, and the function behind it.

A path names what it is about in angle brackets: ``/households/<household>/move``. Each such name is known to
:mod:`gateway.console.subjects`, which reads the thing and says whose it is; a door lets nobody through to a thing of
somebody else's subtree, so a page's function is given what its visitor may see, and can't forget to ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateway.console.answers import Answer
from gateway.console.rights import Right

Handler = Callable[..., Answer]
LARGEST_FORM = 64 * 1024


@dataclass(frozen=True)
class Door:
    """``largest``: of what is sent through it, in bytes. ``shown_by``: the page to show again where it was refused."""

    method: str
    path: str
    right: Right
    handler: Handler
    largest: int = LARGEST_FORM
    shown_by: Handler | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The names in the path."""
        return tuple(re.findall(r"<(\w+)>", self.path))


@dataclass(frozen=True)
class Entrance:
    """An area's place in the menu: its name (marked for translation), the path, and the right that shows it."""

    name: str
    path: str
    right: Right


@dataclass
class Area:
    """The doors of one area of the office."""

    name: str
    entrance: Entrance | None = None
    doors: list[Door] = field(default_factory=list)

    def get(self, path: str, right: Right) -> Callable[[Any], Any]:
        """The function below shows a page, and changes nothing."""

        def keep(handler: Handler) -> Handler:
            self.doors.append(Door("GET", path, right, handler))
            return handler

        return keep

    def post(
        self, path: str, right: Right, *, shown_by: Handler | None = None, largest: int = LARGEST_FORM
    ) -> Callable[[Any], Any]:
        """The function below does something. Where it is refused, ``shown_by`` shows its page with what was typed.

        ``shown_by`` takes what the path names, too; it isn't given where the path itself has a page.
        """

        def keep(handler: Handler) -> Handler:
            own = next((one.handler for one in self.doors if (one.method, one.path) == ("GET", path)), None)
            self.doors.append(Door("POST", path, right, handler, largest, shown_by or own))
            return handler

        return keep
