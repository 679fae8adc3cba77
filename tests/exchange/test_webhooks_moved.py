"""Households that move to another mutuelle: its past payments stay with the one that they were made to."""

from __future__ import annotations

from datetime import timedelta

from gateway.exchange.webhooks.endpoints import Event
from gateway.membership.changes import By
from gateway.membership.moves.branches import move_branch
from gateway.membership.moves.moving import move
from gateway.network.organisations import add_organisation
from gateway.store.outbox import waiting_queues
from tests.conftest import DEFAULTS
from tests.exchange.test_webhooks import Other, added, deliver, follow, other, told, village
from tests.payments.village import PAYER, Village, found

__all__ = ["other", "village"]  # fixtures
PAYMENTS = frozenset({Event.PAYMENT_POSTED, Event.PAYMENT_REVERSED})


def test_a_payment_is_told_where_it_was_made_wherever_the_household_goes(village: Village, other: Other) -> None:
    theirs = found(village.store, village.network, code="n", treasurer="+2290100000777")
    home = village.register(PAYER).household_id
    mine, _ = added(village, other.url, PAYMENTS)
    elsewhere, _ = added(village, other.url, PAYMENTS, code="n")
    village.give(home, village.treasurer, 3_000)
    tree = village.network.tree()
    with village.store.write() as unit:
        move(unit, tree, village.chart, village.family(home), tree[theirs.section_id], By(None, name="Awa"))
    follow(village)
    assert [one[0] for one in told(village, mine)] == ["payment.posted"]
    assert told(village, elsewhere) == []


def test_within_a_mutuelle_the_section_that_it_belongs_to_is_told(village: Village, other: Other) -> None:
    home = village.register(PAYER).household_id
    with village.store.write() as unit:
        books = village.place.books
        to, _ = add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Kpessou")
    village.network.forget()
    tree = village.network.tree()
    with village.store.write() as unit:
        move(unit, tree, village.chart, village.family(home), tree[to], By(None, name="Awa"))
    there, _ = added(village, other.url, PAYMENTS, code="m-2")
    before, _ = added(village, other.url, PAYMENTS, code="m-1")
    village.give(home, village.treasurer, 3_000)
    follow(village)
    assert [one[0] for one in told(village, there)] == ["payment.posted"]
    assert told(village, before) == []


def test_an_address_moves_with_its_mutuelle(village: Village, other: Other) -> None:
    """What waits is delivered, what comes is told; the union above is told from then on."""
    with village.store.write() as unit:
        top = add_organisation(unit, None, kind="platform", code="top", name="Platform", country="BJ")
        union = add_organisation(unit, top, kind="union", code="north", name="North")
    village.network.forget()
    registered = frozenset({Event.HOUSEHOLD_REGISTERED})
    mine, _ = added(village, other.url, registered)
    above, _ = added(village, other.url, registered, code="north")
    village.register(PAYER)
    follow(village)
    village.clock.move(timedelta(minutes=20))
    follow(village)
    with village.store.write() as unit:
        move_branch(unit, DEFAULTS, village.chart, village.place.books.id, union[0], village.clock.now().date(), "Awa")
    village.network.forget()
    assert waiting_queues(village.store) != set()
    assert deliver(village) == []
    assert [one[1] for one in told(village, mine)] == ["done"]
    assert told(village, above) == []
    village.register("+2290100000103")
    follow(village)
    assert [len(told(village, each)) for each in (mine, above)] == [2, 1]
