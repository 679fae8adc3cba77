"""A text of a mutuelle's own, checked before it is kept: what would go wrong with it is told before anybody gets it."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.sms.gsm7 import fold, parts, septets
from gateway.sms.templates.events import NAME_KEPT, Event, Setting, Values, filled
from gateway.sms.templates.placeholders import BadTemplate, braced, fill, placeholders, plain


@dataclass(frozen=True)
class Leaving:
    """A text as it would leave."""

    text: str

    @property
    def septets(self) -> int:
        return septets(self.text)

    @property
    def parts(self) -> int:
        return parts(self.text)


@dataclass(frozen=True)
class Checked:
    """A text that may be kept, as it is kept; what became of its letters; and an ordinary and the longest case of it.

    ``folded``: letters that would double the cost, and what is written instead. ``left_out``: signs that nothing can
    stand for.
    """

    text: str
    example: Leaving
    longest: Leaving
    folded: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()


def must_speak(tree: Tree, organisation_id: int) -> None:
    """Raises :class:`Fault` for a section: its mutuelle speaks for it."""
    one = tree[organisation_id]
    if one.books_id != one.id:
        said_by = tree[one.books_id].code
        raise Fault(
            mark("{code} is a section, and says what {said_by} says: give --at {said_by}"),
            code=one.code,
            said_by=said_by,
        )


def setting_of(tree: Tree, organisation_id: int, language: str) -> Setting:
    """Where an organisation says something in a language; raises :class:`Fault` for a language that it doesn't offer.

    What a union says is said in the currencies of all below it.
    """
    must_speak(tree, organisation_id)
    one = tree[organisation_id]
    if language not in one.languages:
        raise Fault(
            mark("{code} does not offer {language}: it offers {offered}"),
            code=one.code,
            language=language,
            offered=", ".join(one.languages),
        )
    below = sorted({each.currency for each in tree.by_id.values() if each.under(one)} - {one.currency})
    return Setting(language, one.name, (one.currency, *below))


def check(event: Event, text: str, setting: Setting) -> Checked:
    """A text for an event, with what is to be known before it is kept; raises :class:`BadTemplate` with the reason."""
    folded, left_out = _letters(text)
    _check_placeholders(event, placeholders(text))
    kept = plain(text)
    if not kept:
        raise BadTemplate(mark("the text is empty"))
    longest = _longest(event, kept, setting)
    example = filled(event, kept, setting.say, event.example(setting))
    return Checked(kept, Leaving(example), Leaving(longest), folded, left_out)


def _check_placeholders(event: Event, found: list[str]) -> None:
    known = [one.name for one in event.placeholders]
    unknown = [name for name in found if name not in known]
    if unknown:
        raise BadTemplate(
            mark("{name} is unknown in {event}: there are {known}"),
            name=braced(unknown),
            event=event.name,
            known=braced(known),
        )
    for one_of in event.needed:
        if not set(one_of).intersection(found):
            needed, *others = (braced([name]) for name in one_of)
            if not others:
                raise BadTemplate(mark("{event} must hold {needed}"), event=event.name, needed=needed)
            raise BadTemplate(
                mark("{event} must hold {needed} or {other}"), event=event.name, needed=needed, other=", ".join(others)
            )


def _longest(event: Event, text: str, setting: Setting) -> str:
    """The longest that a text can become, its names cut as far as they may be; raises :class:`BadTemplate` if that is
    too long."""
    say, names = setting.say, [one.name for one in event.placeholders if one.gives_way]

    def with_short_names(values: Values) -> str:
        return fill(text, say, {**values, **{name: str(values[name])[:NAME_KEPT] for name in names}})

    worst = max(event.longest(setting), key=lambda values: septets(with_short_names(values)))
    shortest = with_short_names(worst)
    if parts(shortest) > event.most_parts:
        raise BadTemplate(
            mark("with the longest data it has {septets} septets and {parts} parts, {event} may have {most}: {text}"),
            septets=septets(shortest),
            parts=parts(shortest),
            event=event.name,
            most=event.most_parts,
            text=shortest,
        )
    return filled(event, text, say, worst)


def letters(text: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The letters that are written otherwise, with how, and all that is left out, since each would double the cost."""
    folded: dict[str, str] = {}
    left_out: dict[str, None] = {}
    for letter in unicodedata.normalize("NFC", text):
        written = fold(letter)
        if not written.strip() and not letter.isspace():
            left_out[letter] = None
        elif written != letter and not letter.isspace():
            folded[letter] = written
    return tuple(folded.items()), tuple(left_out)


def _letters(text: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The same without what nobody sees; raises :class:`BadTemplate` for writing that is lost."""
    folded, left_out = letters(text)
    lost = [letter for letter in left_out if unicodedata.category(letter)[0] in "LN"]
    if lost:
        raise BadTemplate(mark("an SMS of GSM's letters can't say {letters}"), letters=" ".join(lost[:10]))
    shown = [letter for letter in left_out if unicodedata.category(letter)[0] == "S"]
    return folded, tuple(shown)
