"""MTN MoMo Collections: asks a wallet by *request to pay* and believes nothing but the status that it asks for itself.

Source: the Collections product on momodeveloper.mtn.com. What it means for us:

* ``X-Reference-Id`` is our key: MTN takes it once (409 ever after) and answers by it, so nothing is ever debited twice.
* A callback is unsigned, comes at most once and may be forged: :meth:`MtnMomo.read` gives a hint and decides nothing.
* The sandbox (target environment ``sandbox``) takes EUR only. There the adapter sends the same *figure* in EUR (1500
  XOF as "1500" EUR) and reads a figure in EUR back as that figure in the currency that was ordered; a figure that this
  currency can't hold is unclear. Everywhere else the currency ordered is the one sent, and what MTN reports is
  reported on as it stands, differing amount and currency included.
* A word that isn't in the tables below is kept verbatim, shouted into the log, and leaves the order undecided; only a
  FAILED with an unknown reason is refused, as :attr:`Reason.OTHER`, for FAILED itself is known.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from gateway.kernel.faults import Fault
from gateway.kernel.money import BadAmount, Money
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    BadNotice,
    FindAnswer,
    Hint,
    NotFound,
    Order,
    Paid,
    Reason,
    Refused,
    Unclear,
    Waiting,
    keep_said,
)
from gateway.payments.providers.http import (
    MAX_ANSWER_BYTES,
    Answer,
    Http,
    NoAnswer,
    Unreached,
    Unreadable,
    read_json,
)
from gateway.settings import Settings

SANDBOX = "sandbox"
SANDBOX_HOST = "https://sandbox.momodeveloper.mtn.com"
SANDBOX_CURRENCY = "EUR"

# Target environment → (country, currency), of the countries whose currencies we keep books in. The host of each is
# given by MTN at go-live and is a setting. Others of MTN's: mtnuganda, mtnghana, mtnzambia, mtnswaziland,
# mtnsouthafrica, mtnliberia, mtnsouthsudan, mtnnigeria; they work too, they only have no line here to be checked by.
ENVIRONMENTS = {
    "mtnbenin": ("BJ", "XOF"),
    "mtncameroon": ("CM", "XAF"),
    "mtncongo": ("CG", "XAF"),
    "mtnguineaconakry": ("GN", "GNF"),
    "mtnivorycoast": ("CI", "XOF"),
    "mtnrwanda": ("RW", "RWF"),
}

TOKEN_PATH = "/collection/token/"
REQUEST_TO_PAY_PATH = "/collection/v1_0/requesttopay"

PENDING, SUCCESSFUL, FAILED = "PENDING", "SUCCESSFUL", "FAILED"

# Why a status is FAILED. INTERNAL_PROCESSING_ERROR is often a wallet with too little in it, but not always, so it is
# not called that. COULD_NOT_PERFORM_TRANSACTION is what comes when the approval window of about five minutes elapsed.
REASONS = {
    "APPROVAL_REJECTED": Reason.REJECTED,
    "COULD_NOT_PERFORM_TRANSACTION": Reason.EXPIRED,
    "EXPIRED": Reason.EXPIRED,
    "INTERNAL_PROCESSING_ERROR": Reason.UNAVAILABLE,
    "INVALID_CALLBACK_URL_HOST": Reason.CONFIGURATION,
    "INVALID_CURRENCY": Reason.CONFIGURATION,
    "NOT_ALLOWED": Reason.NOT_ALLOWED,
    "NOT_ALLOWED_TARGET_ENVIRONMENT": Reason.CONFIGURATION,
    "NOT_ENOUGH_FUNDS": Reason.INSUFFICIENT,
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": Reason.CONFIGURATION,
    "PAYEE_NOT_FOUND": Reason.CONFIGURATION,
    "PAYER_LIMIT_REACHED": Reason.LIMIT,
    "PAYER_NOT_FOUND": Reason.NO_WALLET,
    "REJECTED": Reason.REJECTED,
    "SERVICE_UNAVAILABLE": Reason.UNAVAILABLE,
    "TRANSFER_TYPE_UNKNOWN": Reason.CONFIGURATION,
}

# Reasons that say "not decided yet", whatever status they stand beside.
STILL_GOING = {"DELAYED", "ONGOING"}

# HTTP 400, 403 and 500 with these codes refuse a request to pay before it has begun.
NOT_BEGUN = {
    "INVALID_CALLBACK_URL_HOST": Reason.CONFIGURATION,
    "INVALID_CURRENCY": Reason.CONFIGURATION,
    "NOT_ALLOWED": Reason.NOT_ALLOWED,
    "NOT_ALLOWED_TARGET_ENVIRONMENT": Reason.CONFIGURATION,
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": Reason.CONFIGURATION,
    "PAYEE_NOT_FOUND": Reason.CONFIGURATION,
    "PAYER_LIMIT_REACHED": Reason.LIMIT,
    "PAYER_NOT_FOUND": Reason.NO_WALLET,
}

# What an HTTP status means by itself, where its code is in no table: (word of Unclear, nothing was begun).
# 5xx may come from behind the point where the order was taken: the status must be asked for.
UNDECIDED = {
    429: ("busy", True),
    500: ("failed", False),
    502: ("busy", False),
    503: ("busy", False),
    504: ("no-answer", False),
}

REASK_S = 10.0  # after what never reached MTN, or was turned away unread
MAX_REASK_S = 600.0
MAX_NOTICE_BYTES = MAX_ANSWER_BYTES

_FIGURE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_OPERATOR_ID = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_HEADER = re.compile(r"[\x21-\x7e]{1,4096}")

log = logging.getLogger(__name__)


class MtnMomo:
    """The provider ``mtn_momo`` for one API user in one target environment; see :class:`~.base.Provider`."""

    name = "mtn_momo"

    def __init__(
        self,
        *,
        api_user: str,
        api_key: str,
        subscription_key: str,
        target_environment: str = SANDBOX,
        base_url: str = SANDBOX_HOST,
        plain_callbacks_here: bool = False,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make no call yet.

        ``plain_callbacks_here`` lets a callback address be plain http towards 127.0.0.1, as between the demonstration
        and its stand-in; MTN itself takes https alone. ``monotonic`` counts seconds and measures the token's age.
        Raises :class:`Fault` when a key or the environment can't be sent in a header.
        """
        for what, value in (("subscription key", subscription_key), ("target environment", target_environment)):
            if not _HEADER.fullmatch(value):
                raise Fault(f"MTN MoMo: the {what} is empty or has characters that it can't have")
        self.target_environment = target_environment
        self._plain_callbacks_here = plain_callbacks_here
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._product = {"Ocp-Apim-Subscription-Key": subscription_key}
        self._tokens = _Tokens(self._http, api_user, api_key, self._product, monotonic)

    @classmethod
    def from_settings(cls, settings: Settings) -> MtnMomo:
        """The provider that the ``MTN_MOMO_*`` settings describe; plain callbacks in the demonstration alone."""
        return cls(
            api_user=settings.mtn_momo_api_user,
            api_key=settings.mtn_momo_api_key.get_secret_value(),
            subscription_key=settings.mtn_momo_subscription_key.get_secret_value(),
            target_environment=settings.mtn_momo_target_environment,
            base_url=settings.mtn_momo_base_url,
            plain_callbacks_here=settings.demo,
        )

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a payment; an order whose amount isn't positive is refused here."""
        if order.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        headers = {"X-Reference-Id": _reference(order.key), "Content-Type": "application/json"}
        if order.callback_url and self._may_call(order.callback_url):
            headers["X-Callback-Url"] = order.callback_url
        answer = self._call("POST", REQUEST_TO_PAY_PATH, headers, json.dumps(self._body(order)).encode())
        return _asked(answer)

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of an order, by our key."""
        key, currency = order.key, order.amount.currency
        answer = self._call("GET", f"{REQUEST_TO_PAY_PATH}/{_reference(key)}", {})
        if not isinstance(answer, Answer):
            return _no_status(answer)
        if answer.status == 200:
            return self._status(key, currency, answer.fields())
        code, said = _error(answer)
        if answer.status == 404 and code == "RESOURCE_NOT_FOUND":
            return NotFound(said)
        word, _ = UNDECIDED.get(answer.status, ("failed", False))
        if answer.status not in UNDECIDED:
            log.error("mtn_momo: a status was not answered: %s", said)
        return Unclear(word, said, _leave_alone_s(answer))

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback, whatever content type it came with: the order it speaks of and what it claims."""
        if len(body) > MAX_NOTICE_BYTES:
            raise BadNotice("too large")
        try:
            found = read_json(body)
        except Unreadable as why:
            raise BadNotice(str(why)) from None
        if not isinstance(found, dict):
            raise BadNotice("not a JSON object")
        named = (found.get("externalId"), found.get("referenceId"), headers.get("X-Reference-Id"))
        keys = (_uuid(one) for one in named if isinstance(one, str))
        return Hint(next((key for key in keys if key), None), _claimed(found))

    def _body(self, order: Order) -> dict[str, object]:
        # Neither text may be empty (500) or hold anything but letters, digits and spaces (400).
        text = f"Cotisation {re.sub(r'[^A-Za-z0-9]', '', order.card)}".strip()[:160]
        return {
            "amount": f"{order.amount.decimal:f}",
            "currency": SANDBOX_CURRENCY if self._in_sandbox else order.amount.currency,
            "externalId": order.key,
            "payer": {"partyIdType": "MSISDN", "partyId": order.payer.removeprefix("+")},
            "payerMessage": text,
            "payeeNote": text,
        }

    @property
    def _in_sandbox(self) -> bool:
        return self.target_environment == SANDBOX

    def _may_call(self, url: str) -> bool:
        to = urlsplit(url)
        return to.scheme == "https" or (
            self._plain_callbacks_here and to.scheme == "http" and to.hostname == "127.0.0.1"
        )

    def _call(
        self, method: Any, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer | Unreached | NoAnswer | _NoToken:
        """One call under a token; a 401 renews the token and is tried once more, for it was turned away unread."""
        stale = None
        while True:
            token = self._tokens.get(stale)
            if isinstance(token, _NoToken):
                return token
            always = {"Authorization": f"Bearer {token}", "X-Target-Environment": self.target_environment}
            answer = self._http.call("mtn_momo", method, path, {**always, **self._product, **headers}, body)
            if stale or not isinstance(answer, Answer) or answer.status != 401:
                return answer
            stale = token

    def _status(self, key: str, currency: str, found: Mapping[str, Any]) -> FindAnswer:
        """Decide from the body of a status that was found."""
        said, (code, _) = _claimed(found), _reason(found)
        about = found.get("externalId")
        if isinstance(about, str) and about.lower() != key:
            log.error("mtn_momo: the status of order %s speaks of another order", key)
            return Unclear("mismatch", said)
        match found.get("status"):
            case "PENDING":
                return Waiting(said)
            case "SUCCESSFUL":
                return self._paid(key, currency, found, said)
            case "FAILED" if code in STILL_GOING:
                return Waiting(said)
            case "FAILED":
                if code not in REASONS:
                    log.error("mtn_momo: order %s failed for a reason that is not known: %s", key, said)
                return Refused(REASONS.get(code, Reason.OTHER), said)
            case None:
                log.error("mtn_momo: the status of order %s can't be read", key)
                return Unclear("unreadable", said)
            case _:
                log.error("mtn_momo: order %s has a status that is not known: %s", key, said)
                return Unclear("unknown-word", said)

    def _paid(self, key: str, currency: str, found: Mapping[str, Any], said: str) -> Paid | Unclear:
        operator_id = found.get("financialTransactionId")
        if not isinstance(operator_id, str) or not _OPERATOR_ID.fullmatch(operator_id):
            log.error("mtn_momo: order %s is successful without a transaction number", key)
            return Unclear("mismatch", said)
        amount = self._amount(found, currency)
        if amount is None:
            log.error("mtn_momo: order %s is successful with an amount that can't be read", key)
            return Unclear("mismatch", said)
        return Paid(amount, operator_id, _payer(found), said)

    def _amount(self, found: Mapping[str, Any], ordered: str) -> Money | None:
        figure, currency = found.get("amount"), found.get("currency")
        if not isinstance(figure, str) or not _FIGURE.fullmatch(figure) or not isinstance(currency, str):
            return None
        if self._in_sandbox:
            if currency != SANDBOX_CURRENCY:
                return None
            currency = ordered
        try:
            amount = Money.from_decimal(figure, currency)
        except BadAmount:
            return None
        return amount if amount else None


@dataclass(frozen=True)
class _NoToken:
    """No token is to be had, so nothing was asked: ``answer`` is why."""

    answer: Answer | Unreached | NoAnswer


@dataclass(frozen=True)
class _Token:
    value: str = field(repr=False)
    good_until: float


class _Tokens:
    """The access token, renewed shortly before it ends, by one thread at a time: the others wait for its outcome."""

    def __init__(
        self, http: Http, api_user: str, api_key: str, product: Mapping[str, str], monotonic: Callable[[], float]
    ) -> None:
        self._http = http
        basic = base64.b64encode(f"{api_user}:{api_key}".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}", **product}
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token: _Token | None = None
        self._flight: Future[str | _NoToken] | None = None

    def get(self, stale: str | None) -> str | _NoToken:
        """A token other than ``stale``, which MTN has just turned away; or why there is none."""
        with self._lock:
            kept = self._token
            if kept and kept.value != stale and self._monotonic() < kept.good_until:
                return kept.value
            flight, leads = self._flight, self._flight is None
            if flight is None:
                flight = self._flight = Future()
        if leads:
            self._fly(flight)
        return flight.result()

    def _fly(self, flight: Future[str | _NoToken]) -> None:
        try:
            found = self._renew()
        except BaseException as failure:
            with self._lock:
                self._flight = None
            flight.set_exception(failure)
            return
        with self._lock:
            self._flight = None
            self._token = found if isinstance(found, _Token) else None
        flight.set_result(found.value if isinstance(found, _Token) else found)

    def _renew(self) -> _Token | _NoToken:
        began = self._monotonic()
        answer = self._http.call("mtn_momo", "POST", TOKEN_PATH, self._headers)
        if not isinstance(answer, Answer) or answer.status != 200:
            return _NoToken(answer)
        found = answer.fields()
        value, life = found.get("access_token"), str(found.get("expires_in", ""))
        if not isinstance(value, str) or not _HEADER.fullmatch(value):
            return _NoToken(answer)
        life_s = int(life) if re.fullmatch(r"[0-9]{1,6}", life) else 60
        return _Token(value, began + life_s - min(60.0, life_s / 10))


def _asked(answer: Answer | Unreached | NoAnswer | _NoToken) -> AskAnswer:
    """What an answer to a request to pay means."""
    match answer:
        case _NoToken():
            return _not_asked(answer.answer)
        case Unreached():
            return Unclear("unreached", answer.said, REASK_S)
        case NoAnswer():
            return Unclear("no-answer", answer.said)
        case Answer(status=202):
            return Accepted("202")
        case Answer(status=409):
            return Accepted("409 RESOURCE_ALREADY_EXIST")
        case Answer():
            return _turned_away(answer)


def _not_asked(answer: Answer | Unreached | NoAnswer) -> Refused | Unclear:
    """What it means that there was no token to ask with: whatever it was, nothing has begun."""
    if not isinstance(answer, Answer):
        return Unclear("unreached", f"token: {answer.said}", REASK_S)
    _, said = _error(answer)
    if answer.status in (400, 401, 403):
        log.critical("mtn_momo: our API user, key or subscription key is refused: %s", said)
        return Refused(Reason.CONFIGURATION, said)
    if answer.status not in UNDECIDED:
        log.error("mtn_momo: an answer to a request for a token that is not known: %s", said)
    word, _ = UNDECIDED.get(answer.status, ("unreadable", True))
    return Unclear(word, said, _leave_alone_s(answer) or REASK_S)


def _turned_away(answer: Answer) -> Refused | Unclear:
    code, said = _error(answer)
    if answer.status in (400, 403, 500) and code in NOT_BEGUN:
        reason = NOT_BEGUN[code]
        if reason is Reason.CONFIGURATION:
            log.critical("mtn_momo: a request to pay is refused for what we sent: %s", said)
        return Refused(reason, said)
    if answer.status in (400, 401, 403):
        log.critical("mtn_momo: a request to pay is refused for what we sent: %s", said)
        return Refused(Reason.CONFIGURATION, said)
    if answer.status not in UNDECIDED:
        log.error("mtn_momo: an answer to a request to pay that is not known: %s", said)
    word, not_begun = UNDECIDED.get(answer.status, ("unknown-word", False))
    return Unclear(word, said, (_leave_alone_s(answer) or REASK_S) if not_begun else None)


def _no_status(answer: Unreached | NoAnswer | _NoToken) -> Unclear:
    """A status call that brought none says nothing about the order, least of all that it was refused."""
    why = answer.answer if isinstance(answer, _NoToken) else answer
    match why:
        case Answer():
            _, said = _error(why)
            log.error("mtn_momo: no token for a status: %s", said)
            return Unclear("failed", said, _leave_alone_s(why))
        case Unreached():
            return Unclear("unreached", why.said)
        case NoAnswer():
            return Unclear("no-answer", why.said)


def _error(answer: Answer) -> tuple[str, str]:
    """The code of an error and all of it in words that may be kept."""
    found = answer.fields()
    code, message = str(found.get("code") or ""), str(found.get("message") or "")
    return code, keep_said(f"{answer.status} {code} {message}")


def _leave_alone_s(answer: Answer) -> float | None:
    return None if answer.retry_after_s is None else min(max(answer.retry_after_s, 1.0), MAX_REASK_S)


def _reason(found: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of ``reason``, which MTN sends as a word or as an object of both."""
    reason = found.get("reason")
    if isinstance(reason, dict):
        return str(reason.get("code") or ""), str(reason.get("message") or "")
    return (reason, "") if isinstance(reason, str) else ("", "")


def _claimed(found: Mapping[str, Any]) -> str:
    return keep_said(" ".join((str(found.get("status") or "no status"), *_reason(found))))


def _payer(found: Mapping[str, Any]) -> str | None:
    payer = found.get("payer")
    given = payer.get("partyId") if isinstance(payer, dict) else None
    try:
        return read_caller(given) if isinstance(given, str) else None
    except BadMsisdn:
        return None


def _reference(key: str) -> str:
    """``key`` if MTN can take it; a key that isn't ours to have made is a defect (:class:`ValueError`)."""
    if _uuid(key) != key or uuid.UUID(key).version != 4:
        raise ValueError("an order's key must be a UUID of version 4 in its usual form")
    return key


def _uuid(text: str) -> str | None:
    if not re.fullmatch(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", text):
        return None
    return text.lower()
