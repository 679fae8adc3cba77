"""Plays Airtel Money's collections API, its payers' phones and its bad days, in a process of its own.

``python -m gateway.standins.airtel_money --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed.
What it holds is gone with it. It answers as Airtel's documentation is quoted: tokens, the USSD push with and without
message signing, its checks and its ``ESB000041`` for an id that it has, the enquiry, which knows no amount, and the
refund of a whole payment by its number, once, after which the enquiry says TR. What is documented nowhere is assumed
here: the HTTP statuses of errors, and what a second refund meets. The callback goes to one address, as registered in
the portal. ``/_play`` is not Airtel's; beside what :mod:`.play` and :mod:`.tokens` have:

============================  ========================================================================================
``POST /_play/callback-url``  ``{url}``: the address that is registered for callbacks
``POST /_play/new-key``       a new key for message signing: what is signed for the old one no longer fits
============================  ========================================================================================
"""

from __future__ import annotations

import argparse
import base64
import re
import uuid

from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.standins.play import Asked, Body, Operator, Query, Wrong, arguments, json_object, serve
from gateway.standins.tokens import TokenHandler, Tokens

# The keys that it accepts unless others are given: no secret of anybody's.
CLIENT_ID = "standin-client"
CLIENT_SECRET = "standin-client-secret"

# Each country's calling code, and the currencies that are taken there.
COUNTRIES = {"CD": ("243", {"CDF", "USD"}), "CG": ("242", {"XAF"}), "NE": ("227", {"XOF"}), "RW": ("250", {"RWF"})}

TAKEN, PAID, AMBIGUOUS, EXPIRED = "DP00800001006", "DP00800001001", "DP00800001000", "DP00800001029"
GIVEN_BACK = "ESB000099"  # assumed: it is documented nowhere what a second refund of a payment meets
CODES = {"TIP": TAKEN, "TS": PAID, "TA": AMBIGUOUS, "TE": EXPIRED}


def wrong(status: int, result: str, message: str, response: str | None = None) -> Wrong:
    """An error in Airtel's form."""
    codes = {"result_code": result} | ({"response_code": response} if response else {})
    return Wrong(status, {"status": {"code": str(status), "message": message, "success": False, **codes}})


