"""Promise 10: no number, name, card or secret of anybody reaches a log, whatever goes wrong."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis as redis_client
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from gateway.logs import set_up
from gateway.network.organisations import add_organisation
from gateway.procs.redis import PrivateRedis
from gateway.standins import mtn_momo
from gateway.store.outbox import Ask, Task, drain, put
from gateway.store.schema import beneficiary, household, message
from gateway.store.unit import Store
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.sms.helpers import StandIn
from tests.ussd.handset import PATH, SECRET, Handset
from tests.ussd.world import CANARIES, MEMBER, Place, StandingRuntime, populate, settings
from workers import jobs

NAMES = ("Perpétue Kanarivogel", "Ignace Kanarivogel")
API_KEY = "canary-at-api-key"

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What the process writes to its log at the lowest level; gives the lines, each read as JSON."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    set_up("DEBUG")
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    root.handlers[:], root.level = before


def _text(lines: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)


# A line


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("payer +2290150000001 said no", "payer +229…01 said no"),
        ("payer 2290150000001.", "payer 229…01."),
        ("'+2290150000001','+2290150000002'", "'+229…01','+229…02'"),
        ("card 123456782", "card 123…82"),
        ("order 5ec5cbe5-a981-492f-ae09-315205245217 of 12345678-0000-4000-8000-000000000000",
         "order 5ec5cbe5-a981-492f-ae09-315205245217 of 12345678-0000-4000-8000-000000000000"),
        ("on 2026-11-22 at 10:30:15.123456, 12 600 F", "on 2026-11-22 at 10:30:15.123456, 12 600 F"),
        (f"Exception on /ussd/africastalking/{SECRET} [POST]", "Exception on /ussd/africastalking/… [POST]"),
        (f"/payments/mtn_momo/{SECRET}/5ec5cbe5", "/payments/mtn_momo/…/5ec5cbe5"),
        (f"/sms/africastalking/{SECRET}/delivery?x=1", "/sms/africastalking/…/delivery?x=1"),
        ("GET /health/ready and /payments/states.py", "GET /health/ready and /payments/states.py"),
    ],
)  # fmt: skip
def test_a_line_as_it_leaves(log: Lines, written: str, shown: str) -> None:
    logging.getLogger("gateway.x").warning("%s", written)
    (line,) = log()
    assert line["message"] == shown
    assert (line["level"], line["from"]) == ("WARNING", "gateway.x")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", line["at"])


def test_whatever_is_added_to_a_line_is_masked_too(log: Lines) -> None:
    logging.getLogger("x").warning("a", extra={"payer": MEMBER, "at_place": {"phones": [MEMBER]}})
    try:
        raise ValueError(f"no wallet for {MEMBER}")
    except ValueError:
        logging.getLogger("x").exception("b")
    assert MEMBER[4:] not in _text(log())
    assert "no wallet for +229…01" in log()[1]["exc_info"]


# An error of the database


def test_the_values_of_a_failed_statement_are_not_told(store: Store, log: Lines) -> None:
    """Neither the statement's parameters nor the row that PostgreSQL quotes in its DETAIL."""

    def register_somebody_of_no_sex() -> None:
        with store.write() as unit:
            section, _ = add_organisation(unit, None, kind="mutuelle", code="m", name="M")
            made = unit.connection.execute(
                insert(household).values(card="123456782", section_id=section, registered_at=unit.now)
            ).inserted_primary_key
            assert made is not None
            unit.connection.execute(
                insert(beneficiary).values(
                    household_id=made[0], name=NAMES[0], sex="X", birth_year=1980, relation="head",
                    joined_on=unit.now.date(),
                )
            )  # fmt: skip

    with pytest.raises(DBAPIError) as told:
        register_somebody_of_no_sex()
    if store.is_postgresql:
        assert NAMES[0] in str(told.value)  # so that this test can fail
    logging.getLogger("x").error("it failed: %s", told.value)
    logging.getLogger("x").error("it failed", exc_info=told.value)
    shown = _text(log())
    assert len(log()) == 2
    for word in (*NAMES[0].split(), "123456782"):
        assert word not in shown
    assert shown.count("ck_beneficiary_sex") >= 2  # what failed is told


# A whole story


