"""Plays pawaPay's Merchant API v2, the operators behind it, their payers' phones and bad days, in its own process.

``python -m gateway.standins.pawapay --port 0`` prints ``ready http://127.0.0.1:N`` and serves until it is killed. What
it holds is gone with it. It answers as docs.pawapay.io describes version 2: deposits and refunds with their checks and
DUPLICATE_IGNORED, their status, resend-callback, active-conf, availability, predict-provider, statements (see
:mod:`gateway.standins.pawapay_statements`), and signatures by RFC 9421 both ways, made here from the RFC's text and not
from the library that the gateway uses. ``/_play`` is not
pawaPay's: beside what all stand-ins have (see :mod:`gateway.standins.play`; a refund is approved or refused by its key
like a deposit)

==========================  ==========================================================================================
``POST /_play/callbacks``   ``{url?, sign?, digest?}``: where they go; ``der``, ``raw`` or ``none``; ``sha-256|512``
``POST /_play/rotate``      a new key signs callbacks from now on; the old one stays published
``POST /_play/merchant``    ``{id, key}``: from now on deposits and refunds must be signed with this public key
``POST /_play/terms``       ``{code, currency, …}``: replace words of one operator's terms of deposits
``POST /_play/port``        ``{payer, code, predicted?}``: this number's wallet is with another operator than its digits
                            say; predictions know it unless told
==========================  ==========================================================================================
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from gateway.standins.pawapay_statements import Desk, Statement
from gateway.standins.play import (
    Asked,
    Body,
    Callback,
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

# The token that it accepts unless another is given: no secret of anybody's.
API_TOKEN = "standin-pawapay-token"

# Country → calling code, and its operators: code, how their national numbers begin, how payers agree, and the decimals
# of each currency.
OPERATORS: dict[str, tuple[str, list[tuple[str, str, str, dict[str, str]]]]] = {
    "BEN": ("229", [
        ("MTN_MOMO_BEN", r"01(42|46|5[0-4679]|6[1-279]|9[0167])\d{6}|51345\d{3}", "PROVIDER_AUTH", {"XOF": "NONE"}),
        ("MOOV_BEN", r"01(45|55|58|6[03-58]|9[4589])\d{6}|95345\d{3}", "PROVIDER_AUTH", {"XOF": "NONE"}),
    ]),
    "BFA": ("226", [
        ("MOOV_BFA", r"[0567][0-3]\d{6}", "PROVIDER_AUTH", {"XOF": "NONE"}),
        ("ORANGE_BFA", r"[0567][4-7]\d{6}", "PREAUTH", {"XOF": "NONE"}),
    ]),
    "CIV": ("225", [
        ("MTN_MOMO_CIV", r"05\d{8}", "PROVIDER_AUTH", {"XOF": "NONE"}),
        ("ORANGE_CIV", r"07\d{8}", "PROVIDER_AUTH", {"XOF": "NONE"}),
        ("WAVE_CIV", r"(?!)", "REDIRECT_AUTH", {"XOF": "NONE"}),
    ]),
    "CMR": ("237", [
        ("MTN_MOMO_CMR", r"6(5[0-4]|7\d|8[0-3])\d{6}", "PROVIDER_AUTH", {"XAF": "NONE"}),
        ("ORANGE_CMR", r"6(5[5-9]|9\d|8[6-9]|40)\d{6}", "PROVIDER_AUTH", {"XAF": "NONE"}),
    ]),
    "COD": ("243", [
        ("VODACOM_MPESA_COD", r"8[1236]\d{7}", "PROVIDER_AUTH", {"CDF": "NONE", "USD": "TWO_PLACES"}),
        ("AIRTEL_COD", r"9[6-9]\d{7}", "PROVIDER_AUTH", {"CDF": "TWO_PLACES", "USD": "TWO_PLACES"}),
        ("ORANGE_COD", r"8[0459]\d{7}", "PROVIDER_AUTH", {"CDF": "TWO_PLACES", "USD": "TWO_PLACES"}),
    ]),
    "COG": ("242", [
        ("MTN_MOMO_COG", r"06\d{7}", "PROVIDER_AUTH", {"XAF": "NONE"}),
        ("AIRTEL_COG", r"0[45]\d{7}", "PROVIDER_AUTH", {"XAF": "NONE"}),
    ]),
    "RWA": ("250", [
        ("MTN_MOMO_RWA", r"7[89]\d{7}", "PROVIDER_AUTH", {"RWF": "NONE"}),
        ("AIRTEL_RWA", r"7[23]\d{7}", "PROVIDER_AUTH", {"RWF": "NONE"}),
    ]),
    "SEN": ("221", [
        ("ORANGE_SEN", r"7[178]\d{7}", "PROVIDER_AUTH", {"XOF": "NONE"}),
        ("FREE_SEN", r"76\d{7}", "PROVIDER_AUTH", {"XOF": "NONE"}),
        ("WAVE_SEN", r"(?!)", "REDIRECT_AUTH", {"XOF": "NONE"}),
    ]),
}  # fmt: skip
LEAST, MOST = "100", "2000000"

# The sandbox's test payers, by how their number ends: what becomes of their deposit; None never becomes final.
FATES: dict[str, tuple[str, str | None] | None] = {
    "019": ("FAILED", "PAYER_LIMIT_REACHED"),
    "029": ("FAILED", "PAYER_NOT_FOUND"),
    "039": ("FAILED", "PAYMENT_NOT_APPROVED"),
    "049": ("FAILED", "INSUFFICIENT_BALANCE"),
    "069": ("FAILED", "UNSPECIFIED_FAILURE"),
    "129": None,
    "789": ("COMPLETED", None),
}

_FIGURE = re.compile(r"([0]|([1-9][0-9]{0,17}))([.][0-9]{0,3}[1-9])?")
_TEXT = re.compile(r"[A-Za-z0-9 ]{4,22}")
_DEPOSIT = {
    "depositId", "amount", "currency", "payer", "clientReferenceId", "customerMessage", "metadata",
    "preAuthorisationCode", "successfulUrl", "failedUrl",
}  # fmt: skip
_REFUND = {"refundId", "depositId", "amount", "currency", "clientReferenceId", "metadata"}
_SIGNED_TO_US = {
    "@method", "@authority", "@path", "signature-date", "content-digest", "content-type", "content-length",
}  # fmt: skip


@dataclass
class Payment(Asked):
    """A deposit, or the refund of one (``of``)."""

    created: str = ""
    country: str = ""
    of: str | None = None


class Rejected(Exception):
    """HTTP 200 with REJECTED: a request that begins nothing."""


def wrong(status: int, code: str, message: str = "") -> Wrong:
    """A technical failure, as pawaPay writes them."""
    return Wrong(status, {"failureReason": {"failureCode": code, "failureMessage": message or code.lower()}})


class PawaPay(Operator[Payment]):
    """Deposits, refunds, keys and terms."""

    WAITING, PAID, FAILED = "ACCEPTED", "COMPLETED", "FAILED"
    REJECTED = EXPIRED = "PAYMENT_NOT_APPROVED"

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self.keys: list[tuple[str, ec.EllipticCurvePrivateKey]] = []
        self.merchant: tuple[str, Any] | None = None
        self.callbacks: str | None = options.callback_url
        self.sign: str = options.sign
        self.digest = "sha-512"
        self.changed_terms: dict[tuple[str, str], Body] = {}
        self.ported: dict[str, tuple[str, bool]] = {}
        self.desk = Desk()
        self.rotate()

    def reset(self) -> None:
        super().reset()
        self.callbacks, self.sign, self.merchant = self.options.callback_url, self.options.sign, None
        self.digest = "sha-512"
        self.changed_terms.clear()
        self.ported.clear()
        self.desk = Desk()

    # What active-conf says

    def terms(self, code: str, auth: str, decimals: str, currency: str) -> Body:
        words = {
            "authType": auth, "pinPrompt": "AUTOMATIC", "pinPromptRevivable": True, "decimalsInAmount": decimals,
            "minAmount": LEAST, "maxAmount": MOST, "status": "OPERATIONAL", "callbackUrl": self.callbacks,
        }  # fmt: skip
        return without_none({**words, **self.changed_terms.get((code, currency), {})})

    def terms_of(self, code: str, currency: str) -> Body:
        """The terms of deposits with one operator; raises :class:`Rejected` where there are none."""
        for _, operators in OPERATORS.values():
            for each, _, auth, currencies in operators:
                if each == code and currency in currencies:
                    return self.terms(code, auth, currencies[currency], currency)
                if each == code:
                    raise Rejected("INVALID_CURRENCY")
        raise Rejected("INVALID_PROVIDER")

    def conf(self, wanted: str) -> Body:
        countries = [
            {
                "country": country,
                "displayName": {"en": country, "fr": country},
                "prefix": prefix,
                "providers": [
                    {
                        "provider": code,
                        "displayName": code,
                        "nameDisplayedToCustomer": self.options.payee,
                        "currencies": [
                            {
                                "currency": currency,
                                "displayName": currency,
                                "operationTypes": {"DEPOSIT": self.terms(code, auth, decimals, currency)},
                            }
                            for currency, decimals in currencies.items()
                        ],
                    }
                    for code, _, auth, currencies in operators
                ],
            }
            for country, (prefix, operators) in OPERATORS.items()
            if wanted in ("", country)
        ]
        signed = {"signedRequestsOnly": self.merchant is not None, "signedCallbacks": self.sign != "none"}
        return {"companyName": self.options.payee, "signatureConfiguration": signed, "countries": countries}

    def availability(self, wanted: str) -> list[Body]:
        """Every operator's word for each of the operations, or for the one that is ``wanted``."""
        return [
            {
                "country": country,
                "providers": [
                    {
                        "provider": code,
                        "operationTypes": [
                            {"operationType": each, "status": word}
                            for each, word in self._status_of(code, auth, currencies).items()
                            if wanted in ("", each)
                        ],
                    }
                    for code, _, auth, currencies in operators
                ],
            }
            for country, (_, operators) in OPERATORS.items()
        ]

    def _status_of(self, code: str, auth: str, currencies: dict[str, str]) -> dict[str, Any]:
        currency, decimals = next(iter(currencies.items()))
        return {"DEPOSIT": self.terms(code, auth, decimals, currency).get("status"), "PAYOUT": "DELAYED"}

    def predicted(self, number: str) -> Body:
        digits = re.sub(r"\D", "", number)
        code, known = self.ported.get(digits, ("", False))
        if known:
            return {"country": code.rpartition("_")[2], "provider": code, "phoneNumber": digits}
        for country, (prefix, operators) in OPERATORS.items():
            for code, numbers, _, _ in operators:
                if digits.startswith(prefix) and re.fullmatch(numbers, digits.removeprefix(prefix)):
                    return {"country": country, "provider": code, "phoneNumber": digits}
        raise wrong(400, "INVALID_PARAMETER", "Phone number does not match any provider's format")

    # Deposits and refunds

    def deposit(self, body: Body, script: Script) -> bool:
        """Take a deposit; False when its key was taken before. Raises what pawaPay answers instead."""
        key = _check_shape(body, "depositId", _DEPOSIT)
        amount, currency = str(body.get("amount")), str(body.get("currency"))
        payer = body.get("payer")
        details = payer.get("accountDetails") if isinstance(payer, dict) and payer.get("type") == "MMO" else None
        if not isinstance(details, dict) or not isinstance(details.get("phoneNumber"), str):
            raise wrong(400, "MISSING_PARAMETER", "payer.accountDetails")
        number, code = details["phoneNumber"], str(details.get("provider"))
        if key not in self.orders:
            terms = self.terms_of(code, currency)
            _check_amount(amount, terms)
            if terms["status"] == "CLOSED":
                raise Rejected("PROVIDER_TEMPORARILY_UNAVAILABLE")
            if terms["authType"] == "PREAUTH" and not body.get("preAuthorisationCode"):
                raise wrong(400, "MISSING_PARAMETER", "preAuthorisationCode")
            self._check_number(number, code)
        created, country = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", code.rpartition("_")[2]
        order = Payment(
            key, number, amount, currency, body, self.WAITING, self.callbacks, created=created, country=country
        )
        return self.take(order, script)

    def refund(self, body: Body, script: Script) -> bool:
        """Take a refund; False when its key was taken before."""
        key = _check_shape(body, "refundId", _REFUND)
        of = self.orders.get(str(body.get("depositId")))
        if key not in self.orders:
            if of is None or of.of or of.status != self.PAID:
                raise Rejected("INVALID_STATE")
            earlier = [one for one in list(self.orders.values()) if one.of == of.key and one.status != self.FAILED]
            if any(one.status == self.WAITING for one in earlier):
                raise Rejected("REFUND_IN_PROGRESS")
            left = Decimal(of.amount) - sum((Decimal(one.amount) for one in earlier), Decimal(0))
            if not left:
                raise Rejected("DEPOSIT_ALREADY_REFUNDED")
            if not _FIGURE.fullmatch(str(body.get("amount", of.amount))):
                raise Rejected("INVALID_AMOUNT")
            if Decimal(str(body.get("amount", of.amount))) > left:
                raise Rejected("AMOUNT_TOO_LARGE")
        amount = str(body.get("amount", of.amount if of else "0"))
        created, country = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", of.country if of else ""
        order = Payment(
            key, of.payer if of else "", amount, of.currency if of else "", body, self.WAITING, self.callbacks,
            created=created, country=country, of=of.key if of else "?",
        )  # fmt: skip
        return self.take(order, script)

    def begin(self, order: Payment, script: Script) -> None:
        code, _ = self.ported.get(order.payer, ("", False))
        if code and not order.of and self._code(order) != code:
            self.later.after(0, lambda: self.decide(order, self.FAILED, "PAYER_NOT_FOUND"))
            return
        fate = FATES.get(order.payer[-3:], ("COMPLETED", None)) if self.options.sandbox else None
        if self.options.sandbox and not script.outcome and not order.of:
            if fate:
                self.later.after(self.options.callback_delay, lambda: self.decide(order, *fate))
            return
        super().begin(order, script)

    def _check_number(self, number: str, code: str) -> None:
        for prefix, operators in OPERATORS.values():
            for each, _, _, _ in operators:
                # Which operator a number really belongs to is known when it is asked: here only its form counts.
                if each == code and not re.fullmatch(rf"{prefix}\d{{8,10}}", number):
                    raise Rejected("INVALID_PHONE_NUMBER")

    def shown(self, order: Payment) -> Body:
        """``data`` of the status, and the callback."""
        details = {"type": "MMO", "accountDetails": {"phoneNumber": order.payer, "provider": self._code(order)}}
        found = {
            "refundId" if order.of else "depositId": order.key,
            "status": order.status,
            "amount": f"{Decimal(order.amount):.2f}",
            "currency": order.currency,
            "country": order.country,
            "recipient" if order.of else "payer": details,
            "customerMessage": order.sent.get("customerMessage"),
            "clientReferenceId": order.sent.get("clientReferenceId"),
            "created": order.created,
            "providerTransactionId": order.operator_id,
            "failureReason": {"failureCode": order.reason, "failureMessage": "as played"} if order.reason else None,
        }
        return without_none({**found, **order.report})

    def _code(self, order: Payment) -> str:
        deposit = self.orders.get(order.of) if order.of else order
        return str(deposit.sent["payer"]["accountDetails"]["provider"]) if deposit else ""

    def notice(self, order: Payment) -> Body:
        return self.shown(order)

    def tell_again(self, order: Payment) -> None:
        self.tell_once(order, Callback())

    def prompts(self, payer: str | None = None) -> list[Payment]:
        return [one for one in super().prompts(payer) if not one.of]

    def extra(self, order: Payment) -> Body:
        return {"of": order.of}

    # Signatures

    def rotate(self) -> str:
        key_id = f"HTTP_EC_P256_KEY:{len(self.keys) + 1}"
        self.keys.append((key_id, ec.generate_private_key(ec.SECP256R1())))
        return key_id

    def notice_headers(self, method: str, url: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self.sign == "none":
            return headers
        key_id, key = self.keys[-1]
        now, to = int(time.time()), urlsplit(url)
        headers["Content-Digest"] = _digest(body, self.digest)
        headers["Signature-Date"] = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H:%M:%SZ}"
        covered = ["@method", "@authority", "@path", "signature-date", "content-digest", "content-type"]
        params = "({});alg=\"ecdsa-p256-sha256\";keyid=\"{}\";created={};expires={}".format(
            " ".join(f'"{one}"' for one in covered), key_id, now, now + 60
        )  # fmt: skip
        values = {"@method": method, "@authority": to.netloc.lower(), "@path": to.path, **_lower(headers)}
        signature = key.sign(_base(covered, values, params), ec.ECDSA(hashes.SHA256()))
        if self.sign == "raw":
            signature = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))
        headers["Signature-Input"] = f"sig-pp={params}"
        headers["Signature"] = f"sig-pp=:{base64.b64encode(signature).decode()}:"
        return headers

    def check_signed(self, method: str, authority: str, path: str, given: dict[str, str], body: bytes) -> None:
        """Raise HTTP_SIGNATURE_ERROR unless the merchant's key signed this request just now."""
        if self.merchant is None:
            return
        key_id, key = self.merchant
        headers = _lower(given)
        label, _, params = headers.get("signature-input", "").partition("=")
        listed = re.match(r"\(([^)]*)\)", params)
        signature = re.fullmatch(rf"{re.escape(label)}=:([A-Za-z0-9+/=]+):", headers.get("signature", ""))
        if not listed or not signature:
            raise wrong(403, "HTTP_SIGNATURE_ERROR", "not signed")
        covered = re.findall(r'"([^"]*)"', listed[1])
        meta = dict(re.findall(r';([a-z]+)="?([^";]*)"?', params[listed.end() :]))
        values = {"@method": method, "@authority": authority.lower(), "@path": path, **headers}
        algorithm = headers.get("content-digest", "").partition("=")[0]
        checks = {
            "covered": set(covered) >= _SIGNED_TO_US and all(one in values for one in covered),
            "keyid": meta.get("keyid") == key_id,
            "alg": meta.get("alg") == "ecdsa-p256-sha256",
            "time": int(meta.get("created", 0)) - 5 <= time.time() <= int(meta.get("expires", 0)),
            "digest": algorithm in _HASHES and headers["content-digest"] == _digest(body, algorithm),
        }
        if failed := [name for name, holds in checks.items() if not holds]:
            raise wrong(403, "HTTP_SIGNATURE_ERROR", ", ".join(failed))
        try:
            key.verify(base64.b64decode(signature[1]), _base(covered, values, params), ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise wrong(403, "HTTP_SIGNATURE_ERROR", "does not hold") from None


class PawaPayHandler(Handler):
    """pawaPay's addresses."""

    operator: PawaPay

    def api(self, method: str, path: str, query: Query, raw: bytes) -> None:
        match method, path.strip("/").split("/"):
            case "POST", ["v2", "deposits"]:
                self._take("ask", path, raw, "depositId", self.operator.deposit)
            case "POST", ["v2", "refunds"]:
                self._take("give_back", path, raw, "refundId", self.operator.refund)
            case "GET", ["v2", "deposits", key]:
                self._status("find", key, refund=False)
            case "GET", ["v2", "refunds", key]:
                self._status("find_back", key, refund=True)
            case "POST", ["v2", "deposits", "resend-callback", key]:
                self._resend(key)
            case "GET", ["v2", "active-conf"]:
                self._help("conf", lambda: self.operator.conf(query.get("country", [""])[0]))
            case "GET", ["v2", "availability"]:
                self._help("availability", lambda: self.operator.availability(query.get("operationType", [""])[0]))
            case "POST", ["v2", "predict-provider"]:
                self._help("predict", lambda: self.operator.predicted(str(json_object(raw).get("phoneNumber"))))
            case "POST", ["v2", "statements"]:
                self._make_statement(raw)
            case "GET", ["v2", "statements", key]:
                self._statement_status(key)
            case "GET", ["downloads", key]:
                self._download(key)
            case "GET", ["v2", "public-key", "http"]:
                self._help("keys", self._public_keys)
            case _:
                self.answer(404, {"message": "Not found"})

    def control(self, method: str, path: str, query: Query, given: Body) -> None:
        operator = self.operator
        match method, path:
            case "POST", "callbacks":
                operator.callbacks = given.get("url", operator.callbacks)
                operator.sign = given.get("sign", operator.sign)
                operator.digest = given.get("digest", operator.digest)
                self.answer(200, {})
            case "POST", "port":
                operator.ported[re.sub(r"\D", "", given["payer"])] = given["code"], given.get("predicted", True)
                self.answer(200, {})
            case "POST", "rotate":
                self.answer(200, {"id": operator.rotate()})
            case "POST", "merchant":
                operator.merchant = given["id"], load_pem_public_key(given["key"].encode())
                self.answer(200, {})
            case "POST", "terms":
                code, currency = given.pop("code"), given.pop("currency")
                operator.changed_terms[code, currency] = given
                self.answer(200, {})
            case _:
                super().control(method, path, query, given)

    def _take(self, call: str, path: str, raw: bytes, name: str, take: Any) -> None:
        self.operator.calls[call] += 1
        body = json_object(raw)
        payer = body.get("payer")
        details = payer.get("accountDetails") if isinstance(payer, dict) else None
        script = self.operator.script_for(call, details.get("phoneNumber") if isinstance(details, dict) else None)
        if self.met(script) or self._turned_away():
            return
        self.operator.check_signed("POST", self.headers.get("Host", ""), path, dict(self.headers.items()), raw)
        try:
            status, reason = "ACCEPTED" if take(body, script) else "DUPLICATE_IGNORED", None
        except Rejected as why:
            status, reason = "REJECTED", {"failureCode": str(why), "failureMessage": str(why).lower()}
        order = self.operator.orders.get(str(body.get(name)))
        if order and script.callback.before_response:
            self.operator.tell(order)
        step = "FINAL_STATUS" if status == "ACCEPTED" and name == "depositId" else None
        answer = {name: body.get(name), "status": status, "nextStep": step, "failureReason": reason}
        self.conclude(script, 200, without_none({**answer, "created": order.created if order else None}))

    def _status(self, call: str, key: str, *, refund: bool) -> None:
        self.operator.calls[call] += 1
        script = self.operator.script_for(call)
        if self.met(script) or self._turned_away():
            return
        order = self.operator.orders.get(key)
        if not order or bool(order.of) is not refund:
            self.conclude(script, 200, {"status": "NOT_FOUND"})
        else:
            data = without_none({**self.operator.shown(order), **script.report})
            self.conclude(script, 200, {"status": "FOUND", "data": data})

    def _resend(self, key: str) -> None:
        self.operator.calls["resend"] += 1
        if self.met(self.operator.script_for("resend")) or self._turned_away():
            return
        order = self.operator.orders.get(key)
        if not order:
            self.answer(200, {"depositId": key, "status": "NOT_FOUND"})
        elif order.status not in (self.operator.PAID, self.operator.FAILED):
            reason = {"failureCode": "INVALID_STATE", "failureMessage": "not final"}
            self.answer(200, {"depositId": key, "status": "REJECTED", "failureReason": reason})
        else:
            self.operator.later.after(0, lambda: self.operator.tell_again(order))
            self.answer(200, {"depositId": key, "status": "ACCEPTED"})

    def _make_statement(self, raw: bytes) -> None:
        self.operator.calls["statement"] += 1
        script = self.operator.script_for("statement")
        if self.met(script) or self._turned_away():
            return
        wallets = {
            (country, currency, code)
            for country, (_, operators) in OPERATORS.items()
            for each, _, _, currencies in operators
            for currency in currencies
            for code in (each, None)
        }
        made = self.operator.desk.ask(json_object(raw), wallets, script, self.operator.options.callback_delay)
        if isinstance(made, Statement):
            self.conclude(script, 200, {"statementId": made.id, "status": "ACCEPTED", "created": made.created})
        else:
            self.conclude(script, 200, {"status": "REJECTED", "failureReason": made})

    def _statement_status(self, key: str) -> None:
        self.operator.calls["statement_status"] += 1
        script = self.operator.script_for("statement_status")
        if self.met(script) or self._turned_away():
            return
        made = self.operator.desk.made.get(key)
        if made is None:
            self.conclude(script, 200, {"status": "NOT_FOUND"})
        else:
            data = {**made.shown(f"http://{self.headers.get('Host')}/downloads/{key}"), **made.report, **script.report}
            self.conclude(script, 200, {"status": "FOUND", "data": without_none(data)})

    def _download(self, key: str) -> None:
        """The host that keeps files: it knows no token, and as such hosts do it refuses whoever brings one."""
        self.operator.calls["download"] += 1
        script = self.operator.script_for("download")
        if self.met(script):
            return
        made = self.operator.desk.made.get(key)
        if made is None or "Authorization" in self.headers:
            raise Wrong(400 if made else 403, {})
        operator = self.operator
        paid = [one for one in list(operator.orders.values()) if one.status == operator.PAID]
        self.conclude(script, 200, made.file([operator.shown(one) for one in paid]))

    def _help(self, call: str, tell: Any) -> None:
        self.operator.calls[call] += 1
        script = self.operator.script_for(call)
        if not self.met(script):
            self._check_token()
            self.conclude(script, 200, tell())

    def _public_keys(self) -> list[Body]:
        return [
            {
                "id": key_id,
                "key": key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
            }
            for key_id, key in self.operator.keys
        ]

    def _turned_away(self) -> bool:
        """Whether a script has answered in place of the check of the token."""
        if self.met(self.operator.script_for("token")):
            return True
        self._check_token()
        return False

    def _check_token(self) -> None:
        given = self.headers.get("Authorization", "")
        if not given.startswith("Bearer "):
            raise wrong(401, "NO_AUTHENTICATION")
        if given != f"Bearer {self.operator.options.api_token}":
            raise wrong(403, "AUTHENTICATION_ERROR")


_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def _digest(body: bytes, algorithm: str) -> str:
    return f"{algorithm}=:{base64.b64encode(_HASHES[algorithm](body).digest()).decode()}:"


def _base(covered: list[str], values: dict[str, str], params: str) -> bytes:
    """The signature base of RFC 9421, section 2.5, for components without parameters."""
    lines = [f'"{one}": {values[one].strip()}' for one in covered]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii")


def _lower(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _check_shape(body: Body, name: str, known: set[str]) -> str:
    if unknown := body.keys() - known:
        raise wrong(400, "UNSUPPORTED_PARAMETER", ", ".join(sorted(unknown)))
    try:
        right = uuid.UUID(str(body.get(name))).version == 4
    except ValueError:
        right = False
    if not right:
        raise wrong(400, "INVALID_PARAMETER", name)
    if "customerMessage" in body and not _TEXT.fullmatch(str(body["customerMessage"])):
        raise wrong(400, "INVALID_PARAMETER", "customerMessage")
    if len(body.get("metadata", ())) > 10:
        raise wrong(400, "INVALID_PARAMETER", "metadata")
    return str(body[name])


def _check_amount(amount: str, terms: Body) -> None:
    decimals = {"NONE": 0, "TWO_PLACES": 2}[terms["decimalsInAmount"]]
    if not _FIGURE.fullmatch(amount) or len(amount.partition(".")[2]) > decimals:
        raise Rejected("INVALID_AMOUNT")
    if not Decimal(terms["minAmount"]) <= Decimal(amount) <= Decimal(terms["maxAmount"]):
        raise Rejected("AMOUNT_OUT_OF_BOUNDS")


def main(given: list[str] | None = None) -> None:
    """Serve until killed."""
    parser = arguments("gateway.standins.pawapay", __doc__)
    parser.add_argument("--api-token", default=API_TOKEN)
    parser.add_argument("--callback-url", default=None, metavar="URL", help="where callbacks go; default: nowhere")
    parser.add_argument("--sign", choices=("der", "raw", "none"), default="der", help="how callbacks are signed")
    parser.add_argument("--sandbox", action="store_true", help="deposits fare as the ending of the number says")
    serve(PawaPayHandler, PawaPay(parser.parse_args(given)))


if __name__ == "__main__":
    main()
