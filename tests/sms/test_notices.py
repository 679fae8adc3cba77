"""The notices: what they say, and that none grows past its parts in any language with the longest data there can be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.money import MAX_MINOR, Money
from gateway.locale import HERE, Say
from gateway.membership.requests import TEXT_CHARACTERS
from gateway.sms import notices
from gateway.sms.gsm7 import fold, parts

LANGUAGES = ["en", *sorted(file.stem for file in HERE.glob("*.po"))]
SAY = Say("en")
DAY = date(2026, 12, 31)
F = Money(12_500, "XOF")
NOTHING = Money(0, "XOF")
NUMBER = "9" * 20
OPERATOR_NUMBER = "A9" * 15  # as long as any is shown
CARD = "123456782"
PHONE = "+2290100000101"
AMOUNTS = [Money(MAX_MINOR, "BIF"), Money(MAX_MINOR - 1, "CDF"), Money(MAX_MINOR - 1, "KES")]
NAMES = [
    "Ndayizeye-Nshimirimana Bukuru Marie Goretti Alphonsine Aline",
    "Œ" * 60,
    "€" * 60,
    "de " * 19 + "la",
    "Centre de santé communautaire du quartier Donga Nord",
    "",
]


def every_notice(say: Say, amount: Money, name: str, other: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every notice of one part with these data, and what must stand in it whole."""
    shown, day = fold(say.show(amount)), say.show(DAY)
    nothing = Money(0, amount.currency)
    yield notices.added(say, name, amount, DAY), (shown, day)
    yield notices.added(say, name, amount, None), (shown,)
    yield notices.added(say, name, nothing, DAY), (day,)
    yield notices.left(say, name), ()
    yield notices.renewed(say, DAY, amount, amount), (shown, day)
    yield notices.renewed(say, DAY, amount, nothing), (shown, day)
    yield notices.phone_added(say, PHONE), ("01 00 00 01 01",)
    yield notices.pin_set(say), ()
    yield notices.pin_removed(say), ()
    yield notices.complaint_filed(say, NUMBER), (NUMBER,)
    yield notices.callback_asked(say, NUMBER), (NUMBER,)
    yield notices.visit(say, NUMBER, name, other), (NUMBER,)
    yield notices.cash_confirmed(say, amount, name), (shown,)
    yield notices.cash_disputed(say, amount, name), (shown,)
    card = say.card(CARD)
    yield notices.taken_back(say, NUMBER, amount, CARD), (NUMBER, shown, card)
    yield notices.group_taken_back(say, NUMBER, amount, name), (NUMBER, shown)
    yield notices.group_cash_corrected(say, NUMBER, amount, name), (NUMBER, shown)
    yield notices.group_to_divide(say, amount, OPERATOR_NUMBER, name), (OPERATOR_NUMBER, shown)
    yield notices.group_kept(say, amount, OPERATOR_NUMBER, name), (OPERATOR_NUMBER, shown)
    yield notices.unfound(say, OPERATOR_NUMBER, CARD), (OPERATOR_NUMBER, card)
    yield notices.refunded(say, OPERATOR_NUMBER, amount, CARD), (OPERATOR_NUMBER, shown, card)
    yield notices.refunded(say, OPERATOR_NUMBER, amount, None), (OPERATOR_NUMBER, shown)
    yield notices.refunded_by(say, OPERATOR_NUMBER, amount, CARD, name, name), (OPERATOR_NUMBER, shown, card)
    yield notices.to_identify(say, amount, "M" * 20, OPERATOR_NUMBER), (OPERATOR_NUMBER, shown)
    yield notices.unidentified(say, amount, OPERATOR_NUMBER), (OPERATOR_NUMBER, shown)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda amount: amount.currency)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:9])
def test_every_notice_is_one_folded_part_and_shortens_no_number(language: str, amount: Money, name: str) -> None:
    for other in NAMES:
        for text, whole in every_notice(Say(language), amount, name, other):
            assert fold(text) == text
            assert parts(text) == 1, text
            for one in whole:
                assert one in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "answer", ["x" * TEXT_CHARACTERS, "€ " * 200, "mot " * 100, "", "{number}"], ids=lambda a: a[:9]
)
def test_an_answer_is_two_parts_at_most(language: str, answer: str) -> None:
    text = notices.answered(Say(language), NUMBER, answer)
    assert fold(text) == text
    assert parts(text) <= 2
    assert NUMBER in text


