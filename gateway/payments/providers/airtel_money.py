"""Airtel Money collections: asks a wallet by USSD push and believes nothing but the enquiry that it makes itself.

Documented by Airtel Africa's developer portal, as public integrations quote it:

* ``transaction.id`` is ours and unique: Airtel takes it once (``ESB000041`` ever after), and the enquiry is by it. We
  send our key without its hyphens: with them, an integration in production got "transaction ID is invalid" later on.
* ``status.success`` is about the call. Of an order, its ``response_code`` decides; ``data.transaction.status`` there is
  often TS before the payer has typed anything. Of an enquiry, ``data.transaction.status`` decides.
* What Airtel calls ambiguous (``ESB000001``, ``ESB000008``, time-outs …) decides nothing: the enquiry does.
* The enquiry tells neither payer nor amount: the payer is asked for one amount and can only take it or leave it, so
  what was paid is what was ordered. Should an amount be told all the same, it is what counts.
* A callback goes to the one address that was registered in the portal. The bytes that its ``hash`` signs are documented
  nowhere, so :meth:`AirtelMoney.read` gives a hint and decides nothing.
* A refund gives back a payment as a whole, by Airtel's number of it. It takes no key of ours and has no enquiry of its
  own: the payment's then says TR. So the enquiry comes first, and what was given back is not asked for again; a refund
  whose answer was lost is *never* said to be missing, for it may be under way.
* With message signing (version 2 of the call) the payload travels a second time, encrypted (AES-256-CBC) under a key
  that is sent encrypted (RSA, PKCS #1 v1.5) with Airtel's public key, which Airtel renews: it is asked for.

Assumed: a payment is given back once at most, however often that is asked; letters and digits alone are safe in
``reference``; the payer's number is national, without a trunk 0.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import phonenumbers
from cryptography.hazmat.primitives import padding as blocks
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.payments.providers.base import (
    MAX_SAID,
    Accepted,
    AskAnswer,
    FindAnswer,
    Hint,
    NotFound,
    Order,
    Paid,
    Reason,
    Refused,
    Repayment,
    Unclear,
    Waiting,
)
from gateway.payments.providers.common import (
    REASK_S,
    Bearer,
    NoToken,
    Outcome,
    decide,
    fits_header,
    json_body,
    lacking,
    no_status,
    not_asked,
    notice_fields,
    order_key,
    part,
    read_figure,
    read_operator_id,
    read_uuid,
    refused,
    said_of,
    turned_away,
    unheard,
)
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.payments.providers.kept import Good, Kept
from gateway.settings import Settings

TOKEN_PATH = "/auth/oauth2/token"
PAY_PATH = "/merchant/v1/payments/"
SIGNED_PAY_PATH = "/merchant/v2/payments/"
ENQUIRY_PATH = "/standard/v1/payments/"
REFUND_PATH = "/standard/v1/payments/refund"
KEY_PATH = "/v1/rsa/encryption-keys"

# What the enquiry's data.transaction.status says.
SUCCESS, FAILED, REVERSED = "TS", "TF", "TR"
WAITING = {"TIP", "TA"}  # in progress, ambiguous: to be asked again
OVER = {"TE": Reason.EXPIRED, REVERSED: Reason.OTHER}  # reversed money was there and has gone back: it is no payment

# Response codes of collections that say why there is no money, final in an order's answer and beside a TF alike.
REASONS = {
    "DP00800001002": Reason.REJECTED,  # a wrong PIN
    "DP00800001003": Reason.LIMIT,
    "DP00800001004": Reason.AMOUNT,  # less than Airtel takes
    "DP00800001005": Reason.EXPIRED,  # no PIN was typed (elsewhere: the id is invalid)
    "DP00800001007": Reason.INSUFFICIENT,
    "DP00800001008": Reason.REJECTED,
    "DP00800001009": Reason.OTHER,  # "do not honour": a refusal that has several causes
    "DP00800001010": Reason.NOT_ALLOWED,
    "DP00800001026": Reason.CONFIGURATION,  # the signature and the payload don't agree
    "DP00800001029": Reason.EXPIRED,
}
# Final beside a TF, but not in an order's answer, where it says that Airtel lost sight of it.
TIMED_OUT = {"DP00800001024": Reason.EXPIRED}

TAKEN = {"DP00800001001", "DP00800001006"}  # success, in process
DUPLICATE = "ESB000041"
DONE = "ESB000010"
# The order may have begun: the enquiry says.
AMBIGUOUS = {
    "0000900",
    "DP00800001000",
    "DP00800001024",
    "DP00800001025",
    "ESB000001",
    "ESB000004",
    "ESB000008",
    "ESB000014",
    "ROUTER117",
}
# Refused before it began.
NOT_BEGUN = {
    "ESB000011": Reason.UNAVAILABLE,
    "ESB000033": Reason.CONFIGURATION,  # the number's length
    "ESB000034": Reason.CONFIGURATION,
    "ESB000035": Reason.CONFIGURATION,
    "ESB000036": Reason.CONFIGURATION,  # the number's length, or its first digit
    "ESB000039": Reason.CONFIGURATION,  # we are not set up for this country
    "ROUTER001": Reason.CONFIGURATION,
    "ROUTER003": Reason.CONFIGURATION,
    "ROUTER005": Reason.CONFIGURATION,
    "ROUTER006": Reason.CONFIGURATION,
    "ROUTER007": Reason.CONFIGURATION,
    "ROUTER112": Reason.CONFIGURATION,
    "ROUTER119": Reason.CONFIGURATION,
}
UNKNOWN_ID = {"ESB000045", "DP00800001025"}
BAD_SIGNATURE = "DP00800001026"

KEY_LIFE_S = 12 * 3600.0

_CODE = re.compile(r"DP\d{11}|ESB\d{6}|ROUTER\d{3}|0000900")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Enquiry:
    """An enquiry that was answered: what it says of the transaction, and its response and result code."""

    found: Mapping[str, Any]
    codes: tuple[str, str]


class AirtelMoney:
    """The provider ``airtel_money`` for one merchant in one country; see :class:`~.base.Provider`."""

    name = "airtel_money"

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        country: str,
        base_url: str,
        sign: bool = False,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make no call yet.

        ``country`` is ISO alpha-2: whose wallets are asked, whatever the mutuelle's own. ``sign`` selects message
        signing. ``monotonic`` counts seconds and measures the age of token and key. Raises :class:`Fault` for a
        country that has no calling code.
        """
        code = phonenumbers.country_code_for_region(country)
        if not code or not fits_header(country):
            raise Fault(f"Airtel Money: {country} is no country")
        self.country = country
        self._calling = f"+{code}"
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._bearer = Bearer(self.name, self._http, self._ask_token, monotonic)
        self._sign = sign
        self._keys: Kept[RSAPublicKey, Outcome] = Kept(self._fetch_key, monotonic)

    @classmethod
    def from_settings(cls, settings: Settings) -> AirtelMoney:
        """The provider that the ``AIRTEL_MONEY_*`` settings describe."""
        return cls(
            client_id=settings.airtel_money_client_id,
            client_secret=settings.airtel_money_client_secret.get_secret_value(),
            country=settings.airtel_money_country,
            base_url=settings.airtel_money_base_url,
            sign=settings.airtel_money_sign,
        )

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a payment; an amount that isn't positive and a number of another country are refused here."""
        key = order_key(order.key)
        if order.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        if not order.payer.startswith(self._calling):
            return Refused(Reason.NO_WALLET, f"not a number of {self.country}")
        return _asked(self._pay(order.amount.currency, self._body(order, key)))

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of an order, by our key."""
        told = self._enquire(order)
        return self._status(order, told) if isinstance(told, _Enquiry) else told

    def give_back(self, repayment: Repayment) -> AskAnswer:
        """Ask that a payment be given back, unless it has been; a part of it is refused here."""
        key, order = str(order_key(repayment.key)), repayment.order
        if repayment.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        now = self._still_here(repayment)
        if isinstance(now, Unclear) and now.reason == "mismatch":
            return Refused(Reason.OTHER, now.said)
        if isinstance(now, Unclear):  # whatever it was, nothing was asked for yet
            return Unclear(now.reason, now.said, now.safe_to_ask_again_after_s or REASK_S)
        if now is None:
            return Accepted("given back already", repayment.handle)
        if repayment.amount != now.amount:
            return Refused(Reason.AMOUNT, "a payment goes back as a whole")
        body = json_body({"transaction": {"airtel_money_id": repayment.operator_id}})
        headers = {"Content-Type": "application/json", **self._place(order.amount.currency)}
        return _refund_asked(key, self._bearer.call("POST", REFUND_PATH, headers, body))

    def find_back(self, repayment: Repayment) -> FindAnswer:
        """Ask whether a payment has gone back, by the enquiry about it."""
        order_key(repayment.key)
        now = self._still_here(repayment)
        if isinstance(now, Unclear):
            return now
        if now is None:
            return Paid(repayment.amount, repayment.handle or repayment.operator_id, None, f"{REVERSED} given back")
        if repayment.handle is not None:
            return Waiting(now.said)
        return Unclear("no-handle", f"{now.said}: whether a refund is under way is not told")

    def _still_here(self, repayment: Repayment) -> Paid | Unclear | None:
        """The payment as the enquiry tells it; None once it has gone back."""
        told = self._enquire(repayment.order)
        if isinstance(told, Unclear):
            return told
        found = self._status(repayment.order, told) if isinstance(told, _Enquiry) else told
        if isinstance(found, Refused) and isinstance(told, _Enquiry) and told.found["status"] == REVERSED:
            return None
        if isinstance(found, Unclear) or (isinstance(found, Paid) and found.operator_id == repayment.operator_id):
            return found
        log.error("airtel_money: %s is to go back, and isn't there: %s", repayment.order.key, found.said)
        return Unclear("mismatch", found.said)

    def _enquire(self, order: Order) -> _Enquiry | NotFound | Unclear:
        key = order_key(order.key)
        answer = self._bearer.call("GET", f"{ENQUIRY_PATH}{key.hex}", self._place(order.amount.currency))
        if not isinstance(answer, Answer):
            return no_status(self.name, answer, _said)
        found = part(part(answer.fields(), "data"), "transaction")
        if answer.status == 200 and found.get("status") is not None:
            return _Enquiry(found, _codes(answer))
        if UNKNOWN_ID.intersection(_codes(answer)):
            return NotFound(_said(answer))
        if answer.status == 200:
            log.error("airtel_money: the status of order %s can't be read: %s", order.key, _said(answer))
            return Unclear("unreadable", _said(answer))
        return no_status(self.name, answer, _said)

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback: the order that it speaks of and what it claims."""
        found = part(notice_fields(body), "transaction")
        named = found.get("id")
        key = str(uuid.UUID(named)) if isinstance(named, str) and re.fullmatch(r"[0-9A-Fa-f]{32}", named) else None
        return Hint(key or read_uuid(named), said_of(found.get("status_code") or "no status", found.get("message")))

    # Calls

    def _ask_token(self) -> Answer | Unreached | NoAnswer:
        body = json_body({**self._client, "grant_type": "client_credentials"})
        return self._http.call(self.name, "POST", TOKEN_PATH, {"Content-Type": "application/json"}, body)

    def _place(self, currency: str) -> dict[str, str]:
        return {"X-Country": self.country, "X-Currency": currency}

    def _pay(self, currency: str, body: bytes) -> Outcome:
        headers = {"Content-Type": "application/json", **self._place(currency)}
        return self._signed(headers, body) if self._sign else self._bearer.call("POST", PAY_PATH, headers, body)

    def _signed(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        """A signed order; one whose signature doesn't fit was turned away, and is tried once more with a new key."""
        stale = None
        while True:
            public = self._keys.get(stale)
            if not isinstance(public, RSAPublicKey):
                # Nothing was asked for, as where there is no token.
                return public if isinstance(public, NoToken) else NoToken(public)
            answer = self._bearer.call("POST", SIGNED_PAY_PATH, {**headers, **_signature(public, body)}, body)
            if stale or not isinstance(answer, Answer) or BAD_SIGNATURE not in _codes(answer):
                return answer
            stale = public

    def _fetch_key(self) -> Good[RSAPublicKey] | Outcome:
        answer = self._bearer.call("GET", KEY_PATH, {"X-Country": self.country})
        if not isinstance(answer, Answer) or answer.status != 200:
            return answer
        found = part(answer.fields(), "data").get("key")
        try:
            key = load_der_public_key(base64.b64decode(found if isinstance(found, str) else "", validate=True))
        except ValueError:
            return answer
        return Good(key, KEY_LIFE_S) if isinstance(key, RSAPublicKey) else answer

    def _body(self, order: Order, key: uuid.UUID) -> bytes:
        place = {"country": self.country, "currency": order.amount.currency}
        body = json.dumps(
            {
                "reference": "Cotisation" + re.sub(r"[^A-Za-z0-9]", "", order.card)[:40],
                "subscriber": {**place, "msisdn": order.payer.removeprefix(self._calling)},
                "transaction": {"amount": "AMOUNT", **place, "id": key.hex},
            }
        )
        # A JSON number, written from the integer that money is: no float is made of it.
        return body.replace('"AMOUNT"', f"{order.amount.decimal:f}").encode()

    # What the enquiry says

    def _status(self, order: Order, told: _Enquiry) -> FindAnswer:
        found, (code, _) = told.found, told.codes
        word, about = found["status"], found.get("id")

        def paid(said: str) -> FindAnswer:
            return self._paid(order, found, said)

        def failed(said: str) -> FindAnswer:
            return refused(self.name, order.key, code, REASONS | TIMED_OUT, said)

        return decide(
            self.name,
            order.key,
            word,
            _joined(word, *told.codes, found.get("message")),
            {SUCCESS: paid, FAILED: failed, **dict.fromkeys(WAITING, Waiting), **OVER},
            another=isinstance(about, str) and about.replace("-", "").lower() != order_key(order.key).hex,
        )

    def _paid(self, order: Order, found: Mapping[str, Any], said: str) -> Paid | Unclear:
        operator_id = read_operator_id(found.get("airtel_money_id"))
        amount: Money | None = order.amount
        if found.get("amount") is not None:
            amount = read_figure(found["amount"], found.get("currency", order.amount.currency))
        if operator_id is None or amount is None:
            return lacking(self.name, order.key, said)
        return Paid(amount, operator_id, None, said)


def _refund_asked(key: str, answer: Outcome) -> AskAnswer:
    """What an answer to a refund means; whatever isn't known leaves open whether it has begun."""
    if isinstance(answer, NoToken):
        return not_asked(AirtelMoney.name, answer, _said)
    if not isinstance(answer, Answer):
        return unheard(answer)
    said, codes = _said(answer), _codes(answer)
    found = part(part(answer.fields(), "data"), "transaction")
    if answer.status == 200 and found.get("status") == "SUCCESS" and DONE in codes:
        return Accepted(said, read_operator_id(found.get("airtel_money_id")))
    code = next((one for one in codes if one in NOT_BEGUN), None)
    return (
        refused(AirtelMoney.name, key, code, NOT_BEGUN, said) if code else turned_away(AirtelMoney.name, answer, said)
    )


def _asked(answer: Outcome) -> AskAnswer:
    """What an answer to an order means: its response code first, its result code then, its HTTP status last."""
    if isinstance(answer, NoToken):
        return not_asked(AirtelMoney.name, answer, _said)
    if not isinstance(answer, Answer):
        return unheard(answer)
    said, (response, result) = _said(answer), _codes(answer)
    if DUPLICATE in (response, result):
        return Accepted(said)
    for code in (response, result):
        if code in TAKEN or (code == DONE and not response and answer.status < 300):
            return Accepted(said)
        reason = REASONS.get(code) or NOT_BEGUN.get(code)
        if reason is Reason.CONFIGURATION:
            log.critical("airtel_money: an order is refused for what we sent: %s", said)
        if reason:
            return Refused(reason, said)
        if code in AMBIGUOUS:
            return Unclear("failed", said)
    return turned_away(AirtelMoney.name, answer, said)


def _codes(answer: Answer) -> tuple[str, str]:
    """The response code and the result code of an answer, "" where it has none."""
    status = part(answer.fields(), "status")
    response, result = status.get("response_code"), status.get("result_code")
    return (response if isinstance(response, str) else "", result if isinstance(result, str) else "")


def _said(answer: Answer) -> str:
    """An answer in words that may be kept."""
    found = answer.fields()
    message = part(found, "status").get("message")
    others = (found.get(name) for name in ("code", "error", "message", "error_description", "status_message"))
    return _joined(str(answer.status), *_codes(answer), message, *others)


def _joined(*words: object) -> str:
    """Airtel's words as they may be kept; its codes stay whole, though their figures look like a phone number."""
    kept = (word if isinstance(word, str) and _CODE.fullmatch(word) else said_of(word) for word in words)
    return " ".join(word for word in kept if word)[:MAX_SAID]


def _signature(public: RSAPublicKey, body: bytes) -> dict[str, str]:
    """The two headers of message signing for one payload."""
    key, start = secrets.token_bytes(32), secrets.token_bytes(16)
    padder, cipher = blocks.PKCS7(128).padder(), Cipher(algorithms.AES(key), modes.CBC(start)).encryptor()
    sealed = cipher.update(padder.update(body) + padder.finalize()) + cipher.finalize()
    named = base64.b64encode(key) + b":" + base64.b64encode(start)
    return {
        "x-signature": base64.b64encode(sealed).decode(),
        "x-key": base64.b64encode(public.encrypt(named, PKCS1v15())).decode(),
    }
