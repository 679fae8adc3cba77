"""The texts: what they say, and that each is one part in every language with the longest data there can be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from gateway.kernel.money import MAX_MINOR, Money
from gateway.locale import HERE, Say
from gateway.membership.rules import Cover, State
from gateway.sms import texts
from gateway.sms.gsm7 import fold, parts

CARD = "123456782"
REASONS = ("insufficient", "rejected", "limit", "no_wallet", "expired", "unavailable", "other", "never heard of")
LANGUAGES = ["en", *sorted(file.stem for file in HERE.glob("*.po"))]

# The longest that there may be: 60 characters of name (each costing two septets in the worst of them), the
# greatest amounts, a receipt number of 14 digits with its code.
NUMBER = "9" * 14 + "-" + "9" * 5
AMOUNTS = [Money(MAX_MINOR, "BIF"), Money(MAX_MINOR - 1, "CDF"), Money(MAX_MINOR - 1, "KES")]
NAMES = [
    "Ndayizeye-Nshimirimana Bukuru Marie Goretti Alphonsine Aline",
    "Œ" * 60,
    "€" * 60,
    "de " * 19 + "la",
    "Union des mutuelles de santé communautaires de la Donga Nord",
]
DAY = date(2026, 12, 31)


def every_text(say: Say, amount: Money, name: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every text with these data, and what must stand in it whole."""
    nothing = Money(0, amount.currency)
    less, abroad = amount - Money(1, amount.currency), Money(MAX_MINOR - 1, "EUR")
    shown = fold(say.show(amount))
    yield texts.registered(say, name, CARD, amount, amount), (shown,)
    yield texts.registered(say, name, CARD, amount, nothing), (shown,)
    for state in State:
        for left in (amount, nothing):
            cover = Cover(state, DAY, DAY, left.minor, amount.minor, DAY, amount.minor)
            yield texts.receipt(say, NUMBER, amount, CARD, cover, left), (NUMBER, shown)
            both = (NUMBER, shown, fold(say.show(less)))
            yield texts.receipt(say, NUMBER, amount, CARD, cover, left, less, amount), both
            yield texts.receipt(say, NUMBER, amount, CARD, cover, left, less, nothing), both
            yield texts.receipt(say, NUMBER, less, CARD, cover, left, amount, nothing), both
    for way in ("push", "reference", "cash", "a way that nobody has told us of"):
        yield texts.treasurer(say, NUMBER, amount, way, name, CARD, amount), (NUMBER, shown)
        yield texts.treasurer(say, NUMBER, amount, way, name, CARD, amount, less), (NUMBER, shown)
        yield texts.treasurer(say, NUMBER, amount, way, name, CARD, amount, abroad), (NUMBER, shown)
    yield texts.other_currency(say, NUMBER, amount, abroad, CARD), (NUMBER, shown, fold(say.show(abroad)))
    for reason in REASONS:
        yield texts.not_paid(say, amount, CARD, reason), (shown,)
    yield texts.not_paid_elsewhere(say, amount, CARD), (shown,)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda amount: amount.currency)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:9])
def test_every_text_is_one_folded_part_and_shortens_no_number(language: str, amount: Money, name: str) -> None:
    for text, whole in every_text(Say(language), amount, name):
        assert fold(text) == text
        assert parts(text) == 1, text
        for one in ("123 456 782", *whole):
            assert one in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda amount: amount.currency)
@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:9])
def test_every_text_to_a_group_is_one_part_too(language: str, amount: Money, name: str) -> None:
    say, other = Say(language), amount - Money(1, amount.currency)
    for text in (
        texts.group_receipt(say, NUMBER, amount, 1_000, name),
        texts.group_receipt(say, NUMBER, amount, 1, name, other),
        texts.group_treasurer(say, NUMBER, amount, "a way that nobody has told us of", 1_000, name, other),
        texts.group_treasurer(say, NUMBER, amount, "push", 1, name),
        *(texts.group_not_paid(say, amount, name, reason) for reason in REASONS),
        texts.group_link(say, amount, name, "https://pay.invalid/" + "9" * 30),
        texts.group_cash(say, NUMBER, amount, name),
    ):
        assert fold(text) == text
        assert parts(text) == 1, text
        assert fold(say.show(amount)) in text


F = Money(12500, "XOF")
LEFT = Money(7500, "XOF")
NOTHING = Money(0, "XOF")


