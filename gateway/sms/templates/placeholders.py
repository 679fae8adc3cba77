"""What stands in braces in a text of a mutuelle's own: names alone, and never anything that reaches into a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from string import Formatter

from gateway.kernel.faults import Fault
from gateway.locale import Say, mark
from gateway.sms.gsm7 import fold

LONGEST_TEMPLATE = 1000


class BadTemplate(Fault):
    """A text that can't be used: a brace is left open, or a placeholder is unknown, misspelt or missing."""


def braced(names: Iterable[str]) -> str:
    """Placeholders as they are written, one after the other: ``{card}, {name}``."""
    return ", ".join(f"{{{name}}}" for name in names)


def unknown(name: str, known: Iterable[str]) -> BadTemplate:
    """There is no placeholder of this name."""
    return BadTemplate(mark("{name} is unknown: there are {known}"), name=braced([name]), known=braced(known))


def plain(text: str) -> str:
    """A text as it is kept and sent: in letters of SMS, on one line."""
    return " ".join(fold(text).split())


def placeholders(text: str) -> list[str]:
    """The placeholders of a text, in their order, each once. ``{{`` and ``}}`` stand for a brace.

    Raises :class:`BadTemplate` for braces that don't belong together, and for anything but a plain name in them: what
    Python's own formatting would make of ``{card.x}`` or ``{card:>20}`` is nothing that a text may ask for.
    """
    return list(_read(text)[1])


def fill(text: str, say: Say, values: Mapping[str, object]) -> str:
    """The text with its placeholders filled in, money and dates as the language writes them, in letters of SMS.

    Raises :class:`BadTemplate` for a placeholder that has no value.
    """
    folded, names = _read(text)
    for name in names:
        if name not in values:
            raise unknown(name, sorted(values))
        if values[name] is None:
            raise BadTemplate(mark("{name} stands for nothing here"), name=braced([name]))
    return plain(folded.format(**{name: say.show(values[name]) for name in names}))


# A campaign fills one text in thousands of times.
@lru_cache(maxsize=256)
def _read(text: str) -> tuple[str, tuple[str, ...]]:
    """A text in letters of SMS, and its placeholders. A brace of another script becomes one of ours before it is read:
    whatever looks like a placeholder is one, or is refused."""
    if len(text) > LONGEST_TEMPLATE:
        raise BadTemplate(mark("the text is longer than {most} letters"), most=LONGEST_TEMPLATE)
    folded = plain(text)
    try:
        pieces = list(Formatter().parse(folded))
    except ValueError:
        raise BadTemplate(
            mark("a brace stands alone: a placeholder is written {name}, a brace itself {opened} or {closed}"),
            name="{name}",
            opened="{{",
            closed="}}",
        ) from None
    found: dict[str, None] = {}
    for _, name, form, conversion in pieces:
        if name is None:
            continue
        if form or conversion or not (name.isascii() and name.isidentifier()):
            raise BadTemplate(
                mark("{name} is no placeholder: between braces stands a name and nothing else"),
                name=braced([name[:40]]),
            )
        found[name] = None
    return folded, tuple(found)
