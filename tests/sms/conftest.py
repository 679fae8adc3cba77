"""What the SMS tests stand on: a message queued and worked on, the stand-in, and the routes that it reports to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Row, select

from gateway.network.organisations import add_organisation
from gateway.sms.africastalking import AfricasTalking
from gateway.sms.outgoing import TOPIC, Outgoing, Sender, queue_messages
from gateway.sms.port import SmsPort
from gateway.sms.web import sms_blueprint
from gateway.store.outbox import drain
from gateway.store.schema import message
from gateway.store.unit import Store
from tests.sms.helpers import NUMBER, READ_TIMEOUT_S, SECRET, StandIn


@pytest.fixture(scope="session")
def running_standin() -> Iterator[StandIn]:
    standin = StandIn("--api-key", "key")
    yield standin
    standin.stop()


@pytest.fixture
def standin(running_standin: StandIn) -> StandIn:
    """The stand-in, with nothing sent and nothing scripted."""
    running_standin.play("reset", {})
    return running_standin


@pytest.fixture
def port(standin: StandIn) -> AfricasTalking:
    """Our port to the stand-in."""
    return AfricasTalking("cotisa", "key", "", standin.url, read_timeout_s=READ_TIMEOUT_S)


@pytest.fixture
def books(store: Store) -> int:
    """The id of a mutuelle."""
    with store.write() as unit:
        return add_organisation(unit, None, kind="mutuelle", code="m", name="Mutuelle", keeps_books=True)[0]


@pytest.fixture
def write(store: Store, books: int) -> Callable[..., None]:
    """Queue one message: ``write("receipt")``, with another text, number or key where the test needs one."""

    def write(event: str = "receipt", text: str = "Reçu 12", msisdn: str = NUMBER, key: str = "") -> None:
        with store.write() as unit:
            queue_messages(unit, "receipts", Outgoing(event, msisdn, "fr", text, books, None, key or f"{event}:1"))

    return write


@pytest.fixture
def work(store: Store) -> Callable[[SmsPort], int]:
    """Drain the queue once with a port; how many rows were claimed. What a handler raises fails the test."""

    def work(port: SmsPort) -> int:
        faults: list[Exception] = []
        claimed = drain(store, "receipts", {TOPIC: Sender(store, port)}, lambda _, error: faults.append(error))
        assert not faults, faults
        return claimed

    return work


@pytest.fixture
def shown(store: Store) -> Callable[..., Row[Any]]:
    """The row of a message, by its key."""

    def shown(key: str = "receipt:1") -> Row[Any]:
        with store.read() as connection:
            return connection.execute(select(message).where(message.c.key == key)).one()

    return shown


@pytest.fixture
def web(store: Store) -> FlaskClient:
    """A client of the routes that Africa's Talking calls."""
    app = Flask(__name__)
    app.register_blueprint(sms_blueprint(store, SECRET))
    return app.test_client()


@pytest.fixture
def report(web: FlaskClient) -> Callable[..., int]:
    """Post a delivery report: ``report("ATXid_1", "Success")``; the HTTP status."""

    def report(its_id: str, status: str, msisdn: str = NUMBER, **more: str) -> int:
        form = {"id": its_id, "status": status, "phoneNumber": msisdn, "networkCode": "61602", **more}
        return web.post(f"/sms/africastalking/{SECRET}/delivery", data=form).status_code

    return report
