"""Plays an operator that offers the GSMA Mobile Money API 1.2, its payers' phones and its bad days.

``python -m gateway.standins.gsma --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed. What it
holds is gone with it. It answers as the specification describes merchant payments: the request with its checks and its
``duplicateRequest``, request states, transactions and their reversals, the responses by which a lost answer is found
again, and the callback by ``PUT``. What the specification leaves open is decided here: a transaction can be read from
the moment an order is taken, and its status has the words of the request state. ``/_play`` is not the operator's: see
:mod:`.play`.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import uuid
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.standins.play import (
    Asked,
    Body,
    Callback,
    Handler,
    Operator,
    Query,
    Wrong,
    arguments,
    json_object,
    serve,
)

# The keys that it accepts unless others are given: no secret of anybody's.
API_KEY = "standin-api-key"
CLIENT_ID = "standin-client"
PAYEE = "organisationid:4711"

CATEGORIES = {
    "clientAuthorisationError": "authorisation",
    "duplicateRequest": "businessRule",
    "formatError": "validation",
    "genericError": "internal",
    "identifierError": "identification",
    "mandatoryValueNotSupplied": "validation",
}
STALE = timedelta(minutes=5)
STATE_FIELDS = {"status", "objectReference", "pendingReason", "error"}

_AMOUNT = re.compile(r"([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[0-9])?")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def error(code: str, description: str = "") -> Body:
    """The specification's error object."""
    return {
        "errorCategory": CATEGORIES.get(code, "businessRule"),
        "errorCode": code,
        "errorDescription": description,
        "errorDateTime": _now(),
    }


def wrong(status: int, code: str, description: str = "") -> Wrong:
    return Wrong(status, error(code, description))


@dataclass
class Requested(Asked):
    """An order and the two names that the operator gives it."""

    state_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    reference: str = ""
    at: str = field(default_factory=lambda: _now())


class Gsma(Operator[Requested]):
    """The wallets and the request states."""

    WAITING = "pending"
    PAID = "completed"
    FAILED = "failed"
    REJECTED = "requestDeclined"
    EXPIRED = "genericError"
    CALLBACK_METHOD = "PUT"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        key, _, value = options.account.partition(":")
        self.account_party = {"key": key, "value": value}

    def check(self, body: Body) -> None:
        """Refuse an order as the specification would."""
        for name in ("amount", "currency", "debitParty", "creditParty"):
            if not body.get(name):
                raise wrong(400, "mandatoryValueNotSupplied", name)
        if not isinstance(body["amount"], str) or not _AMOUNT.fullmatch(body["amount"]):
            raise wrong(400, "formatError", "amount")
        if not re.fullmatch(r"[A-Z]{3}", str(body["currency"])):
            raise wrong(400, "formatError", "currency")
        if not re.fullmatch(r"\+[1-9]\d{7,14}", _msisdn(body) or ""):
            raise wrong(400, "formatError", "debitParty")
        if len(str(body.get("descriptionText", ""))) > 160:
            raise wrong(400, "lengthError", "descriptionText")
        if body["creditParty"] != [self.account_party]:
            raise wrong(404, "identifierError", "creditParty")

    def reversal(self, key: str, named: str, body: Body) -> Requested:
        """A reversal as it would be taken, or what the operator answers instead."""
        of = next((one for one in list(self.orders.values()) if one.reference == named), None)
        if of is None:
            raise wrong(404, "identifierError", "transactionReference")
        if body.get("type") != "reversal":
            raise wrong(400, "mandatoryValueNotSupplied", "type")
        amount = body.get("amount", of.amount)
        if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount) or body.get("currency") != of.currency:
            raise wrong(400, "formatError", "amount")
        if key not in self.orders and Decimal(amount) > self.left(of):
            raise wrong(400, "overPaymentNotAllowed", "amount")
        parties = {"debitParty": [self.account_party], "creditParty": of.sent["debitParty"]}
        reference = f"REF-{self.new_operator_id()}"
        return Requested(
            key, of.payer, amount, of.currency, {**parties, **body}, self.WAITING, of=of.key, reference=reference
        )

    def state(self, order: Requested, report: Body) -> Body:
        """The request state; ``report`` replaces its fields."""
        told = {"serverCorrelationId": order.state_id, "status": order.status, "notificationMethod": "callback"}
        if order.status != self.FAILED:
            told["objectReference"] = order.reference
        why = {"error": error(str(order.reason))} if order.status == self.FAILED else {}
        own = {name: value for name, value in order.report.items() if name in STATE_FIELDS}
        return {**told, **why, **own, **report}

    def transaction(self, order: Requested, report: Body) -> Body:
        """The transaction; ``report`` replaces its fields."""
        told = {
            "type": "merchantpay",
            **order.sent,
            "transactionReference": order.reference,
            "transactionStatus": order.status,
            "creationDate": order.at,
        }
        own = {name: value for name, value in order.report.items() if name not in STATE_FIELDS}
        return {**told, **own, **report}

    def decide(self, order: Requested, status: str, reason: Any) -> None:
        """As always; the transaction has had its number since the order was taken."""
        super().decide(order, status, reason)
        if order.debits:
            order.operator_id = order.reference

    def notice(self, order: Requested) -> Body:
        return error(str(order.reason)) if order.status == self.FAILED else self.transaction(order, {})

    def tell_once(self, order: Requested, how: Callback) -> int | None:
        """As always, with the header that names the request that this answers."""
        return super().tell_once(order, replace(how, headers={"X-CorrelationID": order.key, **how.headers}))

    def extra(self, order: Requested) -> Body:
        return {"state_id": order.state_id, "reference": order.reference}


