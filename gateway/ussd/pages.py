"""Pages: what a screen has to say, cut to what a basic phone can show; nothing is dropped, what is long goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """One screenful of a page, in GSM letters, within the budget."""

    text: str
    last: bool


def cut(page: Page, say: Say, budget: int, *, at_home: bool = False, note: str = "") -> list[Part]:
    """Cut a page into screenfuls of at most ``budget`` septets, footers included.

    ``note`` comes first: what was wrong with the last answer. At home there is nowhere to go back to.
    """
    lines = [line for line in (fold(note), *fold(page.text).split("\n")) if line or line is not note]
    lines = [line for index, line in enumerate(lines) if line or index]
    lines += [f"{number} {fold(label)}" for number, label in enumerate(page.choices, 1)]
    back = f"{BACK} " + fold(say("Back"))
    footer = ""
    if not page.ends and not at_home:
        home = f"{HOME} " + fold(say("Home"))
        footer = f"{back}  {home}" if page.back else home
    more = f"{MORE} " + fold(say("More"))
    if not page.ends:
        more = f"{more}  {back}"
    whole = _joined(lines, footer)
    if septets(whole) <= budget:
        return [Part(whole, True)]
    return _parts(lines, footer, more, budget)


def _joined(lines: Sequence[str], footer: str) -> str:
    return "\n".join((*lines, footer) if footer else lines)


def _parts(lines: Sequence[str], footer: str, more: str, budget: int) -> list[Part]:
    # Every part leaves room for the longer of the two footers, so that a line never moves when it turns out the last.
    reserve = max(septets(footer), septets(more)) + 1
    room = budget - reserve
    parts: list[list[str]] = [[]]
    left = room
    for piece in (piece for line in lines for piece in _split(line, room)):
        cost = septets(piece) + (1 if parts[-1] else 0)
        if cost > left:
            parts.append([])
            left, cost = room, septets(piece)
        parts[-1].append(piece)
        left -= cost
    return [
        Part(_joined(part, more if number < len(parts) else footer), number == len(parts))
        for number, part in enumerate(parts, 1)
    ]


def _split(line: str, room: int) -> list[str]:
    """A line in pieces that fit, cut between words where there are words."""
    pieces = []
    while septets(line) > room:
        end = room
        while septets(line[:end]) > room:
            end -= 1
        space = line.rfind(" ", 1, end + 1)
        cut_at = space if space > room // 2 else end
        pieces.append(line[:cut_at].rstrip())
        line = line[cut_at:].lstrip()
    pieces.append(line)
    return pieces
