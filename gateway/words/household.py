"""``COUVERTURE`` and ``SOLDE`` by SMS: how the phone's households stand, in the menu's words."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gateway.kernel.clock import day_in
from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.membership.households import Household, Standing, standing
from gateway.network.organisations import Tree
from gateway.sms.words import Asked, Reply, Word
from gateway.store.unit import Unit
from gateway.words import names, texts
from gateway.words.whose import only_a_card, own, split_card, without_fillers

MOST_IN_ONE = 2  # households in one answer


def cover_word() -> Word:
    """The word that asks for the state of cover: until when, or what to pay to be covered."""
    return _about(names.COVER, texts.cover)


def balance_word() -> Word:
    """The word that asks for money: what is left to pay, what is next, what is paid in advance."""
    return _about(names.BALANCE, texts.balance)


def _about(called: names.Names, write: Callable[[Say, Sequence[Standing], bool], str]) -> Word:
    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply | None:
        return _answer(unit, asked, write) if asked.households else None

    return Word(names.every(called), handle, lambda written: only_a_card(without_fillers(plain(written))))


def _answer(unit: Unit, asked: Asked, write: Callable[[Say, Sequence[Standing], bool], str]) -> Reply:
    say = Say(asked.language)
    _, card = split_card(without_fillers(plain(asked.written)))
    one = own(unit.connection, asked.households, card)
    if card is not None and one is None:
        return Reply(texts.not_this_phones(say))
    if one is None and len(asked.households) > MOST_IN_ONE:
        return Reply(texts.several_cards(say, len(asked.households)))
    shown = (one,) if one is not None else asked.households
    unlocked = [each for each in shown if not each.pin]
    if not unlocked:
        return Reply(texts.locked(say), one)
    return Reply(write(say, [_standing(unit, each) for each in unlocked], len(unlocked) < len(shown)), one)


def _standing(unit: Unit, household: Household) -> Standing:
    return standing(unit.connection, household, day_in(household.time_zone, unit.now))
