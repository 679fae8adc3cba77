"""What the gateway says to people, in their language: gettext catalogues, read once, and CLDR's ways with figures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from gateway.kernel.card import show_card
from gateway.kernel.money import EXPONENT, Money

SOURCE = "en"  # the language that the code is written in
# Drafts wait for a native speaker's review: what they lack is said in French, which their readers meet at school.
DRAFTS = ("rn", "sw")
NAMES = {"fr": "Français", "en": "English", "rn": "Kirundi", "sw": "Kiswahili"}
HERE = Path(__file__).parent

# How people name the currency in their own country's phone menus.
SHORT_CURRENCY = {"XOF": "F", "XAF": "F", "BIF": "FBu", "GNF": "FG", "CDF": "FC", "RWF": "FRw"}


@cache
def catalogue(language: str) -> NullTranslations:
    """The catalogue of a language; its .po file is compiled in memory, so there is nothing else to keep in step."""
    if language == SOURCE:
        return NullTranslations()
    with (HERE / f"{language}.po").open("rb") as source:
        po = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, po)
    compiled.seek(0)
    translations = Translations(compiled)
    if language in DRAFTS:
        translations.add_fallback(catalogue("fr"))
    return translations


@cache
def _cldr(language: str) -> Locale:
    try:
        return Locale.parse(language)
    except UnknownLocaleError:
        return Locale.parse("fr")


@lru_cache(maxsize=8192)
def show_money(amount: Money, language: str) -> str:
    """``12 500 F`` in French; decimals only where there are any."""
    exact = amount.decimal
    decimals = EXPONENT[amount.currency] if exact != exact.to_integral_value() else 0
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    figures = format_decimal(Decimal(exact), pattern, _cldr(language))
    return f"{figures} {SHORT_CURRENCY.get(amount.currency, amount.currency)}"


def show_count(count: int, language: str) -> str:
    """``12 500``: so many of something."""
    return format_decimal(count, "#,##0", _cldr(language))


@lru_cache(maxsize=8192)
def show_date(day: date, language: str) -> str:
    """``31/12/2026``: the order and width that people write, the year always in full."""
    return format_date(day, "dd/MM/yyyy", _cldr(language))


@dataclass(frozen=True)
class Say:
    """Says a message in one language: ``say("Pay {amount}?", amount=…)`` translates, then fills in and formats."""

    language: str

    def __call__(self, source: str, /, **values: object) -> str:
        return self._fill(catalogue(self.language).gettext(source), values)

    def many(self, one: str, more: str, count: int, /, **values: object) -> str:
        """The singular or plural of a message, by the language's own rule; ``{count}`` is filled in."""
        return self._fill(catalogue(self.language).ngettext(one, more, count), {"count": count, **values})

    def _fill(self, text: str, values: dict[str, object]) -> str:
        if not values:
            return text
        return text.format(**{name: self.show(value) for name, value in values.items()})

    def show(self, value: object) -> str:
        """A value as people read it in this language."""
        if isinstance(value, Money):
            return show_money(value, self.language)
        if isinstance(value, date):
            return show_date(value, self.language)
        return str(value)

    @staticmethod
    def card(number: str) -> str:
        """A card number in groups of three."""
        return show_card(number)


def mark(source: str) -> str:
    """Marks a text for the catalogues where it is named before anyone says it."""
    return source
