"""``AIDE`` by SMS, and what is no word: the words that this phone can use, in one part."""

from __future__ import annotations

from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.network.organisations import Tree
from gateway.network.staff import roles_of
from gateway.sms import answers
from gateway.sms.words import Asked, Reply, Word
from gateway.store.unit import Unit
from gateway.words import names, texts


def help_word() -> Word:
    """The word that asks for the words."""

    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply:
        return Reply(_words(unit, asked))

    return Word(names.every(names.HELP), handle, lambda written: not plain(written))


def help_text(unit: Unit, asked: Asked) -> str:
    """The answer to what is no word, or no word for this phone."""
    if asked.households or _is_agent(unit, asked):
        return _words(unit, asked)
    return answers.unknown_phone(Say(asked.language))


def _words(unit: Unit, asked: Asked) -> str:
    return texts.words(Say(asked.language), member=bool(asked.households), agent=_is_agent(unit, asked))


def _is_agent(unit: Unit, asked: Asked) -> bool:
    return any(one.role == "agent" for one in roles_of(unit.connection, asked.sender))