@given(st.text(max_size=TEXT_CHARACTERS))
def test_an_answer_of_any_letters_is_two_parts_at_most(answer: str) -> None:
    text = notices.answered(SAY, NUMBER, answer)
    assert fold(text) == text
    assert parts(text) <= 2


def test_only_the_end_of_an_answer_is_lost() -> None:
    words = [f"word{number}" for number in range(50)]
    text = notices.answered(SAY, "000017", " ".join(words))
    assert text.startswith("Answer to 000017: word0 word1 ")
    kept = text.removeprefix("Answer to 000017: ").split()
    assert kept == words[: len(kept)]
    assert parts(text) == 2
    assert parts(f"{text} {words[len(kept)]}") == 3


def test_of_two_names_the_longer_gives_way() -> None:
    long, short = "Marie " * 10, "Hôpital de zone"
    text = notices.visit(SAY, NUMBER, long, short * 6)
    assert parts(text) == 1
    assert text.startswith(f"Visit {NUMBER}: Marie Marie Marie")
    assert "Hopital de zone" in text
    assert (
        notices.visit(SAY, NUMBER, "Aline Bio", f"{short} {'x' * 200}")
        == f"Visit {NUMBER}: Aline Bio, Hopital de zone."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (notices.added(SAY, "Assana Orou", F, DAY),
         "Assana Orou is on your card now. To pay: 12,500 F. Covered from 31/12/2026."),
        (notices.added(SAY, "Chabi Bio", NOTHING, None),
         "Chabi Bio is on your card now. Nothing to pay now. Covered like your family."),
        (notices.left(SAY, "Moussa Bio"),
         "Moussa Bio is no longer on your card. If this is wrong, tell your mutuelle."),
        (notices.renewed(SAY, DAY, F, Money(3_000, "XOF")),
         "Renewed from 31/12/2026. For the year: 12,500 F. First payment: 3,000 F. To pay, dial the same code."),
        (notices.renewed(SAY, DAY, F, NOTHING), "Renewed from 31/12/2026. For the year: 12,500 F."),
        (notices.phone_added(SAY, PHONE),
         "The phone 01 00 00 01 01 belongs to your card now. If this is wrong, tell your mutuelle."),
        (notices.pin_set(SAY), "Your card has a new PIN. Tell it to nobody: your mutuelle never asks for it."),
        (notices.pin_removed(SAY), "Your card has no PIN any more. If this is wrong, tell your mutuelle."),
        (notices.complaint_filed(SAY, "000017"), "Complaint 000017 is received. The answer comes by SMS."),
        (notices.callback_asked(SAY, "000017"), "Request 000017 is received. Your mutuelle will call you back."),
        (notices.answered(SAY, "000017", "C'est réglé."), "Answer to 000017: C'est réglé."),
        (notices.visit(SAY, "000017", "Aline Bio", "CS Awanla"), "Visit 000017: Aline Bio, CS Awanla."),
        (notices.cash_confirmed(SAY, F, "Bio Sarre"), "Cash handed over: 12,500 F. Bio Sarre has it."),
        (notices.cash_disputed(SAY, F, "Bio Sarre"),
         "Cash NOT received: 12,500 F. Bio Sarre disputes it. Speak with them."),
    ],
)  # fmt: skip
def test_what_they_say(text: str, said: str) -> None:
    assert text == said


def test_in_french() -> None:
    say = Say("fr")
    assert [
        notices.added(say, "Assana Orou", F, DAY),
        notices.renewed(say, DAY, F, Money(3_000, "XOF")),
        notices.phone_added(say, PHONE),
        notices.complaint_filed(say, "000017"),
        notices.cash_disputed(say, F, "Bio Sarre"),
    ] == [
        "Assana Orou est maintenant sur votre carte. A payer : 12 500 F. Couvert(e) à partir du 31/12/2026.",
        "Renouvelé à partir du 31/12/2026. Pour l'année : 12 500 F. Premier versement : 3 000 F. "
        "Pour payer, composez le meme code.",
        "Le téléphone 01 00 00 01 01 est maintenant lié à votre carte. En cas d'erreur, prévenez votre mutuelle.",
        "Plainte 000017 recue. La réponse viendra par SMS.",
        "Espèces NON recues : 12 500 F. Bio Sarre conteste. Parlez-lui.",
    ]
