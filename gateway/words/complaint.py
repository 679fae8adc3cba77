"""``PLAINTE <text>`` by SMS: written into the complaint book as from the menu; the answer is its number."""

from __future__ import annotations

import re

from gateway.kernel.clock import day_in
from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.membership import requests
from gateway.network.organisations import Tree
from gateway.sms import notices
from gateway.sms.words import Asked, Reply, Word
from gateway.store.effects import Outcome, effect_key, once_in
from gateway.store.unit import Unit
from gateway.ussd.effects.requests import MOST_A_DAY
from gateway.words import names, texts
from gateway.words.whose import own

FEWEST_LETTERS = 3
_LONG_NUMBER = re.compile(r"\d{6}")


def complaint_word() -> Word:
    """The word that complains, in the member's own words."""
    return Word(names.every(names.COMPLAINT), _complain, _is_words)


def _is_words(written: str) -> bool:
    """Are these a person's words, and no text of an operator's with a number in it?"""
    return _is_said(written) and _LONG_NUMBER.search(written) is None


def _is_said(written: str) -> bool:
    return sum(letter.isalpha() for letter in written) >= FEWEST_LETTERS


def _complain(unit: Unit, tree: Tree, asked: Asked) -> Reply:
    say = Say(asked.language)
    if not _is_said(asked.written):
        return Reply(texts.how_to_complain(say))
    family = own(unit.connection, asked.households, None)
    if family is not None and family.pin:
        family = None  # in the menu too, a household's name stands under a complaint only behind its PIN

    def file(unit: Unit) -> Outcome:
        if requests.filed_today(unit, asked.sender) >= MOST_A_DAY:
            return {"number": ""}
        books = tree.books_of(family.section_id) if family else asked.home
        its_household = family.id if family else None
        number = requests.file_complaint(
            unit, books.id, its_household, asked.sender, asked.language, "other", asked.written
        )
        return {"number": number}

    # A phone that sends the same words again that day means the same complaint.
    today = day_in(asked.home.time_zone, unit.now).isoformat()
    key = effect_key("sms complaint", asked.sender, plain(asked.written), today)
    number = str(once_in(unit, key, "sms complaint", file)["number"])
    return Reply(notices.complaint_filed(say, number) if number else texts.often_today(say), family)
