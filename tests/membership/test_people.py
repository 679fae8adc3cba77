"""Names and years of birth as people type them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.membership.people import NAME_CHARACTERS, BadName, BadYear, read_birth_year, read_name


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Adjara Tchédré", "Adjara Tchédré"),
        ("  Adjara \t Tchédré ", "Adjara Tchédré"),
        ("adjara tchédré", "Adjara Tchédré"),
        ("ADJARA TCHÉDRÉ", "Adjara Tchédré"),
        ("Adjara", "Adjara"),
        ("Bio-Sarre", "Bio-Sarre"),
        ("N'Dah", "N'Dah"),
        ("N’Dah", "N'Dah"),
        ("McDonald de Souza", "McDonald de Souza"),
        ("St. Martin", "St. Martin"),
        ("Tche\u0301dre\u0301", "Tchédré"),  # letters and accents typed apart
        ("ɖɔ\u0300nu kpɛ", "Ɖɔ\u0300nu Kpɛ"),  # no single letter for Fon's open o with an accent
        ("d'almeida", "D'Almeida"),
        ("weiß", "Weiß"),
        ("İ" * NAME_CHARACTERS, "İ" * NAME_CHARACTERS),  # nothing grows beyond what a card can carry
        ("-.Aline.-", "Aline"),
        ("x" * NAME_CHARACTERS, "X" + "x" * (NAME_CHARACTERS - 1)),
    ],
)
def test_names_that_a_card_can_carry(typed: str, name: str) -> None:
    assert read_name(typed) == name


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "empty"), ("   ", "empty"), ("-", "empty"), ("...", "empty"),
        ("A", "short"), ("A.", "short"),
        ("x" * (NAME_CHARACTERS + 1), "long"),
        ("Adjara2", "letters"), ("12345", "letters"), ("Adjara*Bio", "letters"), ("Адама", "letters"),
        ("آدم", "letters"), ("阿达马", "letters"), ("Adjara 🙂", "letters"), ("A<b>", "letters"), ("=cmd()", "letters"),
        ("A\u202eB", "letters"), ("A\u200bB", "letters"), ("A\x00B", "letters"),
    ],
)  # fmt: skip
def test_what_is_no_name(typed: str, reason: str) -> None:
    with pytest.raises(BadName) as told:
        read_name(typed)
    assert told.value.args[0] == reason


@given(st.text(max_size=80))
def test_a_name_once_read_is_read_the_same_again(typed: str) -> None:
    try:
        name = read_name(typed)
    except BadName:
        return
    assert read_name(name) == name
    assert 0 < len(name) <= NAME_CHARACTERS
    assert name.isprintable()


@pytest.mark.parametrize(
    ("typed", "year"),
    [
        ("1991", 1991), (" 1991 ", 1991), ("2026", 2026), ("1906", 1906), ("35", 1991), ("0", 2026), ("120", 1906),
        ("٣٥", 1991), ("００35", 1991),
    ],
)  # fmt: skip
def test_years_and_ages(typed: str, year: int) -> None:
    assert read_birth_year(typed, 2026) == year


@pytest.mark.parametrize(
    "typed", ["", "x", "1905", "2027", "121", "19 91", "-5", "1e3", "91.5", "19911", "²", "½", "⑨"]
)
def test_what_is_no_year_of_birth(typed: str) -> None:
    with pytest.raises(BadYear):
        read_birth_year(typed, 2026)
