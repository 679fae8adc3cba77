"""The events of which a mutuelle may speak in its own words: what may stand in each, what must, and in how many parts.

A receipt, a confirmation and a word that nothing was paid are one part whatever the data; a reminder may be two.
Figures are never shortened; names give way, as in :func:`gateway.sms.texts.fit`. What a text must have room for is
bounded: an amount of eight figures, the number of the thousand millionth receipt. Where data are longer, our own words
are said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, Money
from gateway.locale import Say, catalogue, mark
from gateway.membership.people import to_strangers
from gateway.membership.rules import Cover, State
from gateway.sms import texts
from gateway.sms.gsm7 import parts
from gateway.sms.templates.placeholders import BadTemplate, fill, placeholders

Values = Mapping[str, object]

MOST_UNITS = 99_999_999
LONGEST_NUMBER = "9" * 10 + "-" + "9" * 5
# So many letters of a name there is always room for; the first words of the names below have as many.
NAME_KEPT = 10
LONGEST_NAME = "Ndayizeye-Nshimirimana Bukuru Marie Goretti Alphonsine Aline"
LONGEST_MUTUELLE = "Intercommunale des mutuelles de santé de la Donga et de Ouaké"
LONGEST_CODE = "*384*2290*12345#"
CARD, DAY = "123456782", date(2026, 12, 31)


@dataclass(frozen=True)
class Setting:
    """Where a text is said: in a language, by a mutuelle, or by all those below a union with their currencies."""

    language: str
    mutuelle: str
    currencies: tuple[str, ...]  # its own first

    @property
    def say(self) -> Say:
        return Say(self.language)

    def money(self, units: int) -> Money:
        """An amount in its own currency."""
        return Money(units * 10 ** EXPONENT[self.currencies[0]], self.currencies[0])

    def most(self) -> Iterator[Money]:
        """The greatest amount that a text must have room for, in each currency."""
        for one in self.currencies:
            yield Money((MOST_UNITS + 1) * 10 ** EXPONENT[one] - 1, one)


@dataclass(frozen=True)
class Placeholder:
    """A name that may stand in braces. One that gives way is a name of somebody: it is cut where room is short."""

    name: str
    meaning: str
    gives_way: bool = False


@dataclass(frozen=True)
class Event:
    """What may be said anew. Of each of ``needed`` one placeholder must stand in the text.

    ``example`` is an ordinary case and ``longest`` the worst there are, each as values of all placeholders. ``ours``
    says the example in our own words; ``source`` is those as a text with placeholders, where they are one.
    """

    name: str
    meaning: str
    placeholders: tuple[Placeholder, ...]
    needed: tuple[tuple[str, ...], ...]
    most_parts: int
    example: Callable[[Setting], Values]
    longest: Callable[[Setting], Iterator[Values]]
    ours: Callable[[Setting], str] | None = None
    source: str | None = None

    def words(self, language: str) -> str | None:
        """Our own words as a text with placeholders; None where they are no such text, or there are none."""
        return catalogue(language).gettext(self.source) if self.source is not None else None

    def in_our_words(self, setting: Setting) -> str | None:
        """The example in our own words; None where we have none."""
        if self.ours is not None:
            return self.ours(setting)
        words = self.words(setting.language)
        return filled(self, words, setting.say, self.example(setting)) if words is not None else None


def event_named(name: str) -> Event:
    """The event of a name; raises :class:`Fault`."""
    try:
        return EVENTS[name]
    except KeyError:
        raise Fault(f"there is no event {name}: there are {', '.join(EVENTS)}") from None


def filled(event: Event, text: str, say: Say, values: Values) -> str:
    """A text with its placeholders filled in, names giving way where that saves a part, or where its event has no more.

    Raises :class:`BadTemplate` where a value is missing, or where it has too many parts whatever gives way.
    """
    written = fill(text, say, values)
    if parts(written) == 1:
        return written
    used = set(placeholders(text))
    names = [one.name for one in event.placeholders if one.gives_way and one.name in used]

    def write(*shown: str) -> str:
        return fill(text, say, {**values, **dict(zip(names, shown, strict=True))})

    if names:
        whole = [str(values[name]) for name in names]
        # Nobody's name is cut to a letter only to save a part.
        fewest = min(parts(write(*(name[:NAME_KEPT] for name in whole))), event.most_parts)
        written = texts.fit(write, *whole, most_parts=fewest)
    if parts(written) > event.most_parts:
        raise BadTemplate(
            mark("it has {parts} parts with these data, and may have {most}"),
            parts=parts(written),
            most=event.most_parts,
        )
    return written


# --- what placeholders stand for --------------------------------------------------------------------------------------


def receipt_values(
    say: Say, number: str, amount: Money, card: str, cover: Cover, left: Money, head: str, mutuelle: str
) -> Values:
    """What stands in a receipt; ``head`` as a stranger may read it, since anybody may have paid."""
    return {
        "number": number,
        "amount": amount,
        "card": say.card(card),
        "covered": texts.covered(say, cover, left),
        "remaining": texts.remaining(say, left),
        "left": left,
        "head": head,
        "mutuelle": mutuelle,
    }


def treasurer_values(
    say: Say, number: str, amount: Money, way: str, card: str, left: Money, head: str, mutuelle: str
) -> Values:
    """What stands in a treasurer's confirmation."""
    return {
        "number": number,
        "amount": amount,
        "way": texts.way_of(say, way),
        "head": head,
        "card": say.card(card),
        "remaining": texts.remaining(say, left),
        "left": left,
        "mutuelle": mutuelle,
    }


