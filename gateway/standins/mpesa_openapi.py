"""Plays Vodacom DRC's M-Pesa OpenAPI, its payers' phones and its bad days, in a process of its own.

``python -m gateway.standins.mpesa_openapi --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed.
What it holds is gone with it. It answers as openapiportal.m-pesa.com describes the API: sessions for an encrypted key,
``c2bPayment/singleStage`` with its checks and its ``INS-10``, ``queryTransactionStatus``, which knows no amount, and
``reversal``, which is done at once unless the payers are told to do nothing by themselves.
With ``--flow sync`` the payment call blocks until the payer has decided and tells the outcome; with ``async`` it is
answered at once, and the result is posted to the one address of the application. What is documented nowhere is assumed
here: the status *Pending* of a payment whose prompt is open, and 401 with ``INS-2`` for a session that isn't good.
``/_play`` is not M-Pesa's; beside what :mod:`.play` has:

===============================  =====================================================================================
``POST /_play/response-url``     ``{url}``: the address that the application has for asynchronous results
``POST /_play/session-delay``    ``{seconds}``: after how long a new session becomes valid
``POST /_play/revoke-sessions``  every session given so far is refused from now on
``GET /_play/public-key``        the platform's public key, as the portal shows it
``GET /_play/sessions``          every session that was given, to look for in logs
===============================  =====================================================================================
"""

from __future__ import annotations

import argparse
import base64
import re
import secrets
import time
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.standins.play import (
    Asked,
    Body,
    Handler,
    Operator,
    Query,
    Script,
    Wrong,
    arguments,
    json_object,
    serve,
    without_none,
)

# What it accepts unless others are given: no secret of anybody's.
API_KEY = "standin-mpesa-api-key"
SERVICE_PROVIDER_CODE = "STAND1"

MARKET, COUNTRY = "vodacomDRC", "DRC"
CURRENCIES = {"CDF", "USD"}

DESCRIPTIONS = {
    "INS-0": "Request processed successfully",
    "INS-2": "Invalid API Key",
    "INS-5": "Transaction cancelled by customer",
    "INS-6": "Transaction Failed",
    "INS-9": "Request timeout",
    "INS-10": "Duplicate Transaction",
    "INS-13": "Invalid Shortcode Used",
    "INS-15": "Invalid Amount Used",
    "INS-18": "Invalid TransactionID Used",
    "INS-17": "Invalid Transaction Reference. Length Should Be Between 1 and 20.",
    "INS-20": "Not All Parameters Provided. Please try again.",
    "INS-21": "Parameter validations failed. Please try again.",
    "INS-23": "Transaction not found. Contact M-Pesa Support",
    "INS-26": "Invalid Currency Used",
    "INS-28": "Invalid ThirdPartyConversationID Used",
    "INS-30": "Invalid Purchased Items Description Used",
    "INS-998": "Invalid Market",
    "INS-2006": "Insufficient balance",
    "INS-2051": "MSISDN invalid.",
}

# What a field of a payment must look like, and the code that says it doesn't.
FIELDS = {
    "input_Amount": (r"\d*\.?\d+", "INS-15"),
    "input_CustomerMSISDN": (r"[0-9]{12,14}", "INS-2051"),
    "input_Country": (COUNTRY, "INS-998"),
    "input_Currency": ("|".join(sorted(CURRENCIES)), "INS-26"),
    "input_ServiceProviderCode": (r"[0-9A-Za-z]{4,12}", "INS-13"),
    "input_TransactionReference": (r"[0-9a-zA-Z \w+]{1,20}", "INS-17"),
    "input_ThirdPartyConversationID": (r"[0-9a-zA-Z \w+]{1,40}", "INS-28"),
    "input_PurchasedItemsDesc": (r"[0-9a-zA-Z \w+]{1,256}", "INS-30"),
}
REVERSAL = {
    "input_ReversalAmount": (r"\d*\.?\d+", "INS-15"),
    "input_Country": (COUNTRY, "INS-998"),
    "input_ServiceProviderCode": (r"[0-9A-Za-z]{4,12}", "INS-13"),
    "input_ThirdPartyConversationID": (r"[0-9a-zA-Z \w+]{1,40}", "INS-28"),
    "input_TransactionID": (r"[0-9a-zA-Z \w+]{1,20}", "INS-18"),
}
QUERY_REFERENCE = r"[A-Za-z0-9]{1,32}"

# What a call that blocks answers when the payer said no: the HTTP status and the code.
REFUSED = {"Cancelled": (401, "INS-5"), "Expired": (408, "INS-9"), "Insufficient": (422, "INS-2006")}


def told(code: str, reference: str | None = None, **more: Any) -> Body:
    """A body in M-Pesa's form."""
    return without_none(
        {
            "output_ResponseCode": code,
            "output_ResponseDesc": DESCRIPTIONS[code],
            "output_ThirdPartyConversationID": reference,
            "output_ConversationID": uuid.uuid4().hex,
            **more,
        }
    )


def wrong(status: int, code: str, reference: str | None = None) -> Wrong:
    """An error in M-Pesa's form."""
    return Wrong(status, told(code, reference))