class Airtel(Operator[Asked]):
    """The wallets of one country."""

    WAITING = "TIP"
    PAID = "TS"
    FAILED = "TF"
    REJECTED = "DP00800001008"
    EXPIRED = "DP00800001024"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.calling, self.currencies = COUNTRIES[options.country]
        self.tokens = Tokens(options.token_lifetime)
        self.callback_url: str | None = options.callback_url
        self.new_key()

    def new_key(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)

    def public_key(self) -> str:
        return base64.b64encode(
            self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode()

    def read_signed(self, signature: str, key: str) -> bytes:
        """The payload that the two headers of message signing hold; raises :class:`Wrong`."""
        try:
            named = self.key.decrypt(base64.b64decode(key, validate=True), PKCS1v15())
            secret, start = (base64.b64decode(one, validate=True) for one in named.split(b":"))
            opened = Cipher(algorithms.AES(secret), modes.CBC(start)).decryptor()
            padded = opened.update(base64.b64decode(signature, validate=True)) + opened.finalize()
            unpadder = blocks.PKCS7(128).unpadder()
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            raise wrong(403, "ESB000011", "Forbidden", "DP00800001026") from None

    def check(self, body: Body, country: str, currency: str) -> None:
        """Refuse an order as Airtel would before it begins."""
        subscriber, transaction = body.get("subscriber"), body.get("transaction")
        if not isinstance(subscriber, dict) or not isinstance(transaction, dict):
            raise wrong(400, "ROUTER003", "Missing params")
        places = (subscriber, transaction, {"country": country, "currency": currency})
        if {one.get("country") for one in places} != {self.options.country}:
            raise wrong(400, "ROUTER006", "Invalid country")
        if len(named := {one.get("currency") for one in places}) > 1 or not named <= self.currencies:
            raise wrong(400, "ROUTER112", "Invalid currency")
        if not re.fullmatch(r"[1-9]\d{8}", str(subscriber.get("msisdn"))):
            raise wrong(400, "ESB000033", "Invalid MSISDN Length")
        if not re.fullmatch(r"[A-Za-z0-9]{4,64}", str(transaction.get("id"))):
            raise wrong(400, "ESB000008", "id")
        if not re.fullmatch(r"[A-Za-z0-9 ]{4,64}", str(body.get("reference"))):
            raise wrong(400, "ESB000008", "reference")
        amount = transaction.get("amount")
        if isinstance(amount, bool) or not isinstance(amount, int | float) or amount <= 0:
            raise wrong(400, "ESB000008", "amount")

    def refund(self, body: Body) -> Asked:
        """A refund as it would be taken, or what Airtel answers instead."""
        transaction = body.get("transaction")
        named = transaction.get("airtel_money_id") if isinstance(transaction, dict) else None
        of = next((one for one in list(self.orders.values()) if named and one.operator_id == named), None)
        if of is None:
            raise wrong(200, "ESB000045", "No Transaction Found With Provided Transaction Id.")
        if self.left(of) <= 0:
            raise wrong(400, GIVEN_BACK, "Transaction is refunded already.")
        return Asked(f"back:{of.key}", of.payer, of.amount, of.currency, body, self.WAITING, of=of.key)

    def is_back(self, order: Asked) -> bool:
        back = self.orders.get(f"back:{order.key}")
        return back is not None and back.status == self.PAID

    def shown(self, order: Asked, report: Body) -> Body:
        """The enquiry's answer; ``report`` replaces fields of its transaction."""
        paid = {"airtel_money_id": order.operator_id} if order.status == self.PAID else {}
        status = "TR" if self.is_back(order) else order.status
        told = {"id": order.sent["transaction"]["id"], "message": "", "status": status}
        code = CODES.get(order.status, order.reason)
        return {
            "data": {"transaction": {**told, **paid, **order.report, **report}},
            "status": {
                "code": "200",
                "message": "SUCCESS",
                "result_code": "ESB000010",
                "response_code": code,
                "success": True,
            },
        }

    def notice(self, order: Asked) -> Body:
        """The callback, which knows only TS and TF."""
        paid = {"airtel_money_id": order.operator_id} if order.status == self.PAID else {}
        code = "TS" if order.status == self.PAID else "TF"
        told = {"id": order.sent["transaction"]["id"], "message": f"{order.amount} {order.currency}"}
        return {"transaction": {**told, "status_code": code, **paid}}

    def new_operator_id(self) -> str:
        return f"MP{super().new_operator_id()}"


class AirtelHandler(TokenHandler):
    """Airtel's addresses."""

    operator: Airtel

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        match method, path.strip("/").split("/"):
            case "POST", ["auth", "oauth2", "token"]:
                self.answer_token(lambda: self._token(raw))
            case "GET", ["v1", "rsa", "encryption-keys"]:
                self._key()
            case "POST", ["merchant", ("v1" | "v2") as version, "payments"]:
                self._pay(version, raw)
            case "POST", ["standard", "v1", "payments", "refund"]:
                self._refund(raw)
            case "GET", ["standard", "v1", "payments", named]:
                self._enquiry(named)
            case _:
                self.answer(404, {"message": "no Route matched with those values"})

    def control(self, method: str, path: str, query: Query, given: Body) -> None:
        operator = self.operator
        match method, path:
            case "POST", "callback-url":
                operator.callback_url = given["url"]
                self.answer(200, {})
            case "POST", "new-key":
                operator.new_key()
                self.answer(200, {})
            case _:
                super().control(method, path, query, given)

    def _token(self, raw: bytes) -> Body:
        options = self.operator.options
        wanted = {
            "client_id": options.client_id,
            "client_secret": options.client_secret,
            "grant_type": "client_credentials",
        }
        if json_object(raw) != wanted:
            raise Wrong(401, {"error": "invalid_client", "error_description": "Invalid client authentication"})
        return self.operator.tokens.give("bearer")

    def _key(self) -> None:
        self.operator.calls["key"] += 1
        script = self.operator.script_for("key")
        if self.met(script):
            return
        self._check_caller()
        self.conclude(script, 200, {"data": {"key_id": 1, "key": self.operator.public_key()}, "status": {}})

    def _pay(self, version: str, raw: bytes) -> None:
        operator = self.operator
        operator.calls["ask"] += 1
        body = json_object(raw)
        subscriber = body.get("subscriber")
        national = str(subscriber.get("msisdn")) if isinstance(subscriber, dict) else ""
        script = operator.script_for("ask", f"{operator.calling}{national}")
        if self.met(script):
            return
        self._check_caller()
        if version == "v2" and operator.read_signed(*self._headers("x-signature", "x-key")) != raw:
            raise wrong(403, "ESB000011", "Forbidden", "DP00800001026")
        operator.check(body, *self._headers("X-Country", "X-Currency"))
        transaction = body["transaction"]
        order = Asked(
            _key_of(transaction["id"]),
            f"{operator.calling}{national}",
            str(transaction["amount"]),
            transaction["currency"],
            body,
            operator.WAITING,
            operator.callback_url,
        )
        if not operator.take(order, script):
            raise wrong(400, "ESB000041", "External Transaction ID already exists.")
        if script.callback.before_response:
            operator.tell(order)
        taken = {"id": transaction["id"], "status": "SUCCESS"}
        codes = {"code": "200", "message": "SUCCESS", "result_code": "ESB000010", "response_code": TAKEN}
        self.conclude(script, 200, {"data": {"transaction": taken}, "status": {**codes, "success": True}})

    def _refund(self, raw: bytes) -> None:
        operator = self.operator
        operator.calls["give_back"] += 1
        script = operator.script_for("give_back")
        if self.met(script):
            return
        self._check_caller()
        with operator.lock:
            back = operator.refund(json_object(raw))
            operator.take(back, script)
        told = {"airtel_money_id": operator.new_operator_id(), "status": "SUCCESS"}
        codes = {"code": "200", "message": "SUCCESS", "result_code": "ESB000010", "success": False}
        self.conclude(script, 200, {"data": {"transaction": told}, "status": codes})

    def _enquiry(self, named: str) -> None:
        self.operator.calls["find"] += 1
        script = self.operator.script_for("find")
        if self.met(script):
            return
        self._check_caller()
        order = self.operator.orders.get(_key_of(named))
        if order is None:
            raise wrong(200, "ESB000045", "No Transaction Found With Provided Transaction Id.")
        self.conclude(script, 200, self.operator.shown(order, script.report))

    def _headers(self, *names: str) -> list[str]:
        return [self.headers.get(name, "") for name in names]

    def _check_caller(self) -> None:
        if not self.bears_token():
            raise Wrong(401, {"error": "invalid_token", "error_description": "The access token is invalid"})


def _key_of(named: str) -> str:
    """The order's name as the one who ordered writes it, should that be a UUID."""
    try:
        return str(uuid.UUID(named))
    except ValueError:
        return named


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.airtel_money", __doc__)
    parser.add_argument("--country", choices=sorted(COUNTRIES), default="RW")
    parser.add_argument("--client-id", default=CLIENT_ID)
    parser.add_argument("--client-secret", default=CLIENT_SECRET)
    parser.add_argument("--token-lifetime", type=int, default=180, metavar="S")
    parser.add_argument("--callback-url", help="the address that is registered for callbacks")
    serve(AirtelHandler, Airtel(parser.parse_args(given)))


if __name__ == "__main__":
    main()
