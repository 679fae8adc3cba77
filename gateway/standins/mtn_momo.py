"""Plays MTN MoMo's Collections and refunds, its payers' phones and its bad days, in a process of its own.

``python -m gateway.standins.mtn_momo --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed. What
it holds is gone with it. It answers as momodeveloper.mtn.com describes the API: tokens of each product,
``requesttopay`` with its checks and its 409, the status, ``accountholder``, the balance, refunds by Disbursements, and
the sandbox's provisioning of API users and its test payers. A callback is sent once, unsigned. ``/_play`` is not
MTN's: it has what :mod:`.play` and :mod:`.tokens` have.
"""

from __future__ import annotations

import argparse
import base64
import re
import secrets
import uuid
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from gateway.standins.play import (
    Asked,
    Body,
    Operator,
    Query,
    Script,
    Wrong,
    arguments,
    json_object,
    serve,
    without_none,
)
from gateway.standins.tokens import TokenHandler, Tokens

# The keys that it accepts unless others are given or provisioned: no secret of anybody's.
API_USER = "11111111-1111-4111-8111-111111111111"
API_KEY = "standin-api-key"
SUBSCRIPTION_KEY = "standin-subscription-key"
DISBURSEMENT_KEY = "standin-disbursement-key"

# The currency that each target environment takes.
CURRENCIES = {
    "sandbox": "EUR",
    "mtnbenin": "XOF",
    "mtncameroon": "XAF",
    "mtncongo": "XAF",
    "mtnguineaconakry": "GNF",
    "mtnivorycoast": "XOF",
    "mtnrwanda": "RWF",
}