class Mpesa(Operator[Asked]):
    """The wallets of one market, and one application's sessions."""

    WAITING = "Pending"
    PAID = "Completed"
    FAILED = "Failed"
    REJECTED = "Cancelled"
    EXPIRED = "Expired"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.key = generate_private_key(65537, 2048)
        self.response_url: str | None = options.response_url
        self.session_delay_s: float = options.session_delay
        self.given: list[str] = []
        self._live_at: dict[str, float] = {}

    def public_key(self) -> str:
        form = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(form).decode()

    def opened(self, authorization: str) -> str:
        """The key that an ``Authorization`` header holds, encrypted with the public key."""
        sealed = authorization.removeprefix("Bearer ")
        try:
            if sealed == authorization:
                raise ValueError("no bearer")
            return self.key.decrypt(base64.b64decode(sealed, validate=True), PKCS1v15()).decode()
        except ValueError:
            raise wrong(401, "INS-2") from None

    def open_session(self, authorization: str) -> str:
        if self.opened(authorization) != self.options.api_key:
            raise wrong(401, "INS-2")
        session = secrets.token_hex(16)
        self.given.append(session)
        self._live_at[session] = time.monotonic() + self.session_delay_s
        return session

    def check_session(self, authorization: str) -> None:
        live_at = self._live_at.get(self.opened(authorization))
        if live_at is None or time.monotonic() < live_at:
            raise wrong(401, "INS-2")

    def revoke_sessions(self) -> None:
        self._live_at.clear()

    def check(self, body: Body, fields: Mapping[str, tuple[str, str]] = FIELDS, amount: str = "input_Amount") -> None:
        """Refuse a payment, or a reversal, as M-Pesa would before it begins."""
        if fields.keys() - body.keys():
            raise wrong(400, "INS-20")
        for name, (form, code) in fields.items():
            if not isinstance(body[name], str) or not re.fullmatch(form, body[name], re.ASCII):
                raise wrong(400, code)
        if body["input_ServiceProviderCode"] != self.options.service_provider_code:
            raise wrong(400, "INS-13")
        if Decimal(body[amount]) <= 0:
            raise wrong(400, "INS-15")

    def reversal(self, body: Body) -> Asked:
        """A reversal as it would be taken, or what M-Pesa answers instead."""
        self.check(body, REVERSAL, "input_ReversalAmount")
        key, named = key_of(body["input_ThirdPartyConversationID"]), body["input_TransactionID"]
        of = next((one for one in list(self.orders.values()) if one.operator_id == named), None)
        if of is None:
            raise wrong(400, "INS-18", body["input_ThirdPartyConversationID"])
        if key not in self.orders and Decimal(body["input_ReversalAmount"]) > self.left(of):
            raise wrong(400, "INS-15", body["input_ThirdPartyConversationID"])
        return Asked(key, of.payer, body["input_ReversalAmount"], of.currency, body, self.WAITING, of=of.key)

    def shown(self, order: Asked, report: Body) -> Body:
        """The status's answer; ``report`` replaces its fields."""
        gone = order.of is None and order.debits > 0 and self.left(order) <= 0
        paid = {"output_OriginalTransactionID": order.operator_id, "output_Reversed": str(gone)}
        found = told(
            "INS-0",
            reference_of(order.key),
            output_ResponseTransactionStatus=order.reason or order.status,
            **(paid if order.operator_id else {}),
        )
        return without_none({**found, **order.report, **report})

    def notice(self, order: Asked) -> Body:
        """The asynchronous result."""
        code = "INS-0" if order.status == self.PAID else REFUSED.get(str(order.reason), (401, "INS-6"))[1]
        return {
            "input_OriginalConversationID": uuid.uuid4().hex,
            "input_TransactionID": order.operator_id,
            "input_ResultCode": code,
            "input_ResultDesc": DESCRIPTIONS[code],
            "input_ThirdPartyConversationID": reference_of(order.key),
        }

    def new_operator_id(self) -> str:
        return f"VD{super().new_operator_id()}"


