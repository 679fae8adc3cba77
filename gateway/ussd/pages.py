"""Pages: what a screen has to say, cut to what a basic phone can show; nothing is dropped, what is long goes on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from gateway.locale import Say
from gateway.sms.gsm7 import fold, septets

BACK, HOME, MORE = "0", "00", "98"


@dataclass(frozen=True)
class Page:
    """What a screen shows. ``choices`` are numbered from 1; ``ends`` closes the session after the last part.

    ``back`` False keeps ``0`` for the answer itself, where a person may well type a nought.
    """

    text: str
    choices: Sequence[str] = ()
    ends: bool = False
    back: bool = True


@dataclass(frozen=True)
class Part:
    """One screenful of a page, in GSM letters, within the budget; ``choices`` is how many have been shown with it."""

    text: str
    last: bool
    choices: int


def cut(page: Page, say: Say, budget: int, *, at_home: bool = False, note: str = "") -> list[Part]:
    """Cut a page into screenfuls of at most ``budget`` septets, footers included.

    ``note`` comes first: what was wrong with the last answer. At home there is nowhere to go back to.
    """
    lines = [line for line in (fold(note), *fold(page.text).split("\n")) if line]
    labels = [f"{number} {fold(label)}" for number, label in enumerate(page.choices, 1)]
    back, home, more = _ways(say)
    back = back if page.back and not page.ends else ""
    home = home if not page.ends and not at_home else ""
    back_at_first = "" if at_home else back
    whole = _joined([*lines, *labels], back_at_first, home)
    if septets(whole) <= budget:
        return [Part(whole, True, len(labels))]
    # Every part leaves room for the longest footer, so that a line never moves when it turns out the last.
    room = budget - 1 - max(septets(_footer(more, back)), septets(_footer(back, home)))
    parts = _fill([(line, 0) for line in lines] + [(label, n) for n, label in enumerate(labels, 1)], room)
    ways = [(more, back)] * len(parts)
    ways[0], ways[-1] = (more, back_at_first), (back, home)
    return [
        Part(_joined(part.lines, *footer), part is parts[-1], part.choices)
        for part, footer in zip(parts, ways, strict=True)
    ]


@cache
def _ways(say: Say) -> tuple[str, str, str]:
    """Back, home and on, in a language."""
    labels = ((BACK, say("Back")), (HOME, say("Home")), (MORE, say("More")))
    back, home, more = (f"{key} {fold(label)}" for key, label in labels)
    return back, home, more


def _footer(*ways: str) -> str:
    return "  ".join(way for way in ways if way)


def _joined(lines: Sequence[str], *ways: str) -> str:
    footer = _footer(*ways)
    return "\n".join((*lines, footer) if footer else lines)


@dataclass
class _Filling:
    """A part that is being filled: its lines, and the number of the last choice that stands on it or before it."""

    lines: list[str]
    choices: int


def _fill(lines: Sequence[tuple[str, int]], room: int) -> list[_Filling]:
    parts = [_Filling([], 0)]
    left = room
    for line, choice in lines:
        for piece in _split(line, room):
            cost = septets(piece) + (1 if parts[-1].lines else 0)
            if cost > left:
                parts.append(_Filling([], parts[-1].choices))
                left, cost = room, septets(piece)
            parts[-1].lines.append(piece)
            left -= cost
        parts[-1].choices = max(choice, parts[-1].choices)
    return parts


# Not within a figure: an amount or a card number is read on one screen.
_BETWEEN_WORDS = re.compile(r"(?<!\d) | (?!\d)")


def _split(line: str, room: int) -> list[str]:
    """A line in pieces that fit, cut between words where there are words."""
    pieces = []
    while septets(line) > room:
        end = room
        while septets(line[:end]) > room:
            end -= 1
        space = max((found.start() for found in _BETWEEN_WORDS.finditer(line) if found.start() <= end), default=0)
        cut_at = space if space > room // 2 else end
        pieces.append(line[:cut_at].rstrip())
        line = line[cut_at:].lstrip()
    pieces.append(line)
    return pieces
