"""A look at a large campaign takes no longer than it may; what it hasn't come to is reckoned from what it has."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, update

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.sms.campaigns import keeping, preview
from gateway.sms.campaigns.keeping import Draft
from gateway.sms.campaigns.lists import ListRow, keep_list
from gateway.sms.campaigns.preview import Preview
from gateway.sms.campaigns.progress import each_result, how_far
from gateway.sms.campaigns.recipients import numbers_after
from gateway.sms.campaigns.who import Who, next_batch
from gateway.store.schema import caller, message, news_reader
from gateway.store.unit import Store
from tests.payments.village import Village, found


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    return Village(store, network, clock, found(store, network))


def look(village: Village, kind: Any, for_s: float | None) -> Preview:
    tree, place = village.network.tree(), village.place.books
    draft = Draft(kind, place.id, "Essai", Who(place.code), {"fr": "Bonjour."}, "A. Bio")
    one = keeping.unsaved(tree, draft, village.clock.now())
    with village.store.read() as connection:
        return preview.preview(connection, tree, one, village.clock.now(), 120_000, for_s)


def test_households_are_reckoned(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(8):
        village.register(f"+2290100200{place:03}")
    with village.store.write() as unit:
        rows = [{"msisdn": f"+2290100200{place:03}", "stopped_at": unit.now} for place in (0, 2, 4, 6)]
        unit.connection.execute(insert(caller), rows)
    monkeypatch.setattr(preview, "next_batch", partial(next_batch, most=4))
    whole, part = look(village, "reminder", None), look(village, "reminder", 0)
    assert (whole.share, part.share) == (1, 0.5)
    assert (part.letters, part.parts, part.skipped["opted_out"]) == (4, 4, 4)
    assert part.cost_e4 == whole.cost_e4 == 480_000
    assert part.as_json()["share"] == 0.5
    assert "share" not in whole.as_json()


def test_readers_of_news_are_reckoned(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    with village.store.write() as unit:
        rows = [
            {"msisdn": f"+2290100200{place:03}", "organisation_id": village.place.books.id, "since": unit.now}
            for place in range(9)
        ]
        unit.connection.execute(insert(news_reader), rows)
    monkeypatch.setattr(preview, "numbers_after", partial(numbers_after, most=3))
    part = look(village, "news", 0)
    assert (part.letters, round(part.share, 3)) == (9, 0.333)


def test_a_list_is_walked_by_its_slices(village: Village) -> None:
    tree = village.network.tree()
    rows = [ListRow(place, f"+22901002{place:05}", "Bonjour.") for place in range(2_600)]
    with village.store.write() as unit:
        its_id = keep_list(unit, tree, village.place.books.id, "Liste", "Bonjour.", "fr", rows, "A. Bio")
        unit.connection.execute(
            update(message).where(message.c.msisdn == rows[0].msisdn).values(state="skipped", reason="opted_out")
        )
    with village.store.read() as connection:
        one = keeping.by_id(connection, its_id)
        assert one is not None
        whole = preview.preview(connection, tree, one, village.clock.now(), 0)
        part = preview.preview(connection, tree, one, village.clock.now(), 0, 0)
        assert {each.msisdn for each in each_result(connection, one)} == {each.msisdn for each in rows}
        assert how_far(connection, [its_id, 98765]) == {its_id: (2_600, 1)}
        assert how_far(connection, []) == {}
    assert (whole.letters, part.letters) == (2_600, 2_600)
    assert part.share == pytest.approx(2_000 / 2_600)