# The sandbox's test payers: what the status says, or the HTTP error that answers the request itself.
FATES: dict[str, tuple[str, str]] = {
    "46733123450": ("FAILED", "INTERNAL_PROCESSING_ERROR"),
    "46733123451": ("FAILED", "APPROVAL_REJECTED"),
    "46733123452": ("FAILED", "EXPIRED"),
    "46733123453": ("PENDING", "ONGOING"),
    "46733123454": ("PENDING", "DELAYED"),
    "46733123455": ("FAILED", "PAYER_NOT_FOUND"),
    "46733123456": ("FAILED", "PAYEE_NOT_ALLOWED_TO_RECEIVE"),
    "46733123463": ("FAILED", "COULD_NOT_PERFORM_TRANSACTION"),
    "46733123464": ("FAILED", "TRANSFER_TYPE_UNKNOWN"),
}
REFUSALS: dict[str, tuple[int, str]] = {
    "46733123457": (500, "NOT_ALLOWED"),
    "46733123458": (500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
    "46733123459": (500, "INVALID_CALLBACK_URL_HOST"),
    "46733123460": (500, "INVALID_CURRENCY"),
    "46733123461": (500, "INTERNAL_PROCESSING_ERROR"),
    "46733123462": (503, "SERVICE_UNAVAILABLE"),
}
DELAYED_S = 5.0  # after which the payer who is DELAYED has paid

COLLECTION, DISBURSEMENT = "collection", "disbursement"

_PLAIN = re.compile(r"[A-Za-z0-9 .,_-]*")


def wrong(status: int, code: str, message: str = "") -> Wrong:
    """An error in MTN's form."""
    return Wrong(status, {"code": code, "message": message or code.replace("_", " ").lower()})


@dataclass
class Request(Asked):
    """A request to pay, or (``of`` one) a refund; ``fate`` is what the sandbox does with its payer."""

    fate: tuple[str, str] | None = None


class Momo(Operator[Request]):
    """The wallets of one target environment, and the API users."""

    WAITING = "PENDING"
    PAID = "SUCCESSFUL"
    FAILED = "FAILED"
    REJECTED = "APPROVAL_REJECTED"
    EXPIRED = "COULD_NOT_PERFORM_TRANSACTION"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.tokens = Tokens(options.token_lifetime)
        self.users: dict[str, str] = {options.api_user: options.api_key}
        self.callback_hosts: dict[str, str] = {}
        self._holders: dict[str, tuple[str, str]] = {}
        self.subscriptions = {
            COLLECTION: options.subscription_key,
            DISBURSEMENT: options.disbursement_subscription_key,
        }

    # Tokens and users

    def give_token(self, product: str, authorization: str) -> Body:
        """A token of one product, for its API user."""
        try:
            user, _, key = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode().partition(":")
        except ValueError:
            raise wrong(401, "INVALID_CREDENTIALS") from None
        if self.users.get(user) != key:
            raise wrong(401, "INVALID_CREDENTIALS")
        token = self.tokens.give("access_token")
        self._holders[token["access_token"]] = (product, user)
        return {**token, "expires_in": self.tokens.life_s}

    def user_of(self, product: str, authorization: str) -> str:
        """The API user that a token of this product was given to."""
        held, user = self._holders.get(authorization.removeprefix("Bearer "), ("", ""))
        if not self.tokens.holds(authorization) or held != product:
            raise wrong(401, "INVALID_TOKEN")
        return user

    def add_user(self, name: str, callback_host: str) -> None:
        if name in self.users:
            raise wrong(409, "RESOURCE_ALREADY_EXIST")
        self.users[name] = ""
        self.callback_hosts[name] = callback_host

    def key_of(self, name: str) -> Body:
        if name not in self.users:
            raise wrong(404, "RESOURCE_NOT_FOUND")
        self.users[name] = secrets.token_hex(16)
        return {"apiKey": self.users[name]}

    # Requests to pay, and refunds

    def request_to_pay(self, key: str, body: Body, url: str | None, user: str) -> Request:
        """A request to pay as it would be taken, or what MTN answers instead."""
        _check_uuid4(key)
        self._check_body(body)
        payer = body.get("payer")
        if not isinstance(payer, dict) or payer.get("partyIdType") != "MSISDN":
            raise wrong(400, "BAD_REQUEST", "payer")
        number = str(payer.get("partyId"))
        if not re.fullmatch(r"[1-9]\d{7,14}", number):
            raise wrong(400, "BAD_REQUEST", "partyId")
        self._check_callback(url, user)
        fate = None
        if self.options.target_environment == "sandbox":
            if number in REFUSALS:
                raise wrong(*REFUSALS[number])
            fate = FATES.get(number)
        return Request(key, number, body["amount"], body["currency"], body, self.WAITING, url, fate=fate)

    def refund(self, key: str, body: Body) -> Request:
        """A refund as it would be taken, or what MTN answers instead."""
        _check_uuid4(key)
        self._check_body(body)
        of = self.orders.get(str(body.get("referenceIdToRefund")))
        if of is None:
            raise wrong(404, "RESOURCE_NOT_FOUND", "referenceIdToRefund")
        if key not in self.orders and Decimal(body["amount"]) > self.left(of):
            raise wrong(500, "NOT_ALLOWED", "more than was paid")
        return Request(key, of.payer, body["amount"], body["currency"], body, self.WAITING, of=of.key)

    def take(self, order: Request, script: Script) -> bool:
        if not super().take(order, script):
            raise wrong(409, "RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.")
        return True

    def begin(self, order: Request, script: Script) -> None:
        if order.fate is None or script.outcome or script.drop_after or script.callback.before_response:
            super().begin(order, script)
            return
        status, order.reason = order.fate
        if order.reason == "DELAYED":
            self.later.after(DELAYED_S, lambda: self.decide(order, self.PAID, None))
        elif status != self.WAITING:
            self.later.after(self.options.callback_delay, lambda: self.decide(order, status, order.reason))

    def _check_body(self, body: Body) -> None:
        if not isinstance(body.get("amount"), str) or not re.fullmatch(r"\d{1,12}(\.\d{1,2})?", body["amount"]):
            raise wrong(400, "BAD_REQUEST", "amount")
        if body.get("currency") != CURRENCIES.get(self.options.target_environment):
            raise wrong(500, "INVALID_CURRENCY", "Currency not supported.")
        for name in ("payerMessage", "payeeNote"):
            text = body.get(name)
            if not isinstance(text, str) or not text:
                raise wrong(500, "INTERNAL_PROCESSING_ERROR")
            if len(text) > 160 or not _PLAIN.fullmatch(text):
                raise wrong(400, "BAD_REQUEST", name)

    def _check_callback(self, url: str | None, user: str) -> None:
        if url is None:
            return
        to = urlsplit(url)
        if not to.hostname or not (to.scheme == "https" or (to.scheme == "http" and to.hostname == "127.0.0.1")):
            raise wrong(400, "BAD_REQUEST", "X-Callback-Url")
        if to.hostname != self.callback_hosts.get(user, to.hostname):
            raise wrong(500, "INVALID_CALLBACK_URL_HOST")

    def shown(self, order: Request) -> Body:
        """The status as MTN's GET and callback show it."""
        given = {"financialTransactionId": order.operator_id, "status": order.status, "reason": order.reason}
        party = {"payee": {"partyIdType": "MSISDN", "partyId": order.payer}} if order.of else {}
        return without_none({**order.sent, **party, **given, **order.report})

    def notice(self, order: Request) -> Body:
        return self.shown(order)

    def balance(self) -> Body:
        moved = (Decimal(one.amount) * (-1 if one.of else 1) for one in list(self.orders.values()) if one.debits)
        currency = CURRENCIES.get(self.options.target_environment)
        return {"availableBalance": str(sum(moved, Decimal(0))), "currency": currency}


class MomoHandler(TokenHandler):
    """MTN's addresses."""

    operator: Momo

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        operator = self.operator
        match method, path.strip("/").split("/"):
            case "POST", ["v1_0", "apiuser"]:
                self._check_subscription(COLLECTION)
                name = _check_uuid4(self.headers.get("X-Reference-Id", ""))
                operator.add_user(name, str(json_object(raw or b"{}").get("providerCallbackHost", "")))
                self.answer(201)
            case "POST", ["v1_0", "apiuser", name, "apikey"]:
                self._check_subscription(COLLECTION)
                self.answer(201, operator.key_of(name))
            case "POST", [("collection" | "disbursement") as product, "token"]:
                self.answer_token(lambda: self._token(product))
            case "POST", ["collection", "v1_0", "requesttopay"]:
                self._request_to_pay(raw)
            case "GET", ["collection", "v1_0", "requesttopay", key]:
                self._status("find", COLLECTION, key)
            case "POST", ["disbursement", "v1_0", "refund"]:
                self._refund(raw)
            case "GET", ["disbursement", "v1_0", "refund", key]:
                self._status("find_back", DISBURSEMENT, key)
            case "GET", ["collection", "v1_0", "accountholder", "msisdn", number, "active"]:
                operator.calls["active"] += 1
                self._check_caller(COLLECTION)
                self.answer(200, {"result": FATES.get(number, ("", ""))[1] != "PAYER_NOT_FOUND"})
            case "GET", ["collection", "v1_0", "account", "balance"]:
                operator.calls["balance"] += 1
                self._check_caller(COLLECTION)
                self.answer(200, operator.balance())
            case _:
                self.answer(404, {"statusCode": 404, "message": "Resource not found"})

    def _token(self, product: str) -> Body:
        self._check_subscription(product)
        return self.operator.give_token(product, self.headers.get("Authorization", ""))

    def _request_to_pay(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["ask"] += 1
        body = json_object(raw)
        payer = body.get("payer")
        script = operator.script_for("ask", payer.get("partyId") if isinstance(payer, dict) else None)
        if self.met(script):
            return
        user = self._check_caller(COLLECTION)
        key, url = self.headers.get("X-Reference-Id", ""), self.headers.get("X-Callback-Url")
        order = operator.request_to_pay(key, body, url, user)
        operator.take(order, script)
        if script.callback.before_response:
            operator.tell(order)
        self.conclude(script, 202)

    def _refund(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["give_back"] += 1
        script = operator.script_for("give_back")
        if self.met(script):
            return
        self._check_caller(DISBURSEMENT)
        with operator.lock:
            operator.take(operator.refund(self.headers.get("X-Reference-Id", ""), json_object(raw)), script)
        self.conclude(script, 202)

    def _status(self, call: str, product: str, key: str) -> None:
        operator = self.operator
        operator.calls[call] += 1
        script = operator.script_for(call)
        if self.met(script):
            return
        self._check_caller(product)
        order = operator.orders.get(key)
        if order is None or (order.of is not None) != (product == DISBURSEMENT):
            raise wrong(404, "RESOURCE_NOT_FOUND", "Requested resource was not found.")
        self.conclude(script, 200, without_none({**operator.shown(order), **script.report}))

    def _check_subscription(self, product: str) -> None:
        if self.headers.get("Ocp-Apim-Subscription-Key") != self.operator.subscriptions[product]:
            raise wrong(401, "ACCESS_DENIED", "Access denied due to invalid subscription key.")

    def _check_caller(self, product: str) -> str:
        self._check_subscription(product)
        user = self.operator.user_of(product, self.headers.get("Authorization", ""))
        if self.headers.get("X-Target-Environment") != self.operator.options.target_environment:
            raise wrong(500, "NOT_ALLOWED_TARGET_ENVIRONMENT")
        return user


def _check_uuid4(text: str) -> str:
    try:
        right = uuid.UUID(text).version == 4
    except ValueError:
        right = False
    if not right:
        raise wrong(400, "BAD_REQUEST", "X-Reference-Id must be a UUID of version 4")
    return text


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.mtn_momo", __doc__)
    parser.add_argument("--target-environment", choices=sorted(CURRENCIES), default="sandbox")
    parser.add_argument("--api-user", default=API_USER)
    parser.add_argument("--api-key", default=API_KEY)
    parser.add_argument("--subscription-key", default=SUBSCRIPTION_KEY)
    parser.add_argument("--disbursement-subscription-key", default=DISBURSEMENT_KEY)
    parser.add_argument("--token-lifetime", type=int, default=3600, metavar="S")
    serve(MomoHandler, Momo(parser.parse_args(given)))


if __name__ == "__main__":
    main()