def registered_values(say: Say, mutuelle: str, card: str, head: str, total: Money, first: Money) -> Values:
    """What stands in a new member's welcome."""
    return {
        "card": say.card(card),
        "mutuelle": mutuelle,
        "head": head,
        "total": total,
        "first": first,
        "to_pay_now": texts.to_pay_now(say, first),
    }


def not_paid_values(say: Say, amount: Money, card: str, reason: str, mutuelle: str) -> Values:
    """What stands in the word to a payer that nothing came."""
    why, what_now = texts.why_not(say, reason)
    return {"amount": amount, "card": say.card(card), "reason": why, "advice": what_now, "mutuelle": mutuelle}


# --- ordinary cases, and the worst ------------------------------------------------------------------------------------

_NUMBER, _HEAD = "000123-48213", "Aïcha Bio"
_COVERED = Cover(State.ACTIVE, DAY, DAY, 0)


def _a_receipt(at: Setting) -> Values:
    left = at.money(7_500)
    return receipt_values(at.say, _NUMBER, at.money(12_500), CARD, _COVERED, left, to_strangers(_HEAD), at.mutuelle)


def _our_receipt(at: Setting) -> str:
    return texts.receipt(at.say, _NUMBER, at.money(12_500), CARD, _COVERED, at.money(7_500))


def _long_receipts(at: Setting) -> Iterator[Values]:
    for most in at.most():
        for state in State:
            for left in (most, Money(0, most.currency)):
                cover = Cover(state, DAY, DAY, left.minor, most.minor, DAY, most.minor)
                yield receipt_values(at.say, LONGEST_NUMBER, most, CARD, cover, left, LONGEST_NAME, LONGEST_MUTUELLE)


def _a_confirmation(at: Setting) -> Values:
    left = at.money(7_500)
    return treasurer_values(at.say, _NUMBER, at.money(12_500), "cash", CARD, left, _HEAD, at.mutuelle)


def _our_confirmation(at: Setting) -> str:
    return texts.treasurer(at.say, _NUMBER, at.money(12_500), "cash", _HEAD, CARD, at.money(7_500))


def _long_confirmations(at: Setting) -> Iterator[Values]:
    for most in at.most():
        for way in texts.WAYS:
            for left in (most, Money(0, most.currency)):
                yield treasurer_values(at.say, LONGEST_NUMBER, most, way, CARD, left, LONGEST_NAME, LONGEST_MUTUELLE)


def _a_welcome(at: Setting) -> Values:
    return registered_values(at.say, at.mutuelle, CARD, _HEAD, at.money(12_500), at.money(3_900))


def _our_welcome(at: Setting) -> str:
    return texts.registered(at.say, at.mutuelle, CARD, at.money(12_500), at.money(3_900))


def _long_welcomes(at: Setting) -> Iterator[Values]:
    for most in at.most():
        for first in (most, Money(0, most.currency)):
            yield registered_values(at.say, LONGEST_MUTUELLE, CARD, LONGEST_NAME, most, first)


def _a_failure(at: Setting) -> Values:
    return not_paid_values(at.say, at.money(12_500), CARD, "expired", at.mutuelle)


def _our_failure(at: Setting) -> str:
    return texts.not_paid(at.say, at.money(12_500), CARD, "expired")


def _long_failures(at: Setting) -> Iterator[Values]:
    for most in at.most():
        for reason in texts.NOT_PAID:
            yield not_paid_values(at.say, most, CARD, reason, LONGEST_MUTUELLE)


def _a_reminder(at: Setting) -> Values:
    return {
        "card": at.say.card(CARD),
        "name": _HEAD,
        "left": at.money(7_500),
        "due": at.money(3_900),
        "date": DAY,
        "until": DAY,
        "mutuelle": at.mutuelle,
        "code": "*384*229#",
    }


def _long_reminders(at: Setting) -> Iterator[Values]:
    for most in at.most():
        names = {"name": LONGEST_NAME, "mutuelle": LONGEST_MUTUELLE, "code": LONGEST_CODE}
        yield {**_a_reminder(at), "left": most, "due": most, **names}


def _some_news(at: Setting) -> Values:
    return {"mutuelle": at.mutuelle, "code": "*384*229#"}


