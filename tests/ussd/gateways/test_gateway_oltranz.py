"""Oltranz: the contract, and what is its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.ussd.gateways.contract import CUT_OFF, GatewayContract, complaint
from tests.ussd.gateways.line import HIDDEN, Hop, Line, ask, phone
from tests.ussd.world import MEMBER, OUAKE, UNION, Place

FIELDS = st.sampled_from(["sessionId", "serviceCode", "phoneNumber", "text", "newRequest", "requestTime", "amount"])
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.lists(st.none(), max_size=2),
    st.sampled_from(["2290150077103", "*384*229#", "1", "*384*229*1#"]),
)  # fmt: skip
JSON = st.one_of(VALUES, st.dictionaries(FIELDS, VALUES))


class OltranzLine:
    """Oltranz's gateway: one JSON object there and back."""

    name, method, shows, whole = "oltranz", "POST", 160, False

    def request(self, hop: Hop) -> dict[str, Any]:
        return {"json": self.asked(hop)}

    def asked(self, hop: Hop) -> dict[str, Any]:
        """The object, as the documentation has it."""
        text = hop.typed[-1] if hop.typed else f"{hop.code[:-1]}*{hop.deep}#" if hop.deep else ""
        return {
            "sessionId": hop.session_id,
            "serviceCode": hop.code,
            "phoneNumber": hop.msisdn.lstrip("+"),
            "text": text,
            "response": "",
            "action": "CON",
            "transactionId": "",
            "requestTime": "2026-11-22 11:10:10",
            "newRequest": 0 if hop.typed else 1,
            "charge": "N",
            "amount": 0.0,
        }

    def read(self, response: TestResponse) -> str:
        assert response.status_code == 200
        assert response.mimetype == "application/json"
        answer = json.loads(response.data)
        assert answer["action"] in ("CON", "END")
        assert (answer["charge"], answer["amount"], answer["transactionId"]) == ("N", 0, "")
        return f"{answer['action']} {answer['response']}"

    def hostile(self, good: Hop) -> Mapping[str, dict[str, Any]]:
        asked = self.asked(good)
        wrong: list[dict[str, Any]] = [
            *({**asked, name: value} for name in ("sessionId", "serviceCode", "phoneNumber", "text")
              for value in (None, 1, 1.5, True, [], ["1"], {}, {"a": "b"}, "9" * 5000)),
            *({**asked, "newRequest": value} for value in ("1", 2, -1, 0.5, [], {"a": 1}, "x", None)),
            *({**asked, "requestTime": value} for value in (5, [], "x" * 500)),
            *({**asked, "sessionId": value} for value in ("", " ")),
            *({**asked, "phoneNumber": value}
              for value in ("", "+", "+0", "anonymous", "Kanarivogel", "1" * 20, HIDDEN)),
            *({key: value for key, value in asked.items() if key != name}
              for name in ("sessionId", "serviceCode", "phoneNumber", "text")),
        ]  # fmt: skip
        good_json = json.dumps(asked).encode()
        bodies = [
            b"", b" ", b"\x00", b"null", b"true", b"17", b'"text"', b"[]", b"{}", b"{", good_json[:-1],
            good_json + b"x", b"[" * 60_000, b'{"a":' * 10_000, b'\xef\xbb\xbf' + good_json,
            good_json.replace(b'"text": ""', b'"text": "\xff"'), good_json.replace(b'"text": ""', b'"text": "\\ud800"'),
            good_json.replace(b'"newRequest": 1', b'"newRequest": NaN'),
            good_json.replace(b'"newRequest": 1', b'"newRequest": 1e999'),
            good_json.replace(b'"newRequest": 1', b'"newRequest": ' + b"9" * 5000),
            good_json[:-1] + b', "text": 5}', good_json[:-1] + b', "sessionId": null}',
            json.dumps(asked).encode("utf-16"), b"sessionId=1&text=", good_json[:-1] + b" " * 70_000 + b"}",
        ]  # fmt: skip
        return {
            **{f"object {number}": {"json": one} for number, one in enumerate(wrong)},
            **{
                f"body {number}": {"data": one, "content_type": "application/json"} for number, one in enumerate(bodies)
            },
        }


class TestOltranz(GatewayContract):
    line: ClassVar[Line] = OltranzLine()

    @given(body=st.one_of(st.binary(), JSON.map(json.dumps).map(str.encode)))
    @hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
    def test_no_body_at_all_makes_it_fail(self, town: Place, body: bytes) -> None:
        self.line.read(ask(town, self.line, {"data": body, "content_type": "application/json"}))

    def test_the_same_object_goes_back_with_the_answer_in_it(self, town: Place) -> None:
        at = phone(town, self.line, "+2290150077101").dial()
        asked = OltranzLine().asked(at.hop)
        assert json.loads(ask(town, self.line, {"json": asked}).data) == {
            "sessionId": at.hop.session_id,
            "serviceCode": OUAKE,
            "phoneNumber": "2290150077101",
            "text": "",
            "requestTime": "2026-11-22 11:10:10",
            "newRequest": 1,
            "transactionId": "",
            "charge": "N",
            "amount": 0.0,
            "action": "CON",
            "response": at.screen,
        }

    @pytest.mark.parametrize("code", [OUAKE, "384*229", "*384*229", "384*229#"])
    def test_the_short_code_as_any_of_its_documents_writes_it(self, town: Place, code: str) -> None:
        phone(town, self.line, "+2290150077102").dial(code).sees(UNION)

    @pytest.mark.parametrize(
        ("changes", "sees"),
        [
            ({"newRequest": 0}, CUT_OFF),  # as the documentation's sample of a first request has it
            ({"newRequest": None}, CUT_OFF),  # it is optional
            ({"text": "*384*229#"}, CUT_OFF),  # the whole string that was dialled
            ({"text": "384*229"}, CUT_OFF),
            ({"text": "*384*229*2#"}, "Card number or phone number of the family?"),
            ({"text": "2"}, "Card number or phone number of the family?"),
            ({"text": "Hello"}, CUT_OFF),  # nobody can dial it
        ],
    )
    def test_what_opens_a_session(self, place: Place, changes: dict[str, Any], sees: str) -> None:
        complaint(place, self.line)
        asked = {**OltranzLine().asked(Hop("another", MEMBER, OUAKE)), **changes}
        answer = ask(place, self.line, {"json": {name: value for name, value in asked.items() if value is not None}})
        assert sees in self.line.read(answer)
