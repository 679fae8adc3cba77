"""Safaricom's Daraja: asks a wallet by *M-Pesa Express* (STK push), once, and believes nothing but the query.

Source: the M-Pesa Express pages on developer.safaricom.co.ke. What it means for us:

* Daraja takes no key of ours: each push is a new prompt. It names the order itself, by its ``CheckoutRequestID``, which
  is the handle, and only by that can it be asked. A push that was not answered is therefore *never sent again*: it is
  Unclear, with no figure, and :meth:`Daraja.find` has nothing to ask by and says so. A push goes on a connection of its
  own, so that none is lost to a kept connection that had died.
* Such an order is decided by its callback, which comes to the order's own address (our key is the last part of it) and
  names the ``CheckoutRequestID``: :meth:`Daraja.read` gives it as the handle, by which the query then asks. Should the
  callback be lost as well, the statement of the pay bill decides: the card number is its account number (``A/C No.``).
* A callback is unsigned: it is a hint, and decides nothing by itself.
* The query tells neither the amount nor the receipt: what is paid is what was ordered, and our number of the payment is
  the ``CheckoutRequestID``. The receipt's number stands in the callback and in the statement only.
* Amounts are whole shillings; anything else is refused here. The reference of at most 12 characters is the card number.
* A ``CheckoutRequestID`` ends with digits of the payer's number: it is as good as one, and stays out of logs.
* Only a pay bill number is asked for: a till's statement has no account number to find a lost payment by.

Reported by those who use it, and not documented: HTTP 500 with ``500.001.1001`` and "being processed", or result 4999,
while the payer hasn't answered; the messages beside ``500.001.1001``. A word that isn't in the tables below is kept
verbatim, shouted into the log, and leaves the order undecided.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from gateway.kernel.atomic import require_outside
from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.money import EXPONENT
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    BadNotice,
    FindAnswer,
    Hint,
    NoticeAnswer,
    Order,
    Paid,
    Reason,
    Refused,
    Unclear,
    Waiting,
)
from gateway.payments.providers.common import (
    REASK_S,
    Bearer,
    Meaning,
    NoToken,
    decide,
    json_body,
    leave_alone_s,
    may_call,
    no_status,
    not_asked,
    notice_fields,
    order_key,
    part,
    said_of,
    turned_away,
    unheard,
)
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.settings import Settings

TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"
PUSH_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"

CURRENCY = "KES"
ZONE = ZoneInfo("Africa/Nairobi")
# A push must name an address; for an order that is to be told nothing it is one that leads nowhere (RFC 2606).
NO_CALLBACK = "https://callback.invalid/"

# What became of a push. Everything but 0 is a refusal, and a late payment overrides it.
DONE = "0"
STILL_GOING = {"4999"}
RESULTS = {
    "1": Reason.INSUFFICIENT,
    "1001": Reason.UNAVAILABLE,  # the payer is busy with another transaction
    "1019": Reason.EXPIRED,
    "1025": Reason.UNAVAILABLE,  # the prompt could not be sent
    "1032": Reason.REJECTED,  # cancelled by the payer
    "1037": Reason.EXPIRED,  # the phone could not be reached, or nobody answered
    "2001": Reason.REJECTED,  # a wrong PIN
    "9999": Reason.UNAVAILABLE,  # the prompt could not be sent
}

# Errors that turn a call away for its token, unread; they come with 400 and 404 as well as with 401.
BAD_TOKEN = {"400.003.01", "404.001.03", "404.001.04"}
# Errors of the gateway in front of M-Pesa: the call was turned away unread for being one too many.
TOO_MANY = {"500.003.02", "500.003.03"}
# One error for many things; what it is about stands in its message alone.
SOMETHING = "500.001.1001"
LOCKED_S = 60.0  # how long the payer may be busy with another transaction

# Errors that refuse a push before it has begun, by code and by how the message begins; the first that fits counts.
NOT_BEGUN = (
    ("400.002.02", "Bad Request - Invalid Amount", Reason.AMOUNT),
    ("400.002.02", "Bad Request - Invalid PhoneNumber", Reason.NO_WALLET),
    ("400.002.02", "", Reason.CONFIGURATION),
    ("400.002.05", "", Reason.CONFIGURATION),
    ("404.001.01", "", Reason.CONFIGURATION),
    ("405.001", "", Reason.CONFIGURATION),
    (SOMETHING, "Merchant does not exist", Reason.CONFIGURATION),
    (SOMETHING, "Wrong credentials", Reason.CONFIGURATION),
    *((code, "", Reason.CONFIGURATION) for code in sorted(BAD_TOKEN)),
)
LOCKED = "Unable to lock subscriber"
BEING_PROCESSED = "being processed"

_CLOCK = SystemClock()
_HANDLE = re.compile(r"[A-Za-z0-9_.-]{1,100}")

log = logging.getLogger(__name__)


class Daraja:
    """The provider ``daraja`` for one application and one pay bill number; see :class:`~.base.Provider`."""

    name = "daraja"

    def __init__(
        self,
        *,
        consumer_key: str,
        consumer_secret: str,
        short_code: str,
        passkey: str,
        base_url: str,
        plain_callbacks_here: bool = False,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Clock = _CLOCK,
    ) -> None:
        """Make no call yet.

        ``plain_callbacks_here`` lets a callback address be plain http towards 127.0.0.1, as between the demonstration
        and its stand-in. ``monotonic`` counts seconds; ``clock`` has the true time, which Daraja may check.
        """
        self._short_code, self._passkey = short_code, passkey
        self._plain_callbacks_here = plain_callbacks_here
        self._clock = clock
        basic = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode()
        self._basic = {"Authorization": f"Basic {basic}"}
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._once = Http(
            base_url,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
            keeps_connections=False,
        )
        self._bearer = Bearer(self.name, self._http, self._ask_token, monotonic, _turned_away_unread)

    @classmethod
    def from_settings(cls, settings: Settings) -> Daraja:
        """The provider that the ``DARAJA_*`` settings describe; plain callbacks in the demonstration alone."""
        return cls(
            consumer_key=settings.daraja_consumer_key,
            consumer_secret=settings.daraja_consumer_secret.get_secret_value(),
            short_code=settings.daraja_short_code,
            passkey=settings.daraja_passkey.get_secret_value(),
            base_url=settings.daraja_base_url,
            plain_callbacks_here=settings.demo,
        )

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a payment. Must not be called again for an order whose answer was lost: see the module."""
        order_key(order.key)
        shillings, cents = divmod(order.amount.minor, 10 ** EXPONENT[order.amount.currency])
        if order.amount.currency != CURRENCY or order.amount.minor <= 0 or cents:
            return Refused(Reason.AMOUNT, "not an amount that Daraja takes")
        payer = order.payer.removeprefix("+")
        body = {
            **self._signed(),
            "TransactionType": "CustomerPayBillOnline",
            "Amount": shillings,
            "PartyA": payer,
            "PartyB": self._short_code,
            "PhoneNumber": payer,
            "CallBackURL": self._callback(order),
            "AccountReference": re.sub(r"[^A-Za-z0-9]", "", order.card)[:12] or "COTISATION",
            "TransactionDesc": "Cotisation",
        }
        headers = {"Content-Type": "application/json"}
        answer = self._bearer.call("POST", PUSH_PATH, headers, json_body(body), through=self._once)
        match answer:
            case NoToken():
                return not_asked(self.name, answer, _said)
            case Unreached() | NoAnswer():
                return unheard(answer)
            case Answer():
                return _asked(answer)

    def find(self, order: Order) -> FindAnswer:
        """Ask what became of a push, by its handle; without one there is nothing to ask by."""
        order_key(order.key)
        require_outside(self.name)
        if order.handle is None:
            return Unclear("no-handle", "the push was not answered: its callback or the statement decides")
        body = {**self._signed(), "CheckoutRequestID": order.handle}
        answer = self._bearer.call(
            "POST", QUERY_PATH, {"Content-Type": "application/json"}, json_body(body), reading=True
        )
        if not isinstance(answer, Answer):
            return no_status(self.name, answer, _said)
        found = answer.fields()
        if answer.status == 200 and "ResultCode" in found:
            return _status(order, order.handle, found)
        code, message = _error(answer)
        if code == SOMETHING and BEING_PROCESSED in message:
            return Waiting(_said(answer))
        if code in TOO_MANY:
            return Unclear("busy", _said(answer), leave_alone_s(answer) or REASK_S)
        return no_status(self.name, answer, _said)

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback: what it claims, and by which handle the order that it was sent for can be asked for."""
        found = part(part(notice_fields(body), "Body"), "stkCallback")
        handle = found.get("CheckoutRequestID")
        if not isinstance(handle, str) or not _HANDLE.fullmatch(handle):
            raise BadNotice("not the callback of a push")
        return Hint(None, said_of(found.get("ResultCode"), found.get("ResultDesc"), _receipt(found)), handle)

    def answer(self, body: bytes) -> NoticeAnswer:
        """What tells Safaricom that it need not be sent again."""
        return NoticeAnswer(200, "application/json", json_body({"ResultCode": 0, "ResultDesc": "Accepted"}))

    def _ask_token(self) -> Answer | Unreached | NoAnswer:
        return self._http.call(self.name, "GET", TOKEN_PATH, self._basic)

    def _signed(self) -> dict[str, str]:
        """What proves each request to be ours, good for its moment."""
        at = self._clock.now().astimezone(ZONE).strftime("%Y%m%d%H%M%S")
        password = base64.b64encode(f"{self._short_code}{self._passkey}{at}".encode()).decode()
        return {"BusinessShortCode": self._short_code, "Password": password, "Timestamp": at}

    def _callback(self, order: Order) -> str:
        url = order.callback_url
        return url if url and may_call(url, self._plain_callbacks_here) else NO_CALLBACK


def _asked(answer: Answer) -> AskAnswer:
    """What an answer to a push means."""
    found, said = answer.fields(), _said(answer)
    if answer.status == 200 and found.get("ResponseCode") == DONE:
        handle = found.get("CheckoutRequestID")
        if isinstance(handle, str) and _HANDLE.fullmatch(handle):
            return Accepted(said, handle)
        log.error("daraja: a push was taken without a name to ask by: %s", said)
        return Unclear("unreadable", said)
    code, message = _error(answer)
    if code in TOO_MANY:
        return Unclear("busy", said, leave_alone_s(answer) or REASK_S)
    if code == SOMETHING and message.startswith(LOCKED):
        return Unclear("payer-busy", said, LOCKED_S)
    reason = next((why for known, begins, why in NOT_BEGUN if known == code and message.startswith(begins)), None)
    if reason is None:
        return turned_away("daraja", answer, said)
    if reason is Reason.CONFIGURATION:
        log.critical("daraja: a push is refused for what we sent: %s", said)
    return Refused(reason, said)


def _status(order: Order, handle: str, found: Mapping[str, Any]) -> FindAnswer:
    """Decide from the body of a query that was answered."""
    result = found.get("ResultCode")
    said = said_of(result, found.get("ResultDesc"))
    means: dict[str, Meaning] = {
        DONE: lambda said: Paid(order.amount, handle, None, said),
        **dict.fromkeys(STILL_GOING, Waiting),
        **RESULTS,
    }
    if found.get("ResponseCode") != DONE:
        means = {}  # the query itself was not answered as expected
    another = found.get("CheckoutRequestID") not in (None, handle)
    return decide(Daraja.name, order.key, result, said, means, another=another)


def _turned_away_unread(answer: Answer) -> bool:
    return answer.status == 401 or _error(answer)[0] in BAD_TOKEN


def _receipt(found: Mapping[str, Any]) -> object:
    """The number of the receipt in a callback's list of named values; there is none after a failure."""
    items = part(found, "CallbackMetadata").get("Item")
    named = (one for one in items if isinstance(one, dict)) if isinstance(items, list) else ()
    return next((one.get("Value") for one in named if one.get("Name") == "MpesaReceiptNumber"), None)


def _error(answer: Answer) -> tuple[str, str]:
    """The code of an error and its message."""
    found = answer.fields()
    code, message = found.get("errorCode"), found.get("errorMessage")
    return code if isinstance(code, str) else "", message if isinstance(message, str) else ""


def _said(answer: Answer) -> str:
    found = answer.fields()
    return said_of(str(answer.status), *_error(answer), found.get("ResponseCode"), found.get("ResponseDescription"))
