"""Plays Safaricom's Daraja: M-Pesa Express, its payers' phones and its bad days, in a process of its own.

``python -m gateway.standins.daraja --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed. What
it holds is gone with it. It answers as developer.safaricom.co.ke describes the API: tokens, the push with its checks,
which is a new prompt each time, and the query, which knows neither amount nor receipt. A callback is sent once,
unsigned. What is reported and not documented is played as it is reported: HTTP 404 for a token that isn't good, HTTP
500 and "being processed" for a push that nobody has answered.

Daraja knows no key of ours. The tests and the demonstration name an order by the last part of its callback address,
where the gateway puts the key; ``/_play/requests`` has each push, several with one key where one order was sent twice.
``/_play`` is not Daraja's: it has what :mod:`.play` and :mod:`.tokens` have.
"""

from __future__ import annotations

import argparse
import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from gateway.standins.play import (
    Asked,
    Body,
    Operator,
    Query,
    Wrong,
    arguments,
    json_object,
    serve,
    without_none,
)
from gateway.standins.tokens import TokenHandler, Tokens

# What it accepts unless others are given: no secret of anybody's.
CONSUMER_KEY = "standin-consumer-key"
CONSUMER_SECRET = "standin-consumer-secret"
SHORT_CODE = "600999"
PASSKEY = "standin-passkey"

NAIROBI = timedelta(hours=3)

RESULTS = {
    "0": "The service request is processed successfully.",
    "1": "The balance is insufficient for the transaction.",
    "1019": "Transaction has expired.",
    "1032": "Request cancelled by user.",
    "1037": "DS timeout user cannot be reached.",
    "2001": "The initiator information is invalid.",
}


def wrong(status: int, code: str, message: str) -> Wrong:
    """An error in Daraja's form."""
    return Wrong(status, {"requestId": "1000-1000-1", "errorCode": code, "errorMessage": message})


def bad(what: str) -> Wrong:
    return wrong(400, "400.002.02", f"Bad Request - Invalid {what}")


@dataclass
class Push(Asked):
    """A push, whose ``key`` is its CheckoutRequestID; ``order`` is how the one who sent it names what it is for."""

    order: str = ""
    connection: int = 0


class Safaricom(Operator[Push]):
    """The wallets, and one pay bill number."""

    WAITING = "waiting"
    PAID = "0"
    FAILED = "failed"
    REJECTED = "1032"
    EXPIRED = "1037"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.tokens = Tokens(options.token_lifetime)
        self._pushes = iter(range(10**9))

    def new_push(self, body: Body, connection: int) -> Push:
        """A push with a name of its own, which ends with the payer's number as Daraja's do."""
        payer, url = body["PhoneNumber"], body["CallBackURL"]
        at = datetime.now(UTC) + NAIROBI
        return Push(
            f"ws_CO_{at:%d%m%Y%H%M%S}{next(self._pushes):03d}{payer[-9:]}",
            payer,
            str(body["Amount"]),
            "KES",
            body,
            self.WAITING,
            None if str(urlsplit(url).hostname).endswith(".invalid") else url,
            order=url.rpartition("/")[2],
            connection=connection,
        )

    def extra(self, order: Push) -> Body:
        return {"key": order.order, "handle": order.key, "connection": order.connection}

    def chosen(self, given: Body) -> Push:
        """The last push for the order that a control call means."""
        named = [one for one in list(self.orders.values()) if one.order == given.get("key")]
        return named[-1] if named else super().chosen(given)

    def prompt(self, order: Push) -> Body:
        return {**super().prompt(order), "key": order.order}

    def result(self, order: Push) -> tuple[str, str]:
        code = str(order.reason or order.status)
        return code, RESULTS.get(code, "told")

    def shown(self, order: Push, report: Body) -> Body:
        """The query's answer about a push that is decided; ``report`` replaces its fields."""
        code, told = self.result(order)
        found = {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": "1000-1000-1",
            "CheckoutRequestID": order.key,
            "ResultCode": code,
            "ResultDesc": told,
        }
        return without_none({**found, **order.report, **report})

    def notice(self, order: Push) -> Body:
        """The callback."""
        code, told = self.result(order)
        found: Body = {
            "MerchantRequestID": "1000-1000-1",
            "CheckoutRequestID": order.key,
            "ResultCode": int(code) if code.isdigit() else code,
            "ResultDesc": told,
        }
        if order.status == self.PAID:
            paid: dict[str, Any] = {
                "Amount": float(order.amount),
                "MpesaReceiptNumber": order.operator_id,
                "Balance": None,
                "TransactionDate": int(f"{datetime.now(UTC) + NAIROBI:%Y%m%d%H%M%S}"),
                "PhoneNumber": int(order.payer),
            }
            items = [without_none({"Name": name, "Value": value}) for name, value in paid.items()]
            found["CallbackMetadata"] = {"Item": items}
        return {"Body": {"stkCallback": found}}

    def new_operator_id(self) -> str:
        return f"T{super().new_operator_id()[-9:]}"

    def check_signed(self, body: Body) -> None:
        """Refuse what doesn't come from the owner of the pay bill number."""
        options, at = self.options, body.get("Timestamp")
        if body.get("BusinessShortCode") != options.short_code:
            raise bad("BusinessShortCode")
        if not isinstance(at, str) or not re.fullmatch(r"20\d{12}", at):
            raise bad("Timestamp")
        if body.get("Password") != base64.b64encode(f"{options.short_code}{options.passkey}{at}".encode()).decode():
            raise wrong(500, "500.001.1001", "Wrong credentials")

    def check(self, body: Body) -> None:
        """Refuse a push as Daraja would before it begins."""
        if body.get("TransactionType") != "CustomerPayBillOnline":
            raise bad("TransactionType")
        if type(body.get("Amount")) is not int or not 1 <= body["Amount"] <= 250_000:
            raise bad("Amount")
        if not re.fullmatch(r"254[17]\d{8}", str(body.get("PhoneNumber"))) or body.get("PartyA") != body["PhoneNumber"]:
            raise bad("PhoneNumber")
        if body.get("PartyB") != self.options.short_code:
            raise wrong(500, "500.001.1001", "Merchant does not exist")
        to = urlsplit(str(body.get("CallBackURL")))
        if not to.hostname or not (to.scheme == "https" or (to.scheme == "http" and to.hostname == "127.0.0.1")):
            raise bad("CallBackURL")
        if not re.fullmatch(r"[A-Za-z0-9]{1,12}", str(body.get("AccountReference"))):
            raise bad("AccountReference")
        if not 1 <= len(str(body.get("TransactionDesc", ""))) <= 13:
            raise bad("TransactionDesc")


