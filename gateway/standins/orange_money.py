"""Plays Orange Money's Web Payment API, the page on which people pay and its bad days, in a process of its own.

``python -m gateway.standins.orange_money --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed.
What it holds is gone with it. It answers as Orange's documentation is quoted: tokens, ``webpayment`` with its unique
``order_id``, the page behind ``payment_url`` (a ``POST`` there confirms, as the payer does; too late it is EXPIRED),
``transactionstatus``, which knows no amount, and the notice with its ``notif_token``. An order that nobody touches
stays INITIATED. What is documented nowhere is assumed here: errors' codes, an ``order_id`` that is taken among them.
``/_play`` is not Orange's: it has what :mod:`.play` and :mod:`.tokens` have; tokens to pay and of notices are told too.
"""

from __future__ import annotations

import argparse
import base64
import re
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gateway.standins.play import Asked, Body, Operator, Query, Wrong, arguments, json_object, serve
from gateway.standins.tokens import TokenHandler, Tokens

# The keys that it accepts unless others are given: no secret of anybody's.
CLIENT_ID = "standin-client"
CLIENT_SECRET = "standin-client-secret"
MERCHANT_KEY = "standin-merchant-key"

# The currency that each country's address takes.
CURRENCIES = {"dev": "OUV", "bf": "XOF", "ci": "XOF", "cm": "XAF", "gn": "GNF", "ml": "XOF", "sn": "XOF"}


def wrong(status: int, code: int, message: str, description: str = "") -> Wrong:
    """An error in the form of Orange's APIs."""
    return Wrong(status, {"code": code, "message": message, "description": description})


@dataclass
class Linked(Asked):
    """An order and its page; ``late`` once the page is no longer good."""

    order_id: str = ""
    pay_token: str = field(default_factory=lambda: secrets.token_hex(32))
    notif_token: str = field(default_factory=lambda: secrets.token_hex(16))
    late: bool = False


class Orange(Operator[Linked]):
    """The orders of one merchant in one country."""

    WAITING = "INITIATED"
    PAID = "SUCCESS"
    FAILED = "FAILED"
    REJECTED = None
    EXPIRED = "EXPIRED"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.tokens = Tokens(options.token_lifetime)
        self.secrets: list[str] = []

    def check(self, body: Body) -> None:
        """Refuse an order as Orange would."""
        if body.get("merchant_key") != self.options.merchant_key:
            raise wrong(403, 50, "Access denied", "merchant_key")
        if body.get("currency") != CURRENCIES[self.options.country]:
            raise wrong(400, 23, "Invalid body field", "currency")
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,30}", str(body.get("order_id"))):
            raise wrong(400, 23, "Invalid body field", "order_id")
        if type(body.get("amount")) is not int or body["amount"] <= 0:
            raise wrong(400, 23, "Invalid body field", "amount")
        for name in ("return_url", "cancel_url"):
            if not urlsplit(str(body.get(name))).hostname:
                raise wrong(400, 23, "Invalid body field", name)
        if len(str(body.get("reference"))) > 30:
            raise wrong(400, 23, "Invalid body field", "reference")

    def decide(self, order: Linked, status: str, reason: Any) -> None:
        """As always; what stands for a reason elsewhere is a status of its own here."""
        if status == self.FAILED and reason in (self.FAILED, self.EXPIRED):
            status, reason = reason, None
        super().decide(order, status, reason)

    def _expire(self, order: Linked) -> None:
        """The page is no longer good; that changes no status by itself."""
        order.late = True

    def confirm(self, pay_token: str) -> Linked:
        """The payer confirms on the page."""
        order = next((one for one in list(self.orders.values()) if one.pay_token == pay_token), None)
        if order is None:
            raise wrong(404, 60, "Resource not found")
        if order.status == self.WAITING:
            self.decide(order, self.EXPIRED if order.late else self.PAID, None)
        return order

    def shown(self, order: Linked, report: Body) -> Body:
        """The status's answer; ``report`` replaces its fields."""
        why = {"message": order.reason} if order.reason else {}
        found = {"status": order.status, "order_id": order.order_id, "txnid": order.operator_id or "", **why}
        return {**found, **order.report, **report}

    def notice(self, order: Linked) -> Body:
        return {"status": order.status, "notif_token": order.notif_token, "txnid": order.operator_id or ""}

    def new_operator_id(self) -> str:
        return f"MP260709.1341.A{super().new_operator_id()}"

    def extra(self, order: Linked) -> Body:
        return {"pay_token": order.pay_token}