@pytest.mark.parametrize(
    ("cover", "left", "text"),
    [
        (Cover(State.UNPAID, None, None, 7500, 2500), LEFT, "To be covered: 2,500 F. Left to pay: 7,500 F."),
        (Cover(State.WAITING, DAY, DAY, 7500), LEFT, "Cover starts on 31/12/2026. Left to pay: 7,500 F."),
        (Cover(State.ACTIVE, DAY, DAY, 0), NOTHING, "Covered until 31/12/2026. All is paid."),
        (Cover(State.GRACE, DAY, DAY, 7500), LEFT, "Covered only until 31/12/2026. Left to pay: 7,500 F."),
        (
            Cover(State.SUSPENDED, DAY, DAY, 7500, 2900),
            LEFT,
            "Suspended: pay 2,900 F. Left to pay: 7,500 F.",
        ),
        (
            Cover(State.LAPSED, None, None, 7500),
            LEFT,
            "The year is over: renew by phone. Left to pay: 7,500 F.",
        ),
        (Cover(State.NONE, None, None, 0), NOTHING, "All is paid."),
    ],
)
def test_a_receipt_says_where_the_household_stands(cover: Cover, left: Money, text: str) -> None:
    said = texts.receipt(Say("en"), "000123-48213", F, CARD, cover, left)
    assert said == f"Receipt 000123-48213: 12,500 F paid, card 123 456 782. {text}"


def test_a_welcome_says_the_card_and_what_to_pay() -> None:
    assert texts.registered(Say("en"), "Mutuelle Alafia", CARD, F, LEFT) == (
        "Card 123 456 782, Mutuelle Alafia. For the year: 12,500 F. To pay now: 7,500 F. To pay, dial the same code."
    )


def test_a_treasurer_is_told_who_paid_how_much_and_how() -> None:
    assert texts.treasurer(Say("en"), "000123-48213", F, "cash", "Aïcha Bio", CARD, LEFT) == (
        "Receipt 000123-48213: 12,500 F, cash. Aicha Bio, card 123 456 782. Left to pay: 7,500 F."
    )


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        ("insufficient", "Not enough money on the account. Nothing was received. Top up, then try again."),
        ("rejected", "It was refused on the phone. Nothing was received. To try again, dial the same code."),
        ("limit", "The account's limit is reached. Nothing was received. Pay less, or try tomorrow."),
        ("no_wallet", "This number has no mobile money account. Nothing was received. Pay from another number."),
        ("expired", "The PIN was not typed in time. Nothing was received. To try again, dial the same code."),
        ("unavailable", "The operator does not answer. Nothing was received. Try again later."),
        ("other", "The operator refused it. Nothing was received. Try again, or see your treasurer."),
        ("NEW_CODE", "The operator refused it. Nothing was received. Try again, or see your treasurer."),
    ],
)
def test_why_no_money_came(reason: str, text: str) -> None:
    assert texts.not_paid(Say("en"), F, CARD, reason) == f"Not paid: 12,500 F, card 123 456 782. {text}"


@pytest.mark.parametrize(
    ("amount", "shortened"),
    [
        (Money(12500, "XOF"), "Union des mutuelles de santé communautaires de la Donga Nord"),
        (Money(10**9, "USD"), "Union des mutuelles de santé communautaires de la Donga"),
        (Money(MAX_MINOR, "USD"), "Union des mutuelles de santé communautaires"),  # not "… communautaires de"
        (Money(MAX_MINOR, "BIF"), "Union des mutuelles de santé"),
    ],
)
def test_a_name_gives_way_at_a_word(amount: Money, shortened: str) -> None:
    assert f"782, {shortened}. For" in texts.registered(Say("en"), NAMES[-1], CARD, amount, amount)


def test_in_french() -> None:
    say = Say("fr")
    active = Cover(State.ACTIVE, DAY, DAY, 7500)
    assert [
        texts.receipt(say, "000123-48213", F, CARD, active, LEFT),
        texts.registered(say, "Mutuelle Alafia", CARD, F, LEFT),
        texts.treasurer(say, "000123-48213", F, "cash", "Aïcha Bio", CARD, LEFT),
        texts.not_paid(say, F, CARD, "expired"),
    ] == [
        "Recu 000123-48213 : 12 500 F payés, carte 123 456 782. Couvert jusqu'au 31/12/2026. Reste à payer : 7 500 F.",
        "Carte 123 456 782, Mutuelle Alafia. Pour l'année : 12 500 F. A payer maintenant : 7 500 F. "
        "Pour payer, composez le meme code.",
        "Recu 000123-48213 : 12 500 F, en espèces. Aicha Bio, carte 123 456 782. Reste à payer : 7 500 F.",
        "Non payé : 12 500 F, carte 123 456 782. Code PIN non tapé à temps. Nous n'avons rien recu. "
        "Pour réessayer, composez le meme code.",
    ]