def _long_news(at: Setting) -> Iterator[Values]:
    yield {"mutuelle": LONGEST_MUTUELLE, "code": LONGEST_CODE}


# --- the events -------------------------------------------------------------------------------------------------------

_MUTUELLE = Placeholder("mutuelle", mark("the mutuelle's name"), gives_way=True)
_HEAD_OF = Placeholder("head", mark("the name of the household's head"), gives_way=True)
_RECEIPT_NUMBER = Placeholder("number", mark("the receipt's number with its code, by which it can be checked"))
_AMOUNT = Placeholder("amount", mark("what came in"))
_CARD_NUMBER = Placeholder("card", mark("the card's number"))
_REMAINING = Placeholder("remaining", mark("a sentence: what is left to pay, or that all is paid"))
_LEFT = Placeholder("left", mark("what is left to pay, as an amount"))
_CODE = Placeholder("code", mark("the short code that is dialled"))

_OF_A_HOUSEHOLD = (
    _CARD_NUMBER,
    Placeholder("name", mark("the name of the household's head"), gives_way=True),
    _LEFT,
    Placeholder("due", mark("what is due now or next, or by the day that a reminder is about")),
    Placeholder("date", mark("the day on which it is due")),
    Placeholder("until", mark("the last day of cover, or of the year")),
    _MUTUELLE,
    _CODE,
)


def _reminder(name: str, meaning: str, source: str | None, *needed: tuple[str, ...]) -> Event:
    return Event(name, meaning, _OF_A_HOUSEHOLD, needed, 2, _a_reminder, _long_reminders, source=source)


EVENTS: Mapping[str, Event] = {
    one.name: one
    for one in (
        Event(
            "receipt",
            mark("to whoever paid, and to the member, where the amount came that was asked for"),
            (
                _RECEIPT_NUMBER,
                _AMOUNT,
                _CARD_NUMBER,
                Placeholder("covered", mark("a sentence: until when they are covered, or what is missing for it")),
                _REMAINING,
                _LEFT,
                Placeholder("head", mark("the head's name, as a stranger may read it"), gives_way=True),
                _MUTUELLE,
            ),
            (("number",), ("amount",), ("card",)),
            1,
            _a_receipt,
            _long_receipts,
            ours=_our_receipt,
        ),
        Event(
            "treasurer",
            mark("to the treasurer, for each payment where the amount came that was asked for"),
            (
                _RECEIPT_NUMBER,
                _AMOUNT,
                Placeholder("way", mark("how it was paid")),
                _HEAD_OF,
                _CARD_NUMBER,
                _REMAINING,
                _LEFT,
                _MUTUELLE,
            ),
            (("number",), ("amount",), ("card",)),
            1,
            _a_confirmation,
            _long_confirmations,
            ours=_our_confirmation,
        ),
        Event(
            "registered",
            mark("to a new member"),
            (
                _CARD_NUMBER,
                _MUTUELLE,
                _HEAD_OF,
                Placeholder("total", mark("what the year costs")),
                Placeholder("first", mark("what is due at once, as an amount")),
                Placeholder("to_pay_now", mark("a sentence: what is due at once, or that nothing is")),
            ),
            (("card",),),
            1,
            _a_welcome,
            _long_welcomes,
            ours=_our_welcome,
        ),
        Event(
            "not_paid",
            mark("to a payer from whom nothing came"),
            (
                Placeholder("amount", mark("what was asked for")),
                _CARD_NUMBER,
                Placeholder("reason", mark("a sentence: why nothing came")),
                Placeholder("advice", mark("a sentence: what to do now")),
                _MUTUELLE,
            ),
            (("amount",), ("card",), ("reason",)),
            1,
            _a_failure,
            _long_failures,
            ours=_our_failure,
        ),
        _reminder(
            "reminder_before",
            mark("some days before something is due"),
            mark("{mutuelle}: {due} for card {card} is due by {date}. To pay, dial {code}. Thank you."),
            ("card",),
            ("due", "left"),
        ),
        _reminder(
            "reminder_due",
            mark("on the day on which something is due"),
            mark("{mutuelle}: {due} for card {card} is due today, {date}. To pay, dial {code}. Thank you."),
            ("card",),
            ("due", "left"),
        ),
        _reminder(
            "reminder_after",
            mark("some days after something was due"),
            mark("{mutuelle}: {due} for card {card} was due on {date}. To pay, dial {code}. Thank you."),
            ("card",),
            ("due", "left"),
        ),
        _reminder(
            "renewal",
            mark("to those whose year ends, or has ended"),
            mark("{mutuelle}: card {card} is to be renewed, its term is {until}. Dial {code}. Thank you."),
            ("card",),
        ),
        _reminder("campaign", mark("a campaign to households, where it brings no words of its own"), None),
        Event(
            "news",
            mark("news to those who asked for it"),
            (_MUTUELLE, _CODE),
            (),
            2,
            _some_news,
            _long_news,
        ),
    )
}  # fmt: skip