class MpesaHandler(Handler):
    """M-Pesa's addresses."""

    operator: Mpesa

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        match method, path.strip("/").split("/"):
            case "GET", [environment, "ipg", "v2", market, "getSession"]:
                self._session(environment, market)
            case "POST", [environment, "ipg", "v2", market, "c2bPayment", "singleStage"]:
                self._pay(environment, market, raw)
            case "PUT", [environment, "ipg", "v2", market, "reversal"]:
                self._reversal(environment, market, raw)
            case "GET", [environment, "ipg", "v2", market, "queryTransactionStatus"]:
                self._query(environment, market, query)
            case _:
                self.answer(404, {"message": "no such page"})

    def control(self, method: str, path: str, query: Query, given: Body) -> None:
        operator = self.operator
        match method, path:
            case "POST", "response-url":
                operator.response_url = given["url"]
                self.answer(200, {})
            case "POST", "session-delay":
                operator.session_delay_s = float(given["seconds"])
                self.answer(200, {})
            case "POST", "revoke-sessions":
                operator.revoke_sessions()
                self.answer(200, {})
            case "GET", "public-key":
                self.answer(200, {"key": operator.public_key()})
            case "GET", "sessions":
                self.answer(200, {"sessions": operator.given})
            case _:
                super().control(method, path, query, given)

    def _session(self, environment: str, market: str) -> None:
        self.operator.calls["token"] += 1
        script = self.operator.script_for("token")
        if self.met(script):
            return
        self._check_place(environment, market)
        session = self.operator.open_session(self.headers.get("Authorization", ""))
        self.conclude(script, 200, told("INS-0", output_SessionID=session))

    def _pay(self, environment: str, market: str, raw: bytes) -> None:
        operator = self.operator
        operator.calls["ask"] += 1
        body = json_object(raw)
        script = operator.script_for("ask", str(body.get("input_CustomerMSISDN")))
        if self.met(script):
            return
        self._check_caller(environment, market)
        operator.check(body)
        reference = body["input_ThirdPartyConversationID"]
        order = Asked(
            key_of(reference),
            body["input_CustomerMSISDN"],
            body["input_Amount"],
            body["input_Currency"],
            body,
            operator.WAITING,
            operator.response_url if operator.options.flow == "async" else None,
        )
        if not operator.take(order, script):
            raise wrong(409, "INS-10", reference)
        self._taken(order, script, reference)

    def _taken(self, order: Asked, script: Script, reference: str) -> None:
        """Answer at once, or block until the payer has decided."""
        operator = self.operator
        if script.callback.before_response:
            operator.tell(order)
        if operator.options.flow == "async":
            self.conclude(script, 201, told("INS-0", reference))
            return
        while order.status == operator.WAITING and not order.reason:
            time.sleep(0.01)
        if order.status == operator.PAID:
            self.conclude(script, 201, told("INS-0", reference, output_TransactionID=order.operator_id))
        else:
            status, code = REFUSED.get(str(order.reason), (401, "INS-6"))
            self.conclude(script, status, told(code, reference))

    def _reversal(self, environment: str, market: str, raw: bytes) -> None:
        operator = self.operator
        operator.calls["give_back"] += 1
        script = operator.script_for("give_back")
        if self.met(script):
            return
        self._check_caller(environment, market)
        body = json_object(raw)
        with operator.lock:
            back = operator.reversal(body)
            taken = operator.take(back, script)
        if not taken:
            raise wrong(409, "INS-10", body["input_ThirdPartyConversationID"])
        number = {"output_TransactionID": back.operator_id} if back.operator_id else {}
        self.conclude(script, 200, told("INS-0", body["input_ThirdPartyConversationID"], **number))

    def _query(self, environment: str, market: str, query: Query) -> None:
        self.operator.calls["find"] += 1
        script = self.operator.script_for("find")
        if self.met(script):
            return
        self._check_caller(environment, market)
        values = {name: found[0] for name, found in query.items()}
        reference = values.get("input_QueryReference", "")
        if values.get("input_Country") != COUNTRY or not values.get("input_ThirdPartyConversationID"):
            raise wrong(400, "INS-20")
        if values.get("input_ServiceProviderCode") != self.operator.options.service_provider_code:
            raise wrong(400, "INS-13")
        if not re.fullmatch(QUERY_REFERENCE, reference):
            raise wrong(400, "INS-21")
        order = self.operator.orders.get(key_of(reference))
        if order is None:
            raise wrong(400, "INS-23", reference)
        self.conclude(script, 200, self.operator.shown(order, script.report))

    def _check_place(self, environment: str, market: str) -> None:
        if market != MARKET:
            raise wrong(400, "INS-998")
        if environment != self.operator.options.environment:
            raise Wrong(404, {"message": "no such page"})
        if self.headers.get("Origin") != self.operator.options.origin:
            raise Wrong(403, {"message": "this origin is not trusted"})

    def _check_caller(self, environment: str, market: str) -> None:
        self._check_place(environment, market)
        self.operator.check_session(self.headers.get("Authorization", ""))


def key_of(reference: str) -> str:
    """The order's name as the one who ordered writes it, should that be a UUID."""
    try:
        return str(uuid.UUID(reference))
    except ValueError:
        return reference


def reference_of(key: str) -> str:
    return key.replace("-", "")


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.mpesa_openapi", __doc__)
    parser.add_argument("--flow", choices=("sync", "async"), default="sync", help="whether the payment call blocks")
    parser.add_argument("--environment", choices=("sandbox", "openapi"), default="openapi")
    parser.add_argument("--api-key", default=API_KEY)
    parser.add_argument("--service-provider-code", default=SERVICE_PROVIDER_CODE)
    parser.add_argument("--origin", default="*")
    parser.add_argument("--session-delay", type=float, default=0.0, metavar="S", help="until a session is valid")
    parser.add_argument("--response-url", help="the application's address for asynchronous results")
    serve(MpesaHandler, Mpesa(parser.parse_args(given)))


if __name__ == "__main__":
    main()
