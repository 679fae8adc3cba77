"""GSMA Mobile Money API 1.2, as whichever operator offers it: asks by merchant payment, believes what it reads itself.

Documented by the GSMA's specification and use cases (developer.mobilemoneyapi.io):

* ``X-CorrelationID`` is our key: a request that is sent again with it is refused as a ``duplicateRequest``, so nothing
  is debited twice. We send it as ``requestingOrganisationTransactionReference`` too, by which a transaction names it.
* An order is taken with 202 and a request state, named by its ``serverCorrelationId`` (our handle): pending, completed
  with the reference of its transaction, or failed with an error. The transaction tells what was paid.
* Where that answer was lost, ``/responses/{our key}`` links to what became of it.
* A reversal of a transaction gives it back, or a part of it. It is a request and a transaction of its own, with a key
  of ours, and is looked for in the same ways.
* The callback is a ``PUT`` of the transaction, or of the error. Nothing in the specification signs it:
  :meth:`Gsma.read` gives a hint and decides nothing. It is answered with 204.

Assumed, for the specification leaves it to each operator: keys go in ``X-API-Key`` and ``X-Client-Id`` alone; the words
of ``transactionStatus`` are those of the request state, with ``reversed``; a transaction can be read from the moment an
order is taken. Should it only be there once completed, an order whose answer was lost is "not found" until then, and
asking again with the same key does nothing.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    FindAnswer,
    Hint,
    NotFound,
    NoticeAnswer,
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
    decide,
    fits_header,
    json_body,
    lacking,
    leave_alone_s,
    may_call,
    no_status,
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
from gateway.settings import Settings

PAY_PATH = "/transactions/type/merchantpay"
STATE_PATH = "/requeststates/"
TRANSACTION_PATH = "/transactions/"
RESPONSE_PATH = "/responses/"
REVERSALS = "/reversals"

PENDING, COMPLETED, FAILED, REVERSED = "pending", "completed", "failed", "reversed"

DUPLICATE, TOO_MANY, UNKNOWN = "duplicateRequest", "rateLimitError", "identifierError"

# The specification's error codes that say why there is no money, at once or beside a failed request state. The others
# (of identity documents, quotations …) have no place in a merchant payment: they are kept and shouted.
REASONS = {
    "accountMaxTotalValueExceeded": Reason.LIMIT,
    "accountMaxTotalVolumeExceeded": Reason.LIMIT,
    "clientAuthorisationError": Reason.CONFIGURATION,
    "currencyNotSupported": Reason.AMOUNT,
    "dailyValueLimitExceeded": Reason.LIMIT,
    "dailyVolumeLimitExceeded": Reason.LIMIT,
    "formatError": Reason.CONFIGURATION,
    "genericError": Reason.UNAVAILABLE,
    "greaterThanTransactionMaxValue": Reason.AMOUNT,
    "identifierError": Reason.NO_WALLET,
    "incorrectState": Reason.NOT_ALLOWED,
    "insufficientFunds": Reason.INSUFFICIENT,
    "lengthError": Reason.CONFIGURATION,
    "lessThanTransactionMinValue": Reason.AMOUNT,
    "mandatoryValueNotSupplied": Reason.CONFIGURATION,
    "maxBalanceExceeded": Reason.LIMIT,
    "monthlyValueLimitExceeded": Reason.LIMIT,
    "monthlyVolumeLimitExceeded": Reason.LIMIT,
    "negativeValue": Reason.AMOUNT,
    "overPaymentNotAllowed": Reason.AMOUNT,
    "requestDeclined": Reason.REJECTED,
    "requestingPartyAuthorisationError": Reason.CONFIGURATION,
    "samePartiesError": Reason.NOT_ALLOWED,
    "servicingPartyAuthorisationError": Reason.CONFIGURATION,
    "transactionTypeError": Reason.CONFIGURATION,
    "underPaymentNotAllowed": Reason.AMOUNT,
    "weeklyValueLimitExceeded": Reason.LIMIT,
    "weeklyVolumeLimitExceeded": Reason.LIMIT,
}
# In answer to an order this one may come from behind the point where it was taken.
UNDECIDED_CODES = {"genericError"}

# Where /responses links to: the transaction, or (as some may read the specification) the request state.
_LINK = re.compile(r"(?:.*/)?(transactions|requeststates)/([A-Za-z0-9._-]{1,128})")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sought:
    """What is looked for: an order or a reversal, by our key and by the request state that it was given."""

    key: str
    handle: str | None
    is_reversal: bool = False


class Gsma:
    """The provider ``gsma`` for one account at one operator; see :class:`~.base.Provider`."""

    name = "gsma"

    def __init__(
        self,
        *,
        api_key: str,
        payee: str,
        base_url: str,
        client_id: str = "",
        plain_callbacks_here: bool = False,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Make no call yet.

        ``payee`` is the account that is paid, as ``type:value`` (``organisationid:4711``). ``plain_callbacks_here``
        lets a callback address be plain http towards 127.0.0.1, as between the demonstration and its stand-in. ``now``
        is the time (seconds since the epoch) that requests are dated by. Raises :class:`Fault` for a payee of another
        form, and when a key can't be sent in a header.
        """
        kind, colon, value = payee.partition(":")
        if not (kind and colon and value):
            raise Fault("GSMA: the payee must be type:value")
        if not fits_header(api_key) or (client_id and not fits_header(client_id)):
            raise Fault("GSMA: the API key or the client id is empty or has characters that it can't have")
        self._payee = {"key": kind, "value": value}
        self._plain_callbacks_here = plain_callbacks_here
        self._now = now
        self._keys = {"X-API-Key": api_key} | ({"X-Client-Id": client_id} if client_id else {})
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)

    @classmethod
    def from_settings(cls, settings: Settings) -> Gsma:
        """The provider that the ``GSMA_*`` settings describe; plain callbacks in the demonstration alone."""
        return cls(
            api_key=settings.gsma_api_key.get_secret_value(),
            client_id=settings.gsma_client_id,
            payee=settings.gsma_payee,
            base_url=settings.gsma_base_url,
            plain_callbacks_here=settings.demo,
        )

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a payment; an order whose amount isn't positive is refused here."""
        key = str(order_key(order.key))
        if order.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        callback = {}
        if order.callback_url and may_call(order.callback_url, self._plain_callbacks_here):
            callback["X-Callback-URL"] = order.callback_url
        parties = {"debitParty": [{"key": "msisdn", "value": order.payer}], "creditParty": [self._payee]}
        return self._post(PAY_PATH, key, {**self._body(key, order.amount, order.card), **parties}, callback)

    def find(self, order: Order) -> FindAnswer:
        """What became of an order: by the request state that it was given, or else by our key."""
        return self._find(_Sought(str(order_key(order.key)), order.handle))

    def give_back(self, repayment: Repayment) -> AskAnswer:
        """Ask for the reversal of a transaction, or of a part of it."""
        key = str(order_key(repayment.key))
        if repayment.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        path = f"{TRANSACTION_PATH}{quote(repayment.operator_id, safe='')}{REVERSALS}"
        return self._post(path, key, {"type": "reversal", **self._body(key, repayment.amount, repayment.order.card)})

    def find_back(self, repayment: Repayment) -> FindAnswer:
        """What became of a reversal, in the same ways."""
        return self._find(_Sought(str(order_key(repayment.key)), repayment.handle, is_reversal=True))

    def _find(self, order: _Sought) -> FindAnswer:
        if order.handle is not None:
            answer = self._get(STATE_PATH, order.handle)
            if not isinstance(answer, Answer) or not _is_unknown(answer):
                return self._state(order, answer)
        # Never told, or forgotten there: what became of it is still to be had by our key.
        answer = self._get(RESPONSE_PATH, order.key)
        if not isinstance(answer, Answer):
            return no_status(self.name, answer, _said)
        if _is_unknown(answer) and order.handle is None:
            return NotFound(_said(answer))
        if answer.status != 200:
            return no_status(self.name, answer, _said)
        return self._linked(order, answer)

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback: a transaction, or the error that there is instead of one."""
        found = notice_fields(body)
        named = (found.get("requestingOrganisationTransactionReference"), headers.get("X-CorrelationID"))
        keys = (read_uuid(one) for one in named)
        status = found.get("transactionStatus") or found.get("errorCode") or "no status"
        return Hint(next((key for key in keys if key), None), said_of(status, found.get("errorDescription")))

    def answer(self, body: bytes) -> NoticeAnswer:
        """204, as the specification has it."""
        return NoticeAnswer(204)

    # Calls

    def _always(self) -> dict[str, str]:
        return {**self._keys, "X-Date": _date(self._now())}

    def _get(self, path: str, named: str) -> Answer | Unreached | NoAnswer:
        return self._http.call(self.name, "GET", path + named, self._always())

    def _post(
        self, path: str, key: str, fields: Mapping[str, object], more: Mapping[str, str] | None = None
    ) -> AskAnswer:
        """A request that the operator takes once for each key."""
        body = json_body(fields)
        headers = {
            "Content-Type": "application/json",
            "X-CorrelationID": key,
            "X-Content-Hash": hashlib.sha256(body).hexdigest(),
            **self._always(),
            **(more or {}),
        }
        return self._asked(key, self._http.call(self.name, "POST", path, headers, body))

    def _body(self, key: str, amount: Money, card: str) -> dict[str, object]:
        return {
            "amount": f"{amount.decimal:f}",
            "currency": amount.currency,
            "requestingOrganisationTransactionReference": key,
            "descriptionText": f"Cotisation {re.sub(r'[^A-Za-z0-9]', '', card)}".strip()[:160],
            "requestDate": _date(self._now()),
        }

    # What an answer means

    def _asked(self, key: str, answer: Answer | Unreached | NoAnswer) -> AskAnswer:
        if not isinstance(answer, Answer):
            return unheard(answer)
        found, said = answer.fields(), _said(answer)
        if answer.status in (201, 202):
            return self._taken(key, found, said)
        code = _code(found)
        if code == DUPLICATE:
            return Accepted(said)
        if code == TOO_MANY:
            return Unclear("busy", said, leave_alone_s(answer) or REASK_S)
        if code in REASONS and code not in UNDECIDED_CODES:
            return refused(self.name, key, code, REASONS, said)
        return turned_away(self.name, answer, said)

    def _taken(self, key: str, found: Mapping[str, Any], said: str) -> AskAnswer:
        """A request that was taken; it can have failed by then."""
        if found.get("status") == FAILED:
            code = _code(part(found, "error"))
            return refused(self.name, key, code, REASONS, said_of(FAILED, code))
        handle = found.get("serverCorrelationId")
        return Accepted(said, handle if isinstance(handle, str) and _NAME.fullmatch(handle) else None)

    def _state(self, order: _Sought, answer: Answer | Unreached | NoAnswer) -> FindAnswer:
        """Decide from a request state."""
        if not isinstance(answer, Answer) or answer.status != 200:
            return no_status(self.name, answer, _said)
        found = answer.fields()
        error, reference = part(found, "error"), found.get("objectReference")

        def failed(said: str) -> FindAnswer:
            return refused(self.name, order.key, _code(error), REASONS, said)

        def completed(said: str) -> FindAnswer:
            if isinstance(reference, str) and _NAME.fullmatch(reference):
                return self._transaction(order, self._get(TRANSACTION_PATH, reference))
            return decide(self.name, order.key, None, said, {})

        word = found.get("status")
        said = said_of(word or "no status", found.get("pendingReason"), *_error_words(error))
        return decide(self.name, order.key, word, said, {PENDING: Waiting, FAILED: failed, COMPLETED: completed})

    def _linked(self, order: _Sought, answer: Answer) -> FindAnswer:
        """Go where a response links to; never to another host, for only the end of the link is used."""
        link = answer.fields().get("link")
        found = _LINK.fullmatch(link) if isinstance(link, str) else None
        if found is None:
            return decide(self.name, order.key, None, "no link", {})
        if found[1] == "requeststates":
            return self._state(order, self._get(STATE_PATH, found[2]))
        return self._transaction(order, self._get(TRANSACTION_PATH, found[2]))

    def _transaction(self, order: _Sought, answer: Answer | Unreached | NoAnswer) -> FindAnswer:
        """Decide from a transaction."""
        if not isinstance(answer, Answer) or answer.status != 200:
            return no_status(self.name, answer, _said)
        found = answer.fields()
        word, about = found.get("transactionStatus"), found.get("requestingOrganisationTransactionReference")

        def paid(said: str) -> FindAnswer:
            return self._paid(order, found, said)

        return decide(
            self.name,
            order.key,
            word,
            said_of(word or "no status"),
            {PENDING: Waiting, FAILED: Reason.OTHER, REVERSED: Reason.OTHER, COMPLETED: paid},
            another=(about is not None and about != order.key) or not self._is_ours(order, found),
        )

    def _is_ours(self, order: _Sought, found: Mapping[str, Any]) -> bool:
        """Whether a transaction pays our account, or a reversal is paid by it, as far as it tells which account."""
        told = _party(found, "debitParty" if order.is_reversal else "creditParty", self._payee["key"])
        return told is None or told == self._payee["value"]

    def _paid(self, order: _Sought, found: Mapping[str, Any], said: str) -> Paid | Unclear:
        operator_id = read_operator_id(found.get("transactionReference"))
        amount = read_figure(found.get("amount"), found.get("currency"))
        if operator_id is None or amount is None:
            return lacking(self.name, order.key, said)
        at = _moment(found.get("modificationDate")) or _moment(found.get("creationDate"))
        return Paid(amount, operator_id, _wallet(found, "creditParty" if order.is_reversal else "debitParty"), said, at)


def _is_unknown(answer: Answer) -> bool:
    """Whether the operator says, in the specification's own word, that it doesn't know what was named."""
    return answer.status == 404 and _code(answer.fields()) == UNKNOWN


def _code(found: Mapping[str, Any]) -> str:
    code = found.get("errorCode")
    return code if isinstance(code, str) else ""


def _error_words(found: Mapping[str, Any]) -> tuple[object, ...]:
    # The specification spells the description in both ways.
    return (found.get("errorCode"), found.get("errorDescription"), found.get("errordescription"))


def _said(answer: Answer) -> str:
    """An answer in words that may be kept."""
    found = answer.fields()
    return said_of(str(answer.status), *_error_words(found), found.get("code"), found.get("message"))


def _party(found: Mapping[str, Any], side: str, key: str) -> str | None:
    """The value of one key of a party, which is a list of keys and values."""
    parties = found.get(side)
    for one in parties if isinstance(parties, list) else []:
        if isinstance(one, dict) and one.get("key") == key and isinstance(one.get("value"), str):
            return str(one["value"])
    return None


def _wallet(found: Mapping[str, Any], side: str) -> str | None:
    try:
        return read_caller(_party(found, side, "msisdn") or "")
    except BadMsisdn:
        return None


def _date(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: object) -> datetime | None:
    """A date and time with its zone, in UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