@pytest.fixture
def place(
    store: Store, redis_server: PrivateRedis, redis: redis_client.Redis, database_url: str
) -> Iterator[tuple[Place, MomoPlay, StandIn]]:
    """The application on a database of each kind in turn, with an operator and an aggregator."""
    redis.set("ussd:epoch", 1)
    momo = MomoPlay("--target-environment", "mtnbenin", "--auto", "manual", "--callback-delay", "0")
    aggregator = StandIn("--api-key", API_KEY)
    own = settings(database_url, redis_server.url).model_dump() | {
        "africastalking_username": "cotisa", "africastalking_api_key": API_KEY,
        "africastalking_base_url": aggregator.url, "mtn_momo_base_url": momo.url,
        "mtn_momo_api_user": mtn_momo.API_USER, "mtn_momo_api_key": mtn_momo.API_KEY,
        "mtn_momo_subscription_key": mtn_momo.SUBSCRIPTION_KEY,
    }  # fmt: skip
    place = Place(StandingRuntime(type(settings(database_url, redis_server.url)).of(own)))
    populate(place.runtime.store, place.runtime.network)
    yield place, momo, aggregator
    place.close()
    momo.stop()
    aggregator.stop()


def _work(place: Place, *queues: str) -> None:
    for queue in queues:
        while drain(place.runtime.store, queue, place.runtime.handlers, jobs._tell):
            pass


def test_a_family_registers_pays_and_is_told_while_everything_goes_wrong(
    log: Lines, place: tuple[Place, MomoPlay, StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, momo, aggregator = place
    phone: Handset = here.phone(MEMBER).dial().picks("Français", "Inscrire ma famille")
    phone.types(NAMES[0], "1", "1991", "kado").picks("C'est tout", "Inscrire")
    card = re.sub(" ", "", re.search(r"\d{3} \d{3} \d{3}", phone.screen)[0])  # type: ignore[index]

    # The payment: lost at first, then refused in words that quote the payer, then paid; an SMS that can't be read.
    momo.drop_before()
    here.phone(MEMBER).dial().picks("Payer", "Payer", "Oui")
    here.wait(seconds=5)
    _work(here, "money", "receipts")
    here.wait(seconds=20)
    _work(here, "money")
    key = next(iter(momo.requests()))
    momo.refuse(key, f"NO_SUCH_WORD {MEMBER}")
    here.wait(seconds=20)
    _work(here, "money")
    momo.approve(key)
    web = here.app.test_client()
    url = f"/payments/mtn_momo/{SECRET}/{key}"
    assert web.post(url, data=json.dumps({"status": "SUCCESSFUL", "payer": MEMBER})).status_code == 200
    _work(here, "money")
    aggregator.script({"text_answer": f"<html>{MEMBER}</html>"}, {"http": 500}, {"code": 499})
    _work(here, "receipts")
    report = {"id": "ATXid_1", "status": f"Odd {MEMBER}", "phoneNumber": MEMBER}
    assert web.post(f"/sms/africastalking/{SECRET}/delivery", data=report).status_code == 200

    # A handler that fails with somebody's data in its hands, and a hop that fails altogether.
    def fails(task: Task) -> None:
        raise ValueError(f"{MEMBER} in {card}\n{NAMES[1]}")

    with here.runtime.store.write() as unit:
        put(unit, Ask("replies", "x", "x", "x"))
    drain(here.runtime.store, "replies", {"x": fails}, jobs._tell)
    monkeypatch.setattr(
        here.runtime.engine, "_hop", lambda dial: (_ for _ in ()).throw(RuntimeError(f"{dial.caller} {dial.text}"))
    )
    assert here.phone(MEMBER).dial().screen
    # What Flask itself says of a route that fails names its address.
    here.app.logger.error("Exception on %s [POST]", PATH)

    with here.runtime.store.read() as connection:
        texts = list(connection.scalars(select(message.c.text)))
    lines = log()
    shown = _text(lines)
    assert texts
    assert {"ERROR", "WARNING"} <= {line["level"] for line in lines}
    assert "failed on its try number 1" in shown
    assert "/ussd/africastalking/…" in shown
    secrets = (SECRET, API_KEY, mtn_momo.API_KEY, mtn_momo.SUBSCRIPTION_KEY, *momo.play("tokens")["tokens"], "s" * 32)
    people = (MEMBER, MEMBER[1:], MEMBER[4:], card, *NAMES[0].split(), *NAMES[1].split(), *CANARIES[0].split())
    for canary in (*people, *secrets, *texts):
        assert canary not in shown, canary
