"""What the gateway says: every text of the code is in French, whole, and in letters that every phone shows."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po

import gateway.locale
from gateway.kernel.money import EXPONENT, Money
from gateway.locale import DRAFTS, NAMES, SOURCE, Say, catalogue, show_date, show_money
from gateway.settings import LANGUAGES
from gateway.sms.gsm7 import fold, septets

PACKAGE = Path(gateway.__file__).parent
KEYWORDS = {"say": None, "word": None, "mark": None, "many": (1, 2)}
Message = str | tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """A message in the code."""

    message: Message
    where: str


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def said() -> list[Said]:
    """Every message that the code and the pages' templates say."""
    found = []
    for method, paths in (("python", sources()), ("jinja2.ext:babel_extract", sorted(PACKAGE.rglob("*.html")))):
        for path in paths:
            for line, messages, _, _ in extract(method, BytesIO(path.read_bytes()), keywords=KEYWORDS):
                found.append(Said(messages, f"{path.relative_to(PACKAGE)}:{line}"))
    return found


SAID = said()
MESSAGES = list(dict.fromkeys(one.message for one in SAID))
# What a phone is told too, and not only a page of the office, must be in the letters of every phone.
ON_PHONES = {
    one.message if isinstance(one.message, str) else one.message[0]
    for one in SAID
    if not one.where.startswith("console/")
}


def po(language: str) -> Catalog:
    with (Path(gateway.locale.__file__).parent / f"{language}.po").open("rb") as source:
        return read_po(source, locale=language, abort_invalid=True)


CATALOGUES = {language: po(language) for language in ("fr", *DRAFTS)}


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def pairs(language: str, on_phones: bool = False) -> Iterator[tuple[str, str]]:
    """Each source text with what it is in a language; plurals count as two."""
    for message in CATALOGUES[language]:
        source = message.id if isinstance(message.id, str) else message.id[0]
        if not source or (on_phones and source not in ON_PHONES):
            continue
        if isinstance(message.id, tuple | list):
            assert isinstance(message.string, tuple | list)
            assert len(message.string) == CATALOGUES[language].num_plurals, message.id
            yield message.id[0], message.string[0]
            yield from ((message.id[1], each) for each in message.string[1:])
        else:
            assert isinstance(message.string, str)
            yield message.id, message.string


def test_messages_are_found_at_all() -> None:
    assert len(MESSAGES) > 80
    assert "Yes" in MESSAGES
    assert ("{count} person so far. Add:", "{count} people so far. Add:") in MESSAGES


def test_every_message_is_in_french() -> None:
    lacking = []
    for message in MESSAGES:
        source = message if isinstance(message, str) else message[0]
        found = CATALOGUES["fr"].get(source)
        said = [found.string] if found and isinstance(found.string, str) else list((found and found.string) or [])
        same = found and (found.id if isinstance(found.id, str) else tuple(found.id)) == message
        if not found or found.fuzzy or not same or not said or not all(said):
            lacking.append((source, [one.where for one in SAID if one.message == message]))
    assert not lacking, f"fr.po lacks {lacking}"


@pytest.mark.parametrize("language", CATALOGUES)
def test_a_catalogue_holds_nothing_that_nobody_says(language: str) -> None:
    known = {message if isinstance(message, str) else message[0] for message in MESSAGES}
    held = {one.id if isinstance(one.id, str) else one.id[0] for one in CATALOGUES[language] if one.id}
    assert held - known == set()


@pytest.mark.parametrize("language", CATALOGUES)
def test_translations_fill_in_the_same_values_and_none_is_empty_or_fuzzy(language: str) -> None:
    assert not [one.id for one in CATALOGUES[language] if one.id and one.fuzzy]
    assert not list(CATALOGUES[language].obsolete)
    for source, translated in pairs(language):
        assert translated.strip(), source
        assert placeholders(translated) == placeholders(source), source
        assert translated == translated.strip(), source


@pytest.mark.parametrize("language", [*CATALOGUES, SOURCE])
def test_texts_fold_without_losing_a_letter(language: str) -> None:
    side = 0 if language == SOURCE else 1
    texts = [pair[side] for pair in pairs("fr" if language == SOURCE else language, on_phones=True)]
    for text in texts:
        # A placeholder costs escapes in the source, and never reaches a phone.
        plain = re.sub(r"\{\w+\}", "X", text)
        folded = fold(plain)
        assert septets(folded) == len(folded), text  # nothing that costs an escape
        assert len(folded) == len(plain.replace("œ", "oe").replace("Œ", "OE").replace("…", "...")), (text, folded)


