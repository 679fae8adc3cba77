"""Family A: an operator that is ill, slow or the wrong one is told of before anybody types a PIN, and debits once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.payments.providers.base import Accepted, Unclear
from gateway.payments.push.breaker import PATIENCE, Breakers, Line
from gateway.payments.push.wishes import Asked
from gateway.payments.states import State
from gateway.store.schema import collection
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import ON_SQLITE, PAYER, Village
from tests.ussd.world import MEMBER, Place

MTN = Line("mtn_momo", "mtnbenin")
SILENT = Unclear("no-answer", "nothing came back")


def test_the_menu_says_that_the_operator_does_not_answer_before_anybody_types_a_pin(any_place: Place) -> None:
    """A9: whoever confirms all the same is told how to pay by reference; nothing is asked of the operator."""
    card = any_place.household_with(MEMBER)
    breakers = Breakers(any_place.runtime.store)
    for _ in range(PATIENCE):
        breakers.heard(MTN, SILENT)
    phone = any_place.phone().dial().picks("Français").picks("Payer", "Payer le versement")
    phone.sees("MTN MoMo ne répond pas").sees_not("1 Oui")
    phone.types("1").hears_the_end().sees("marchand 229384", card).sees_not("PIN")
    assert any_place.ask(collection.select()) == []
    breakers.heard(MTN, Accepted(""))
    any_place.runtime.breakers._read_at = 0.0  # as it looks a few seconds later
    phone = any_place.phone().dial().picks("Payer", "Payer le versement", "Oui").hears_the_end()
    phone.sees("Tapez votre code PIN")
    assert len(any_place.ask(collection.select())) == 1


class Ill(BaseHTTPRequestHandler):
    """Answers everything with 503, then with 429."""

    calls = 0
    status = 503

    def do_POST(self) -> None:
        type(self).calls += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def ill() -> Iterator[tuple[type[Ill], str]]:
    """An operator that has fallen ill, and its address."""
    kind = type("IllToday", (Ill,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield kind, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@ON_SQLITE
def test_ten_minutes_of_503_and_then_of_429_cost_few_calls_and_lose_nothing(
    village: Village, momo: MomoPlay, ill: tuple[type[Ill], str]
) -> None:
    """A9: while it is ill the operator is called a few times a minute at most; all goes on when it is well."""
    well = village.providers["mtn_momo"]
    before = village.pay(village.register().household_id)
    village.work()
    operator, url = ill
    village.providers["mtn_momo"] = momo.provider(url=url)
    home = village.register("+2290100000151").household_id
    meanwhile = village.pay(home, payer="+2290100000151")
    village.work_for(300)
    operator.status = 429
    village.work_for(300)
    assert 4 <= operator.calls <= 40
    assert village.told("receipt") == []
    assert (village.shown(meanwhile).state, village.shown(meanwhile).reason) == (State.EXPIRED, "never_sent")
    assert village.told("not_paid") == [("not_paid", "+2290100000151")]
    village.providers["mtn_momo"] = well
    momo.approve(before)
    village.work_for(600)
    assert village.shown(before).state is State.PAID
    assert (momo.debits(before), list(momo.requests())) == (1, [before])
    assert village.wish(home, payer="+2290100000151") is Asked.NOW
    village.work()
    assert len(momo.requests()) == 2


@ON_SQLITE
def test_a_number_of_another_operator_is_asked_once_and_the_payer_is_told_to_choose(
    village: Village, momo: MomoPlay
) -> None:
    """A12: a number that was carried to another operator has no wallet here; we guess at no second operator."""
    momo.script(http={"status": 500, "body": {"code": "PAYER_NOT_FOUND"}})
    home = village.register().household_id
    key = village.pay(home)
    village.work()
    village.work_for(3600, 300)
    assert (village.shown(key).state, village.shown(key).reason) == (State.REFUSED, "no_wallet")
    assert village.told() == [("not_paid", PAYER)]
    assert "autre" in village.messages()[0].text
    assert (momo.calls("ask"), momo.requests()) == (1, {})
    # The payer chooses another phone, and that one alone is debited.
    other = "+2290100000152"
    assert village.wish(home, payer=other) is Asked.NOW
    village.work()
    (asked,) = momo.requests().values()
    assert asked["payer"] == other
    momo.approve(asked["key"])
    village.work_for(30)
    assert momo.debits(asked["key"]) == 1
    assert village.balance()["wallet"] == 1_500
