"""Hollatags: the contract, and what is its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.ussd.gateways.contract import CUT_OFF, GatewayContract, complaint, counts
from tests.ussd.gateways.line import HIDDEN, Hop, Line, ask, phone
from tests.ussd.world import MEMBER, OUAKE, Place

FIELDS = st.sampled_from(["session_id", "session_operation", "session_msg", "session_msisdn", "session_from"])
VALUES = st.one_of(st.text(max_size=12), st.sampled_from(["begin", "continue", "end", "2290150077203", "*384*229#"]))


class HollatagsLine:
    """Hollatags' gateway: seven parameters there, one JSON object back."""

    name, method, shows, whole = "hollatags", "GET", 160, False

    def request(self, hop: Hop) -> dict[str, Any]:
        return {"query_string": self.asked(hop)}

    def asked(self, hop: Hop) -> dict[str, str]:
        """The parameters, as the documentation has them."""
        text = hop.typed[-1] if hop.typed else f"{hop.code[:-1]}*{hop.deep}#" if hop.deep else hop.code
        return {
            "session_msisdn": hop.msisdn.lstrip("+"),
            "session_operation": "continue" if hop.typed else "begin",
            "session_msg": text,
            "session_id": hop.session_id,
            "session_from": hop.code,
            "session_type": "1",
            "session_mno": "MTN",
        }

    def read(self, response: TestResponse) -> str:
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        answer = json.loads(response.data)
        assert set(answer) == {"session_operation", "session_type", "session_id", "session_msg"}
        kind = (answer["session_operation"], answer["session_type"])
        assert kind in (("continue", 1), ("end", 4))
        return f"{'CON' if kind[1] == 1 else 'END'} {answer['session_msg']}"

    def hostile(self, good: Hop) -> Mapping[str, dict[str, Any]]:
        asked = self.asked(good)
        typed = {**asked, "session_operation": "continue"}
        wrong: list[dict[str, str]] = [
            {},
            *({key: value for key, value in typed.items() if key != name}
              for name in ("session_msisdn", "session_operation", "session_msg", "session_id")),
            *({**asked, "session_operation": value} for value in ("", "BEGIN!", "resume", "x" * 5000, "\x00")),
            *({**asked, "session_id": value} for value in ("", " ", "9" * 201)),
            *({**typed, "session_msg": value} for value in ("9" * 4001, "é" * 9000)),
            *({**asked, "session_msisdn": value}
              for value in ("", "+", "+0", "anonymous", "Kanarivogel", "1" * 20, "1" * 5000, HIDDEN, "22901500000٠١")),
        ]  # fmt: skip
        queries = ["session_id=%ff%fe&session_operation=%ff", "&&&===%%%", "session_operation[]=begin", "a=1&" * 20_000]
        return {
            **{f"parameters {number}": {"query_string": one} for number, one in enumerate(wrong)},
            **{f"query {number}": {"query_string": one} for number, one in enumerate(queries)},
        }


class TestHollatags(GatewayContract):
    line: ClassVar[Line] = HollatagsLine()

    @given(asked=st.dictionaries(FIELDS, VALUES))
    @hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
    def test_no_query_at_all_makes_it_fail(self, town: Place, asked: dict[str, str]) -> None:
        self.line.read(ask(town, self.line, {"query_string": asked}))

    @pytest.mark.parametrize("operation", ["end", "abort", "END"])
    def test_a_session_that_the_network_closes_keeps_its_place(self, place: Place, operation: str) -> None:
        at = complaint(place, self.line)
        closing = {**HollatagsLine().asked(at.hop), "session_operation": operation, "session_msg": ""}
        answer = ask(place, self.line, {"query_string": closing})
        assert (answer.status_code, answer.json) == (200, {
            "session_operation": "end", "session_type": 4, "session_id": at.hop.session_id, "session_msg": "",
        })  # fmt: skip
        assert counts(place)["request"] == 0
        phone(place, self.line).dial().sees(CUT_OFF).picks("Go on").sees("1 Send").picks("Send").hears_the_end()
        assert counts(place)["request"] == 1

    def test_a_close_of_a_session_that_nobody_knows_is_answered(self, town: Place) -> None:
        for closing in ("session_operation=end", "session_operation=end&session_id=%ff&session_msisdn=x"):
            assert self.line.read(ask(town, self.line, {"query_string": closing})) == "END "

    @pytest.mark.parametrize(
        ("message", "sees"),
        [
            (None, CUT_OFF),
            ("", CUT_OFF),
            ("*384*229#", CUT_OFF),  # the whole string that was dialled
            ("384*229", CUT_OFF),
            ("Hello, this is a test message", CUT_OFF),  # the documentation's own sample: nobody can dial it
            ("*384*229*2#", "Card number or phone number of the family?"),
            ("2", "Card number or phone number of the family?"),
        ],
    )
    def test_what_a_session_begins_with(self, place: Place, message: str | None, sees: str) -> None:
        complaint(place, self.line)
        asked: dict[str, Any] = {**HollatagsLine().asked(Hop("another", MEMBER, OUAKE)), "session_msg": message}
        given = {name: value for name, value in asked.items() if value is not None}
        assert sees in self.line.read(ask(place, self.line, {"query_string": given}))

    def test_the_session_id_goes_back_as_it_came(self, town: Place) -> None:
        asked = HollatagsLine().asked(Hop("5456657676", "+2290150077201", OUAKE))
        answer = ask(town, self.line, {"query_string": asked}).json
        assert answer is not None
        assert answer["session_id"] == "5456657676"
