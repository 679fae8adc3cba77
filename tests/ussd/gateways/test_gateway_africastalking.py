"""Africa's Talking: the contract, and what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from gateway.procs.redis import PrivateRedis
from gateway.store.schema import ussd_charge
from tests.ussd.gateways.contract import GatewayContract, complaint, counts
from tests.ussd.gateways.line import BETWEEN_HOPS_S, HIDDEN, Hop, Line, phone
from tests.ussd.handset import SECRET
from tests.ussd.world import MEMBER, OUAKE, Place, StandingRuntime, settings


class AfricasTalkingLine:
    """Africa's Talking: a form with the whole history there, a line of text back."""

    name, method, shows, whole = "africastalking", "POST", 182, True

    def request(self, hop: Hop) -> dict[str, Any]:
        return {"data": self.asked(hop)}

    def asked(self, hop: Hop) -> dict[str, str]:
        """The form, as the sandbox posts it."""
        return {
            "sessionId": hop.session_id,
            "phoneNumber": hop.msisdn,
            "networkCode": "99999",
            "serviceCode": hop.code,
            "text": "*".join([hop.deep, *hop.typed] if hop.deep else hop.typed),
        }

    def read(self, response: TestResponse) -> str:
        assert response.status_code == 200
        assert response.mimetype == "text/plain"
        body = response.get_data(as_text=True)
        assert body[:4] in ("CON ", "END ")
        return body

    def hostile(self, good: Hop) -> Mapping[str, dict[str, Any]]:
        asked = self.asked(good)
        wrong: list[dict[str, str]] = [
            {},
            *({key: value for key, value in asked.items() if key != name}
              for name in ("sessionId", "phoneNumber", "text")),
            *({**asked, "sessionId": value} for value in ("", " ", "9" * 201)),
            *({**asked, "text": value} for value in ("9" * 4001, "é" * 9000, "1*" * 5000)),
            *({**asked, "phoneNumber": value}
              for value in ("", "+", "+0", "anonymous", "Kanarivogel", "1" * 20, "1" * 5000, HIDDEN, "+22901500000٠١")),
        ]  # fmt: skip
        bodies = [
            ("application/x-www-form-urlencoded", b""), ("application/x-www-form-urlencoded", b"\xff\xfe%%%=&&&"),
            ("application/x-www-form-urlencoded", b"a=1&" * 20_000), ("application/json", b'{"text": ""}'),
            ("multipart/form-data; boundary=x", b"--x\r\n" * 300), ("multipart/form-data", b"no boundary"),
            ("text/plain", b"sessionId=1"), ("", b"\x00" * 1000),
        ]  # fmt: skip
        return {
            **{f"form {number}": {"data": one} for number, one in enumerate(wrong)},
            **{f"body {n}": {"data": body, "content_type": kind} for n, (kind, body) in enumerate(bodies)},
        }


class TestAfricasTalking(GatewayContract):
    line: ClassVar[Line] = AfricasTalkingLine()

    def test_old_requests_in_any_order_change_nothing(self, place: Place) -> None:
        at = complaint(place, self.line)
        here = f"CON {at.screen}"
        for number in (0, 3, 1, 2, 4, 0):
            place.wait(seconds=BETWEEN_HOPS_S)
            # The last ones are known and get their own answer, older ones the newest.
            assert at.delivers(at.sent[number]) in (f"CON {at.shown[number]}", here)
        assert at.delivers(at.hop) == here
        at.picks("Send").hears_the_end()
        assert counts(place)["request"] == 1

    # --- events ---------------------------------------------------------------------------------------------------

    def test_what_a_call_cost_is_kept_the_first_time_and_nothing_else_of_it(self, any_place: Place) -> None:
        at = complaint(any_place, self.line)
        for cost in ("KES 0.10", "KES 0.10", "KES 99"):
            assert tell(any_place, at.hop, cost=cost) == 200
        key = any_place.runtime.sessions.digest(at.hop.session_id)
        assert charges(any_place) == {key: "KES 0.10"}
        assert tell(any_place, phone(any_place, self.line).dial().hop, cost="KES 2") == 200
        assert sorted(charges(any_place).values()) == ["KES 0.10", "KES 2"]

    @pytest.mark.parametrize(
        ("changes", "kept"),
        [
            ({}, ["KES 0.10"]),
            ({"cost": "XOF 12345678901234567890"}, ["XOF 1234567890123456"]),
            ({"cost": "KES\x00 0.\n10"}, ["KES 0.10"]),
            ({"cost": None}, []),
            ({"cost": ""}, []),
            ({"cost": " \x00 "}, []),
            ({"sessionId": None}, []),
            ({"sessionId": " "}, []),
            ({"sessionId": "s" * 201}, []),
            ({"lastAppResponse": "x" * 70_000}, []),
        ],
    )
    def test_an_event_is_answered_whatever_it_brings(
        self, any_place: Place, changes: dict[str, str | None], kept: list[str]
    ) -> None:
        assert tell(any_place, Hop("ATUid_1", MEMBER, OUAKE), **changes) == 200
        assert list(charges(any_place).values()) == kept

    def test_an_event_is_answered_when_its_table_is_missing(self, place: Place) -> None:
        with place.runtime.store.write() as unit:
            unit.connection.exec_driver_sql("drop table ussd_charge")
        assert tell(place, Hop("ATUid_1", MEMBER, OUAKE)) == 200

    def test_an_event_is_answered_when_the_database_is_down(self, redis_server: PrivateRedis) -> None:
        nowhere = Place(StandingRuntime(settings("sqlite:////nowhere/at/all.db", redis_server.url)))
        assert tell(nowhere, Hop("ATUid_1", MEMBER, OUAKE)) == 200
        nowhere.close()


def tell(place: Place, hop: Hop, **changes: str | None) -> int:
    """Post the event of a session's end; the status of the answer."""
    event = {
        "date": "2026-11-22 09:00:00", "sessionId": hop.session_id, "serviceCode": hop.code, "networkCode": "99999",
        "phoneNumber": hop.msisdn, "status": "Success", "cost": "KES 0.10", "durationInMillis": "61000",
        "hopsCount": "6", "input": "1*Kanarivogel", "lastAppResponse": "END Kanarivogel", **changes,
    }  # fmt: skip
    form = {name: value for name, value in event.items() if value is not None}
    return place.app.test_client().post(f"/ussd/africastalking/{SECRET}/events", data=form).status_code


def charges(place: Place) -> dict[str, str]:
    """What is known of the cost of calls, by key."""
    with place.runtime.store.read() as connection:
        return {row.key: row.cost for row in connection.execute(select(ussd_charge))}
