"""NEWS by SMS: who asks for it gets it, of their own mutuelle or of the network, until they end it or stop all SMS."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.locale import HERE, Say
from gateway.membership.households import by_phone, choose_language, stop_sms
from gateway.sms.campaigns.recipients import numbers_after
from gateway.sms.campaigns.who import Who
from gateway.sms.gsm7 import fold, parts
from gateway.sms.news import news_of
from gateway.store.schema import news_reader
from gateway.words import names, texts
from tests.ussd.world import MEMBER, Place
from tests.words.line import STRANGER, an_hour, writes

LONG = "Intercommunale des mutuelles de santé de la Donga et de Ouaké"


def reads(place: Place, msisdn: str = MEMBER) -> list[int]:
    with place.runtime.store.read() as connection:
        return news_of(connection, msisdn)


def readers_below(place: Place, code: str) -> list[str]:
    with place.runtime.store.read() as connection:
        return numbers_after(connection, place.runtime.network.tree(), Who(code), 0)


def home_of(place: Place, msisdn: str = MEMBER) -> int:
    tree = place.runtime.network.tree()
    with place.runtime.store.read() as connection:
        [one] = by_phone(connection, tree, msisdn)
    return tree.books_of(one.section_id).id


def test_a_member_asks_for_the_mutuelles_news_and_ends_them(any_place: Place, card: str) -> None:
    tree = any_place.runtime.network.tree()
    home, root = tree[home_of(any_place)], tree.upward(home_of(any_place))[-1]
    [answer] = writes(any_place, "NEWS")
    assert answer.startswith("News of ")
    assert answer.endswith("will come by SMS. To end them, send NEWS STOP.")
    assert reads(any_place) == [home.id]
    assert readers_below(any_place, home.code) == readers_below(any_place, root.code) == [MEMBER]
    an_hour(any_place)
    assert writes(any_place, "news") == [answer]  # once more changes nothing
    assert len(any_place.ask(select(news_reader.c.msisdn))) == 1
    assert writes(any_place, "News stop") == ["No more news by SMS."]
    assert reads(any_place) == readers_below(any_place, root.code) == []
    an_hour(any_place)
    assert writes(any_place, "news")
    assert reads(any_place) == [home.id]


def test_who_is_no_member_gets_the_networks_news(place: Place, home: str) -> None:
    root = place.runtime.network.tree().upward(home_of(place))[-1]
    [answer] = writes(place, "news", STRANGER)
    assert answer.startswith("News of ")
    assert reads(place, STRANGER) == [root.id]
    assert readers_below(place, root.code) == [STRANGER]


@pytest.mark.parametrize(
    "text", ["NOUVELLES", "nouvelle", "Nouveles", "nouvelles!", "Actualités", "NEWS", "inkuru", "Taarifa", "tarifa"]
)
def test_however_it_is_written(place: Place, home: str, text: str) -> None:
    assert len(writes(place, text)) == 1
    assert reads(place) == [home_of(place)]


@pytest.mark.parametrize("text", ["NOUVELLES STOP", "news arrêt", "nouvelles: Arreter.", "inkuru hagarika"])
def test_however_its_end_is_written(place: Place, home: str, text: str) -> None:
    writes(place, "news")
    assert writes(place, text) == ["No more news by SMS."]
    assert reads(place) == []


@pytest.mark.parametrize("text", ["habari", "amakuru", "new", "bonnes nouvelles"])
def test_a_greeting_asks_for_no_news(place: Place, home: str, text: str) -> None:
    writes(place, text)
    assert reads(place) == []


def test_who_has_stopped_sms_is_told_how_to_begin_again(place: Place, home: str) -> None:
    writes(place, "news")
    with place.runtime.store.write() as unit:
        stop_sms(unit, MEMBER, stopped=True)
    assert writes(place, "news") == ["You have stopped SMS. To have news, send START, then NEWS."]
    assert writes(place, "start")
    an_hour(place)
    assert writes(place, "news")[0].startswith("News of ")


@pytest.mark.parametrize("language", ["en", *sorted(file.stem for file in HERE.glob("*.po"))])
def test_the_answers_are_one_part_with_the_longest_name(language: str) -> None:
    say = Say(language)
    for text in (texts.news_come(say, f"{LONG}, {LONG}"), texts.no_more_news(say), texts.news_after_start(say)):
        assert fold(text) == text
        assert parts(text) == 1


def test_every_name_is_understood(place: Place, home: str) -> None:
    with place.runtime.store.write() as unit:
        choose_language(unit, MEMBER, "en")
    for name in names.every(names.NEWS):
        writes(place, "news stop")
        writes(place, name)
        assert reads(place) == [home_of(place)], name


def test_news_are_chosen_and_ended_in_the_menu_too(place: Place, home: str) -> None:
    place.phone().dial().types("6").types("5").types("2").sees("News come by SMS to whoever asks").types("1")
    assert reads(place) == [home_of(place)]
    place.phone().dial().types("6").types("5").types("2").sees("News come to this phone").types("1")
    assert reads(place) == []
