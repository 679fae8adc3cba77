"""The texts that answer words: one part each, in every language, with the longest data there can be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from gateway.kernel.money import MAX_MINOR, Money
from gateway.locale import HERE, NAMES, Say
from gateway.membership.households import Household, Standing
from gateway.membership.rules import Cover, State
from gateway.membership.visits import Covered, OnCard
from gateway.payments.push.limits import largest_payment, most_for_household
from gateway.sms.gsm7 import fold, parts
from gateway.ussd.effects.paying import Found, PaymentAnswer, ReceiptAnswer
from gateway.ussd.screens.find import not_found
from gateway.ussd.screens.pay import amount_from, asked_text
from gateway.words import texts

LANGUAGES = ["en", *sorted(file.stem for file in HERE.glob("*.po"))]
CARD, SHOWN = "123456782", "123 456 782"
RECEIPT = "9" * 14 + "-99999"
DAY = date(2026, 12, 31)
LONG = "Ndayizeye-Nshimirimana Bukuru Marie Goretti Alphonsine Aline"
MANY = 20  # households on one phone


def stands(state: State, amount: Money, left: Money) -> Standing:
    """A household in a state, with the longest figures."""
    one = Household(1, CARD, 1, LONG, "fr", amount.currency, "Africa/Porto-Novo")
    found = Cover(state, DAY, DAY, left.minor, amount.minor, DAY, amount.minor)
    return Standing(one, found, left, amount, amount, amount, 60, amount, True, amount)


def of_households(say: Say, amount: Money) -> Iterator[tuple[str, tuple[str, ...]]]:
    for state in State:
        for left in (amount, Money(0, amount.currency)):
            one = stands(state, amount, left)
            for shown in ([one], [one, one]):
                for locked in (False, True):
                    yield texts.cover(say, shown, locked), (SHOWN,)
                    yield texts.balance(say, shown, locked), (SHOWN, fold(say.show(left)) if left else "")
    yield texts.several_cards(say, MANY), (str(MANY),)
    yield texts.not_this_phones(say), ()
    yield texts.locked(say), ()


def of_paying(say: Say, amount: Money) -> Iterator[tuple[str, tuple[str, ...]]]:
    shown = fold(say.show(amount))
    yield texts.prompt_comes(say, amount, CARD), (shown, SHOWN)
    yield texts.to_treasurer(say, amount, CARD), (shown, SHOWN)
    for code in ("229384", "9" * 20):
        yield texts.by_code(say, amount, "Vodacom M-Pesa et ses amis", code, CARD), (shown, code, CARD)
    yield texts.how_to_pay(say), ("2000 123456789",)
    yield texts.which_card_to_pay(say), ("2000 123456789",)
    payer = "+2290150000001"
    for limit in ("household", "payer", "least", "most", "prompts"):
        most = most_for_household(amount.currency)
        one = PaymentAnswer("limit", CARD, amount, payer, 0, limit, most)
        yield texts.plainly(asked_text(say, one)), ()
    for answer in ("in-progress", "too-many", "gone"):
        yield texts.plainly(asked_text(say, PaymentAnswer(answer, CARD, amount, payer, 119))), ()  # type: ignore[arg-type]
    for found in (Found(()), Found((), 119), Found((), 24 * 60), Found((), unread=True)):
        yield texts.nobody_checked(say, "9" * 900, not_found(found).said(say)), ()
    for typed in ("1", "99999999", "x"):
        refused = amount_from(typed, amount)
        assert not isinstance(refused, Money)
        yield texts.plainly(refused.because.said(say)), ()


def of_the_rest(say: Say, amount: Money) -> Iterator[tuple[str, tuple[str, ...]]]:
    shown = fold(say.show(amount))
    for taken_back, gone_back in ((False, None), (True, None), (False, amount)):
        one = ReceiptAnswer(True, amount, DAY, CARD, LONG, taken_back, 0, gone_back)
        yield texts.genuine(say, RECEIPT, one), (RECEIPT, shown, "782")
    yield texts.not_genuine(say, RECEIPT), (RECEIPT,)
    yield texts.how_to_check(say), ("000123-48213",)
    yield texts.how_to_complain(say), ()
    yield texts.often_today(say), ()
    yield texts.which_language(say, list(NAMES)), tuple(each.upper() for each in NAMES)
    yield texts.language_chosen(say, "Kiswahili"), ("Kiswahili",)
    for yes in (False, True):
        yield texts.reminders(say, stopped=yes), ()
        for agent in (False, True):
            yield texts.words(say, member=yes, agent=agent), ("STOP",)
    for number in (0, 1, 3, 60):
        people = tuple(OnCard(each, f"{LONG} {each}", "F", 1980, True, None) for each in range(number))
        yield texts.checked(say, CARD, Covered(State.ACTIVE, LONG, LONG, DAY, people)), (SHOWN,)
    waiting = (OnCard(1, LONG, "F", 1980, False, DAY),)
    yield texts.checked(say, CARD, Covered(State.WAITING, LONG, LONG, None, waiting)), (SHOWN, "2026")
    yield texts.checked(say, CARD, Covered(State.SUSPENDED, LONG, LONG, None, waiting, amount)), (SHOWN, shown)
    yield texts.how_to_verify(say), ("123456789",)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("currency", ["BIF", "CDF", "KES"])
def test_every_answer_is_one_folded_part_and_shortens_no_number(language: str, currency: str) -> None:
    say, payment = Say(language), largest_payment(currency)
    for text, whole in [
        *of_households(say, Money(MAX_MINOR - 1, currency)),
        *of_paying(say, payment),
        *of_the_rest(say, Money(MAX_MINOR - 1, currency)),
    ]:
        assert fold(text) == text
        assert parts(text) == 1, text
        for one in whole:
            assert one in text


def test_what_fits_of_two_households_is_told_of_both() -> None:
    say, amount = Say("fr"), Money(12_500, "XOF")
    for state in State:
        one = stands(state, amount, amount)
        assert texts.cover(say, [one, one], locked=False).count(SHOWN) == 2
        assert texts.balance(say, [one, one], locked=False).count(SHOWN) == 2


def test_who_does_not_fit_is_counted() -> None:
    people = tuple(OnCard(each, f"Adjara Tchédré{each}", "F", 1980, each != 1, None) for each in range(12))
    text = texts.checked(Say("en"), CARD, Covered(State.ACTIVE, "Mutuelle Ouaké", "Awanla", DAY, people))
    assert text.startswith(
        f"Card {SHOWN}: COVERED until 31/12/2026. Mutuelle Ouaké. 11 people covered: Adjara T. 1980, "
    )
    assert text.endswith(" 1980, ...")
