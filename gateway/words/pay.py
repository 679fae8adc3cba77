"""``PAYER <amount> [<card>]`` by SMS: the phone's wallet is asked at once, within the menu's limits; or how to pay."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.kernel.money import BadAmount, Money, read_amount
from gateway.kernel.numbers import in_our_digits
from gateway.locale import Say
from gateway.membership.households import Household, by_card, standing
from gateway.network.organisations import Tree
from gateway.services import Services
from gateway.sms.words import Asked, Reply, Word
from gateway.store.unit import Unit
from gateway.ussd.effects.doing import Doing
from gateway.ussd.effects.paying import AskForPayment, LookUp
from gateway.ussd.screen import Again
from gateway.ussd.screens.find import not_found
from gateway.ussd.screens.pay import amount_from, asked_text, is_a_number, least_payment
from gateway.words import names, texts
from gateway.words.whose import FILLERS, own

# An amount, and a card behind it, alone or in groups; what people write around the two doesn't count.
_AROUND = rf"(?:(?:{'|'.join(sorted(FILLERS))})\b\W*)*"
_WISH = re.compile(rf"{_AROUND}(.*?\d.*?)(?:\s+{_AROUND}(\d{{9}}|\d{{3}}[ .-]\d{{3}}[ .-]\d{{3}}))?", re.IGNORECASE)
_LONGEST = 100  # longer than any amount with a card
_FRANCS = re.compile(r"\s*(?:(?:francs?|frs?|f) (?:cfa|bu|congolais|guin[eé]ens?)|francs?|frs?)$", re.IGNORECASE)


def pay_word(services: Services) -> Word:
    """The word that asks for a PIN prompt on the phone that wrote."""

    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply | None:
        return _pay(services, unit, tree, asked)

    return Word(names.every(names.PAY), handle, lambda written: _read(written) is not None)


@dataclass(frozen=True)
class _Wish:
    """An amount as it was written, and the card where one is named behind it."""

    amount: str
    card: str | None


def _read(written: str) -> _Wish | None:
    """What is written behind the word; None where that is no amount: a longer number is a card's or an operator's."""
    text = in_our_digits(unicodedata.normalize("NFKC", written)).strip(" .,:;!?\n\t\r")
    found = _WISH.fullmatch(" ".join(text.split())) if len(text) <= _LONGEST else None
    if found is None:
        return None
    amount, card = found.groups()
    if card is not None:
        with suppress(BadCard):  # else it is looked for as it was written, and not found
            card = read_card(card)
    amount = _FRANCS.sub("", amount)
    if is_a_number(amount):
        return None
    try:
        read_amount(amount, "USD")
    except BadAmount as bad:
        if bad.args[0] in ("empty", "not-a-number") and not _with_currency(amount):
            return None
    return _Wish(amount, card)


def _with_currency(amount: str) -> bool:
    """Is it figures with the name of a currency behind them, which may be the household's?"""
    return re.fullmatch(r"[\d .,'’]+ ?[A-Za-z]{3}", amount) is not None


def _pay(services: Services, unit: Unit, tree: Tree, asked: Asked) -> Reply | None:
    say, wish = Say(asked.language), _read(asked.written)
    if wish is None or (wish.card is None and not asked.households):
        return Reply(texts.how_to_pay(say)) if asked.households or wish is not None else None
    # No menu is open over which a prompt couldn't come.
    doing = Doing(replace(services, push_delay=timedelta()), unit, asked.key, asked.sender, asked.language, asked.home)
    family = own(unit.connection, asked.households, wish.card)
    if family is None and wish.card is None:
        return Reply(texts.which_card_to_pay(say))
    if family is None:
        found = LookUp(wish.card or "").do(doing)
        if len(found.households) > 1:
            return Reply(texts.which_card_to_pay(say))
        family = by_card(unit.connection, tree, found.households[0].card) if found.households else None
        if family is None:
            return Reply(texts.plainly(not_found(found).said(say)))
    elif family.pin:
        return Reply(texts.locked(say), family)
    stands = standing(unit.connection, family, day_in(family.time_zone, unit.now))
    amount = amount_from(wish.amount, least_payment(stands))
    if isinstance(amount, Again):
        return Reply(texts.plainly(amount.because.said(say)))
    return Reply(_ask(doing, tree, say, family, amount), family)


def _ask(doing: Doing, tree: Tree, say: Say, family: Household, amount: Money) -> str:
    books = tree.books_of(family.section_id)
    route = doing.services.route(doing.caller, books.country)
    if route is None or route.way == "reference" or route.down or route.provider is None:
        code = tree[family.section_id].merchant_code
        if route is None or code is None:
            return texts.to_treasurer(say, amount, family.card)
        return texts.by_code(say, amount, route.operator, code, family.card)
    asked = AskForPayment(family.card, amount, doing.caller, route.provider, route.environment).do(doing)
    if asked.answer == "asked":
        return texts.prompt_comes(say, amount, family.card)
    return texts.plainly(asked_text(say, asked))