def test_what_french_loses_is_known() -> None:
    lost = {letter for _, text in pairs("fr", on_phones=True) for letter in text if fold(letter) != letter}
    # Circumflex, cedilla and capital grave have no place in the alphabet; anything else here is a typing slip.
    assert lost <= set("âêîôûçÀÊŒœ"), lost


def test_nothing_is_said_where_the_extraction_does_not_look() -> None:
    """Neither inside an f-string, which the extraction can't see on Python 3.11, nor as an f-string or a sum."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                hidden = [ast.unparse(one) for one in ast.walk(node) if _says(one)]
                assert not hidden, f"{path}:{node.lineno}: {hidden} inside an f-string"
            if _says(node) and isinstance(node, ast.Call) and node.args:
                assert not isinstance(node.args[0], ast.JoinedStr | ast.BinOp), f"{path}:{node.lineno}"


def _says(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return name in KEYWORDS


# --- saying -----------------------------------------------------------------------------------------------------------


def test_the_catalogues_are_those_of_the_languages_on_offer() -> None:
    assert set(NAMES) == set(LANGUAGES) == {SOURCE, "fr", *DRAFTS}


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("fr", 0, "0 personne. Ajouter :"),
        ("fr", 1, "1 personne. Ajouter :"),
        ("fr", 2, "2 personnes. Ajouter :"),
        ("en", 0, "0 people so far. Add:"),
        ("en", 1, "1 person so far. Add:"),
        ("en", 2, "2 people so far. Add:"),
        # What a draft lacks is said in French, by the French rule.
        ("rn", 0, "0 personne. Ajouter :"),
        ("sw", 2, "2 personnes. Ajouter :"),
    ],
)
def test_plurals(language: str, count: int, said: str) -> None:
    one, more = "{count} person so far. Add:", "{count} people so far. Add:"
    assert Say(language).many(one, more, count) == said


def test_a_draft_says_what_it_has_and_the_rest_in_french() -> None:
    assert Say("sw")("Pay") == "Lipa"
    assert Say("sw")("Pay all: {amount}", amount=Money(500, "XOF")) == "Tout payer : 500 F"
    assert Say("rn")("Yes") == "Ego"
    assert Say("rn")("Later") == "Plus tard"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_can_be_said_in_every_language(language: str) -> None:
    say = Say(language)
    for message in MESSAGES:
        sources = [message] if isinstance(message, str) else list(message)
        values = {name: "x" for source in sources for name in placeholders(source)}
        values.pop("count", None)
        for count in (0, 1, 2):
            text = (
                say(message, **values, count=count)
                if isinstance(message, str)
                else say.many(message[0], message[1], count, **values)
            )
            assert text, message
            assert "{" not in text


@pytest.mark.parametrize(
    ("minor", "currency", "language", "shown"),
    [
        (0, "XOF", "fr", "0 F"), (500, "XOF", "fr", "500 F"), (12_500, "XOF", "fr", "12 500 F"),
        (1_000_000, "BIF", "fr", "1 000 000 FBu"), (12_500, "GNF", "fr", "12 500 FG"), (-500, "XOF", "fr", "-500 F"),
        (150_000, "CDF", "fr", "1 500 FC"), (150_050, "CDF", "fr", "1 500,50 FC"),
        (150_050, "CDF", "en", "1,500.50 FC"),
        (12_500, "XOF", "en", "12,500 F"), (12_500, "KES", "sw", "125 KES"), (5, "USD", "fr", "0,05 USD"),
        (10**12, "XOF", "fr", "1 000 000 000 000 F"),
    ],
)  # fmt: skip
def test_money_as_people_write_it(minor: int, currency: str, language: str, shown: str) -> None:
    assert fold(show_money(Money(minor, currency), language)) == shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("currency", EXPONENT)
def test_every_currency_is_shown_in_letters_of_the_alphabet(language: str, currency: str) -> None:
    shown = fold(show_money(Money(123_456_789, currency), language))
    assert septets(shown) == len(shown)
    assert re.fullmatch(r"[\d ,.]+ [A-Za-z]+", shown), shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_date_has_its_day_first_and_its_year_in_full(language: str) -> None:
    assert show_date(date(2026, 12, 31), language) == "31/12/2026"
    assert show_date(date(2027, 1, 2), language) == "02/01/2027"


def test_values_are_filled_in_and_never_read_as_formats() -> None:
    assert Say("fr")("Welcome, {name}.", name="{mutuelle}") == "Bonjour {mutuelle}."
    assert Say("fr")("Welcome, {name}.", name="{0.__class__}") == "Bonjour {0.__class__}."


def test_a_card_is_read_in_threes() -> None:
    assert Say.card("208715669") == "208 715 669"


def test_catalogues_are_compiled_once() -> None:
    assert catalogue("fr") is catalogue("fr")
