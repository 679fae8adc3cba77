"""``LANGUE``, ``STOP`` and ``REPRENDRE`` by SMS: what is a phone's own, as in the menu."""

from __future__ import annotations

from gateway.kernel.spelling import plain
from gateway.locale import NAMES, Say
from gateway.membership.households import choose_language, stop_sms
from gateway.network.organisations import Tree
from gateway.sms.words import Asked, Reply, Word, slipped
from gateway.store.unit import Unit
from gateway.words import names, texts


def language_word() -> Word:
    """The word that chooses a language, one of those that the phone's network offers."""
    return Word(names.every(names.LANGUAGE), _choose, lambda written: _meant(written) is not None)


def _choose(unit: Unit, tree: Tree, asked: Asked) -> Reply:
    offered, meant = asked.home.languages, _meant(asked.written)
    if meant not in offered:
        return Reply(texts.which_language(Say(asked.language), offered))
    choose_language(unit, asked.sender, meant)
    return Reply(texts.language_chosen(Say(meant), NAMES[meant]), language=meant)


def _meant(written: str) -> str | None:
    """The language that is named behind the word, last of all that stands there."""
    words = plain(written).split()
    for language, called in names.LANGUAGES.items():
        if words and any(words[-1] == name or slipped(words[-1], name) for name in called):
            return language
    return None


def stop_word() -> Word:
    """The word that stops reminders to the phone; receipts and answers still come."""
    return _reminders(names.STOP, stopped=True)


def start_word() -> Word:
    """The word that lets reminders come again."""
    return _reminders(names.START, stopped=False)


def _reminders(called: names.Names, *, stopped: bool) -> Word:
    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply:
        stop_sms(unit, asked.sender, stopped)
        return Reply(texts.reminders(Say(asked.language), stopped=stopped))

    return Word(names.every(called), handle, lambda written: not plain(written))
