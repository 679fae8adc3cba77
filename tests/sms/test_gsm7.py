"""Promise 8, its alphabet: what every letter becomes, and what a text costs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sms.gsm7 import BASIC, EXTENSION, fold, parts, septets

ALPHABET = set(BASIC + EXTENSION)


def test_the_alphabet_is_the_standards_own() -> None:
    assert len(BASIC) == len(set(BASIC)) == 127  # 128 codes, one of which is the escape
    assert len(EXTENSION) == len(set(EXTENSION)) == 10
    assert not set(BASIC) & set(EXTENSION)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("é è à ù ò ì ä ö ü É Ç Ñ ß æ Æ ø å £ ¥ § ¿ ¡", "é è à ù ò ì ä ö ü É Ç Ñ ß æ Æ ø å £ ¥ § ¿ ¡"),
        ("reçu, ça", "recu, ca"),
        ("ê ë î ï ô û ÿ â Ê À È Ù Ô", "e e i i o u y a E A E U O"),
        ("cœur, ŒUVRE", "coeur, OEUVRE"),
        ("«oui» “si” l’eau ‘a’", '"oui" "si" l\'eau \'a\''),
        ("12\u202f500\u00a0F", "12 500 F"),
        ("un — deux – trois…", "un - deux - trois..."),
        ("merci 👍🏾 !", "merci  !"),
        ("e\u0301 c\u0327", "é c"),
        ("€ [a] {b} ^ ~ | \\", "€ [a] {b} ^ ~ | \\"),
        ("`code`\tN°", "'code' No"),
        ("Ɖɔsu ɖokpo", "Dosu dokpo"),
        ("Ɛ̀ɣe, ŋutɔ, ɓaŋ, ƴi, ʋu", "Ege, nguto, bang, yi, vu"),
        ("٣ ५ １２", "3 5 12"),
        ("½", "1/2"),
        ("\x1b\x00\u200b\ufeff", ""),
        ("", ""),
    ],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "cost", "count"),
    [
        ("", 0, 1),
        ("a" * 160, 160, 1),
        ("a" * 161, 161, 2),
        ("a" * 306, 306, 2),
        ("a" * 307, 307, 3),
        ("€" * 80, 160, 1),
        ("€" * 81, 162, 2),
        ("€" * 152, 304, 2),  # 76 in each part: the 153rd septet can't hold half a pair
        ("€" * 153, 306, 3),
        ("a" * 152 + "€" + "a" * 151, 305, 2),  # the pair moves on whole, and the second part is full with it
        ("a" * 152 + "€" + "a" * 152, 306, 3),
        ("é\n{", 4, 1),
    ],
)
def test_sizes(text: str, cost: int, count: int) -> None:
    assert (septets(text), parts(text)) == (cost, count)


def test_a_text_that_is_not_folded_has_no_size() -> None:
    with pytest.raises(ValueError, match="alphabet"):
        septets("reçu")


@given(st.text())
def test_a_folded_text_is_in_the_alphabet_and_stays_as_it_is(text: str) -> None:
    folded = fold(text)
    assert set(folded) <= ALPHABET
    assert fold(folded) == folded


@given(st.text(alphabet=sorted(ALPHABET)))
def test_the_alphabet_itself_is_left_alone(text: str) -> None:
    assert fold(text) == text


@given(st.lists(st.tuples(st.sampled_from("aé€[\n0"), st.integers(0, 120)), max_size=12))
def test_parts_agrees_with_cutting_the_septets_themselves(runs: list[tuple[str, int]]) -> None:
    text = "".join(letter * count for letter, count in runs)
    stream = "".join("\x1b" + letter if letter in EXTENSION else letter for letter in text)
    cut: list[str] = []
    while len(stream) > (153 if cut else 160):
        size = 152 if stream[152] == "\x1b" else 153
        cut.append(stream[:size])
        stream = stream[size:]
    assert parts(text) == len(cut) + 1
