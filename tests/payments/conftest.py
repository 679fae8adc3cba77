"""What the tests of payments stand on: a village, the operator's stand-in, and our webhook on a real port."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.serving import make_server

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.payments.web import payments_blueprint
from gateway.store.unit import Store
from tests.payments.deeds import group_of, three_families
from tests.payments.harvest import Harvest
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.payments.village import SECRET, Village, found


@pytest.fixture(scope="session")
def running_momo() -> Iterator[MomoPlay]:
    """MTN Benin, whose payers do nothing by themselves."""
    play = MomoPlay("--target-environment", "mtnbenin", "--auto", "manual", "--callback-delay", "0")
    yield play
    play.stop()


@pytest.fixture
def momo(running_momo: MomoPlay) -> MomoPlay:
    """MTN Benin, with nothing asked and nothing scripted."""
    running_momo.play("reset", {})
    return running_momo


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock, momo: MomoPlay) -> Village:
    """A village on a database of each kind in turn, whose cashier speaks with MTN."""
    place = found(store, network)
    return Village(store, network, clock, place, {"mtn_momo": momo.provider(read_timeout_s=2.0)})


@pytest.fixture
def office(store: Store, network: Network, clock: FixedClock) -> Village:
    """The same village where no operator is needed."""
    return Village(store, network, clock, found(store, network))


@pytest.fixture
def home(office: Village) -> int:
    """The id of a family that owes 3 900 now and 12 600 in all."""
    return office.register().household_id


@pytest.fixture
def webhook(village: Village) -> Iterator[str]:
    """Our webhook for payments on a port of its own; the village's callbacks go there. Gives its address."""
    app = Flask(__name__)
    app.register_blueprint(payments_blueprint(village.store, SECRET, village.providers))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = f"http://127.0.0.1:{server.port}"
    village.callback_base = f"{url}/payments/{{provider}}/{SECRET}/{{key}}"
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture
def harvest(office: Village) -> Harvest:
    """The cooperative of three families in that village."""
    homes = three_families(office)
    return Harvest(office, homes, group_of(office, homes))