class DarajaHandler(TokenHandler):
    """Daraja's addresses."""

    operator: Safaricom

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        match method, path:
            case "GET", "/oauth/v1/generate":
                self.answer_token(lambda: self._token(query))
            case "POST", "/mpesa/stkpush/v1/processrequest":
                self._push(raw)
            case "POST", "/mpesa/stkpushquery/v1/query":
                self._query(raw)
            case _:
                raise wrong(404, "404.001.01", "Resource not found")

    def _token(self, query: Query) -> Body:
        options = self.operator.options
        basic = base64.b64encode(f"{options.consumer_key}:{options.consumer_secret}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {basic}":
            raise wrong(400, "400.008.01", "Invalid Authentication passed")
        if query.get("grant_type") != ["client_credentials"]:
            raise wrong(400, "400.008.02", "Invalid grant type passed")
        token = self.operator.tokens.give("bearer")
        return {"access_token": token["access_token"], "expires_in": token["expires_in"]}

    def _push(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["ask"] += 1
        body = json_object(raw)
        script = operator.script_for("ask", str(body.get("PhoneNumber")))
        if self.met(script):
            return
        self._check_caller(body)
        operator.check(body)
        push = operator.new_push(body, self.client_address[1])
        operator.take(push, script)
        if script.callback.before_response:
            operator.tell(push)
        taken = {
            "MerchantRequestID": "1000-1000-1",
            "CheckoutRequestID": push.key,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }
        self.conclude(script, 200, taken)

    def _query(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["find"] += 1
        script = operator.script_for("find")
        if self.met(script):
            return
        body = json_object(raw)
        self._check_caller(body)
        push = operator.orders.get(str(body.get("CheckoutRequestID")))
        if push is None:
            raise bad("CheckoutRequestID")
        if push in operator.prompts() and not script.report:
            raise wrong(500, "500.001.1001", "The transaction is being processed")
        self.conclude(script, 200, operator.shown(push, script.report))

    def _check_caller(self, body: Body) -> None:
        if not self.bears_token():
            raise wrong(404, "404.001.03", "Invalid Access Token")
        self.operator.check_signed(body)


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.daraja", __doc__)
    parser.add_argument("--consumer-key", default=CONSUMER_KEY)
    parser.add_argument("--consumer-secret", default=CONSUMER_SECRET)
    parser.add_argument("--short-code", default=SHORT_CODE)
    parser.add_argument("--passkey", default=PASSKEY)
    parser.add_argument("--token-lifetime", type=int, default=3599, metavar="S")
    serve(DarajaHandler, Safaricom(parser.parse_args(given)))


if __name__ == "__main__":
    main()