class GsmaHandler(Handler):
    """The API's addresses, at the root."""

    operator: Gsma

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        orders = list(self.operator.orders.values())
        match method, path.strip("/").split("/"):
            case "POST", ["transactions", "type", "merchantpay"]:
                self._pay(raw)
            case "POST", ["transactions", named, "reversals"]:
                self._reverse(named, raw)
            case "GET", ["requeststates", named]:
                self._read("find", [one for one in orders if one.state_id == named], self.operator.state)
            case "GET", ["responses", named]:
                self._read("find", [one for one in orders if one.key == named], self._response)
            case "GET", ["transactions", named]:
                self._read("transaction", [one for one in orders if one.reference == named], self.operator.transaction)
            case _:
                self.answer(404, {"message": "no such page"})

    def _pay(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["ask"] += 1
        body = json_object(raw)
        payer = (_msisdn(body) or "").removeprefix("+")
        script = operator.script_for("ask", payer)
        if self.met(script):
            return
        key = self._check_request(raw)
        operator.check(body)
        order = Requested(
            key=key,
            payer=payer,
            amount=body["amount"],
            currency=body["currency"],
            sent=body,
            status=operator.WAITING,
            callback_url=self.headers.get("X-Callback-URL"),
            reference=f"REF-{operator.new_operator_id()}",
        )
        if not operator.take(order, script):
            raise wrong(400, "duplicateRequest", "The X-CorrelationID was used before.")
        if script.callback.before_response:
            operator.tell(order)
        self.conclude(script, 202, operator.state(order, {}))

    def _reverse(self, named: str, raw: bytes) -> None:
        operator = self.operator
        operator.calls["give_back"] += 1
        script = operator.script_for("give_back")
        if self.met(script):
            return
        key = self._check_request(raw)
        with operator.lock:
            back = operator.reversal(key, named, json_object(raw))
            if not operator.take(back, script):
                raise wrong(400, "duplicateRequest", "The X-CorrelationID was used before.")
        self.conclude(script, 202, operator.state(back, {}))

    def _check_request(self, raw: bytes) -> str:
        """The key of a request that the specification lets pass."""
        self._check_caller()
        key = self.headers.get("X-CorrelationID", "")
        if not _UUID.fullmatch(key):
            raise wrong(400, "formatError", "X-CorrelationID")
        if self.headers.get("X-Content-Hash") not in (None, hashlib.sha256(raw).hexdigest()):
            raise wrong(400, "formatError", "X-Content-Hash")
        return key.lower()

    def _response(self, order: Requested, report: Body) -> Body:
        return {"link": f"/transactions/{order.reference}", **report}

    def _read(self, name: str, found: list[Requested], shown: Any) -> None:
        self.operator.calls[name] += 1
        script = self.operator.script_for(name)
        if self.met(script):
            return
        self._check_caller()
        if not found:
            raise wrong(404, "identifierError", "There is no such resource.")
        self.conclude(script, 200, shown(found[0], script.report))

    def _check_caller(self) -> None:
        options = self.operator.options
        if (self.headers.get("X-API-Key"), self.headers.get("X-Client-Id")) != (options.api_key, options.client_id):
            raise wrong(401, "clientAuthorisationError", "unknown client")
        try:
            stale = abs(datetime.now(UTC) - datetime.fromisoformat(self.headers.get("X-Date", ""))) > STALE
        except (ValueError, TypeError):
            raise wrong(400, "formatError", "X-Date") from None
        if stale:
            raise wrong(400, "formatError", "X-Date is stale")


def _msisdn(body: Body) -> str | None:
    """The payer's number, if the request names one."""
    parties = body.get("debitParty")
    for one in parties if isinstance(parties, list) else []:
        if isinstance(one, dict) and one.get("key") == "msisdn":
            return str(one.get("value"))
    return None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.gsma", __doc__)
    parser.add_argument("--api-key", default=API_KEY)
    parser.add_argument("--client-id", default=CLIENT_ID)
    parser.add_argument("--account", default=PAYEE, metavar="TYPE:VALUE", help="the account that is paid")
    serve(GsmaHandler, Gsma(parser.parse_args(given)))


if __name__ == "__main__":
    main()