class OrangeHandler(TokenHandler):
    """Orange's addresses, and the page on which people pay."""

    operator: Orange

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        country = self.operator.options.country
        match method, path.strip("/").split("/"):
            case "POST", ["oauth", "v3", "token"]:
                self.answer_token(lambda: self._token(raw))
            case "POST", ["orange-money-webpay", named, "v1", "webpayment"] if named == country:
                self._webpayment(raw)
            case "POST", ["orange-money-webpay", named, "v1", "transactionstatus"] if named == country:
                self._status(raw)
            case "POST", ["payment", "pay_token", pay_token]:
                self.answer(200, {"status": self.operator.confirm(pay_token).status})
            case _:
                raise wrong(404, 60, "Resource not found", "The requested URI or the requested resource doesn't exist.")

    def secrets(self) -> list[str]:
        return super().secrets() + self.operator.secrets

    def _token(self, raw: bytes) -> Body:
        options = self.operator.options
        basic = base64.b64encode(f"{options.client_id}:{options.client_secret}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {basic}" or raw != b"grant_type=client_credentials":
            raise Wrong(401, {"error": "invalid_client", "error_description": "The client credentials aren't valid."})
        return self.operator.tokens.give("Bearer")

    def _webpayment(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["ask"] += 1
        script = operator.script_for("ask")
        if self.met(script):
            return
        self._check_caller()
        body = json_object(raw)
        operator.check(body)
        order = Linked(
            key=_key_of(body["order_id"]),
            payer="",
            amount=str(body["amount"]),
            currency=body["currency"],
            sent=body,
            status=operator.WAITING,
            callback_url=body.get("notif_url"),
            order_id=body["order_id"],
        )
        operator.secrets += [order.pay_token, order.notif_token]
        if not operator.take(order, script):
            raise wrong(400, 23, "Invalid body field", "order_id")
        if script.callback.before_response:
            operator.tell(order)
        page = f"http://127.0.0.1:{self.server.server_port}/payment/pay_token/{order.pay_token}"  # type: ignore[attr-defined]
        tokens = {"pay_token": order.pay_token, "payment_url": page, "notif_token": order.notif_token}
        self.conclude(script, 201, {"status": 201, "message": "OK", **tokens})

    def _status(self, raw: bytes) -> None:
        self.operator.calls["find"] += 1
        script = self.operator.script_for("find")
        if self.met(script):
            return
        self._check_caller()
        body = json_object(raw)
        order = self.operator.orders.get(_key_of(str(body.get("order_id"))))
        if order is None or (body.get("amount"), body.get("pay_token")) != (order.sent["amount"], order.pay_token):
            raise wrong(404, 60, "Resource not found")
        self.conclude(script, 201, self.operator.shown(order, script.report))

    def _check_caller(self) -> None:
        if not self.bears_token():
            raise wrong(401, 42, "Expired credentials", "The requested service needs credentials.")


def _key_of(named: str) -> str:
    """The order's name as the one who ordered writes it, should it be a UUID in base 32."""
    try:
        return str(uuid.UUID(bytes=base64.b32decode(named + "=" * (-len(named) % 8))))
    except ValueError:
        return named


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.orange_money", __doc__)
    parser.add_argument("--country", choices=sorted(CURRENCIES), default="dev")
    parser.add_argument("--client-id", default=CLIENT_ID)
    parser.add_argument("--client-secret", default=CLIENT_SECRET)
    parser.add_argument("--merchant-key", default=MERCHANT_KEY)
    parser.add_argument("--token-lifetime", type=int, default=3600, metavar="S")
    serve(OrangeHandler, Orange(parser.parse_args(given)))


if __name__ == "__main__":
    main()
