"""What a page's function answers: values, which the web turns into responses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Page:
    """A whole page: its template, its title in the person's language, and what the template is told.

    Where the script asks for a part that it keeps fresh, only the block of that name is answered.
    """

    template: str
    title: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Go:
    """Go and see another page (303): ``to`` is its path below ``/console``; ``note`` is said there, once."""

    to: str
    note: str = ""


@dataclass(frozen=True)
class File:
    """Something to keep or to print; ``inline``: shown in the browser where it can be."""

    name: str
    content_type: str
    content: bytes | Iterable[bytes]
    inline: bool = False


Answer = Page | Go | File


@dataclass(frozen=True)
class Done:
    """What an act did: the page to go to, what is said there, and what it changed, for whoever looks it up later.

    ``about`` and ``place``: what it is about and whose affair, where that is known only now.
    """

    to: str
    note: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    about: str | None = None
    place: int | None = None


class Refused(Exception):
    """What was asked can't be done, said in the person's language; nothing was done, and their page is shown again.

    ``field``: the name of the field that it is about.
    """

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.field = field


class NotThere(Exception):
    """There is no such thing for this person: it doesn't exist, or it is another's (the answer is the same)."""
