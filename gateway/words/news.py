"""``NOUVELLES`` by SMS: news of one's mutuelles, or for who is in none of the network; ``NOUVELLES STOP`` ends them."""

from __future__ import annotations

from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.membership.households import sms_stopped
from gateway.network.organisations import Tree
from gateway.sms.news import subscribe, unsubscribe
from gateway.sms.words import Asked, Reply, Word, slipped
from gateway.store.unit import Unit
from gateway.words import names, texts


def news_word() -> Word:
    """The word that asks for news, and with a word of stopping behind it ends them."""
    return Word(names.every(names.NEWS), _news, lambda written: not plain(written) or _ends(written))


def _ends(written: str) -> bool:
    """Is what stands behind the word a word of stopping, and nothing else?"""
    said = plain(written)
    return any(said == name or slipped(said, name) for name in names.every(names.STOP))


def _news(unit: Unit, tree: Tree, asked: Asked) -> Reply:
    say = Say(asked.language)
    if _ends(asked.written):
        unsubscribe(unit, asked.sender)
        return Reply(texts.no_more_news(say))
    if sms_stopped(unit.connection, asked.sender):
        return Reply(texts.news_after_start(say))  # asking for news doesn't let reminders come again unsaid
    own = {tree.books_of(one.section_id).id: tree.books_of(one.section_id) for one in asked.households}
    places = list(own.values()) or [asked.home]
    for place in places:
        subscribe(unit, asked.sender, place.id)
    return Reply(texts.news_come(say, ", ".join(place.name for place in places)))
