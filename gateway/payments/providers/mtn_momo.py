"""MTN MoMo: asks a wallet by *request to pay* and believes nothing but the status that it asks for itself.

Source: the Collections and Disbursements products on momodeveloper.mtn.com. What it means for us:

* ``X-Reference-Id`` is our key: MTN takes it once (409 ever after) and answers by it, so nothing is ever debited twice,
  and nothing given back twice.
* A callback is unsigned, comes at most once and may be forged: :meth:`MtnMomo.read` gives a hint and decides nothing.
* The sandbox (target environment ``sandbox``) takes EUR only. There the adapter sends the same *figure* in EUR (1500
  XOF as "1500" EUR) and reads a figure in EUR back as that figure in the currency that was ordered; a figure that this
  currency can't hold is unclear. Everywhere else the currency ordered is the one sent, and what MTN reports is
  reported on as it stands, differing amount and currency included.
* A country has a target environment (mtnbenin, mtncameroon, mtncongo, mtnguineaconakry, mtnivorycoast, mtnrwanda,
  mtnuganda, mtnghana, mtnzambia, mtnswaziland, mtnsouthafrica, mtnliberia, mtnsouthsudan, mtnnigeria) and a host that
  MTN names at go-live; both are settings.
* Giving money back belongs to Disbursements, another product with keys of its own: :class:`MtnMomoBothWays`.
* A word that isn't in the tables below is kept verbatim, shouted into the log, and leaves the order undecided; only a
  FAILED with an unknown reason is refused, as :attr:`Reason.OTHER`, for FAILED itself is known.
"""

from __future__ import annotations

import base64
import logging
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.payments.providers.base import (
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
    keep_said,
)
from gateway.payments.providers.common import (
    Bearer,
    NoToken,
    Outcome,
    decide,
    fits_header,
    json_body,
    lacking,
    may_call,
    no_status,
    not_asked,
    notice_fields,
    order_key,
    part,
    read_figure,
    read_operator_id,
    read_uuid,
    refused,
    turned_away,
    unheard,
)
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.settings import Settings

SANDBOX = "sandbox"
SANDBOX_HOST = "https://sandbox.momodeveloper.mtn.com"
SANDBOX_CURRENCY = "EUR"

COLLECTION, DISBURSEMENT = "/collection", "/disbursement"
TOKEN_PATH = "/token/"
REQUEST_TO_PAY_PATH = "/v1_0/requesttopay"
REFUND_PATH = "/v1_0/refund"

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
# Where money goes back, the payee is the one who paid, and the payer is our own account.
REFUND_REASONS = REASONS | {
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": Reason.NOT_ALLOWED,
    "PAYEE_NOT_FOUND": Reason.NO_WALLET,
    "PAYER_NOT_FOUND": Reason.CONFIGURATION,
}

# Reasons that say "not decided yet", whatever status they stand beside.
STILL_GOING = {"DELAYED", "ONGOING"}

# HTTP 400, 403 and 500 with these codes refuse a request before it has begun.
NOT_BEGUN = {
    "INVALID_CALLBACK_URL_HOST",
    "INVALID_CURRENCY",
    "NOT_ALLOWED",
    "NOT_ALLOWED_TARGET_ENVIRONMENT",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE",
    "PAYEE_NOT_FOUND",
    "PAYER_LIMIT_REACHED",
    "PAYER_NOT_FOUND",
}

log = logging.getLogger(__name__)


class _Product:
    """The calls of one of MTN's products, each under the product's own token and subscription key."""

    def __init__(
        self,
        http: Http,
        path: str,
        *,
        api_user: str,
        api_key: str,
        subscription_key: str,
        target_environment: str,
        monotonic: Callable[[], float],
    ) -> None:
        for what, value in (("subscription key", subscription_key), ("target environment", target_environment)):
            if not fits_header(value):
                raise Fault(f"MTN MoMo: the {what} is empty or has characters that it can't have")
        self._http, self._path = http, path
        self._key = {"Ocp-Apim-Subscription-Key": subscription_key}
        self._always = {**self._key, "X-Target-Environment": target_environment}
        self._basic = "Basic " + base64.b64encode(f"{api_user}:{api_key}".encode()).decode()
        self._bearer = Bearer(MtnMomo.name, http, self._ask_token, monotonic)

    def post(self, path: str, key: str, body: Mapping[str, object], headers: Mapping[str, str]) -> Outcome:
        """A request that MTN takes once for each key."""
        own = {"X-Reference-Id": key, "Content-Type": "application/json", **headers}
        return self._call("POST", path, own, json_body(body))

    def get(self, path: str) -> Outcome:
        return self._call("GET", path)

    def _call(
        self, method: Literal["GET", "POST"], path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Outcome:
        return self._bearer.call(method, self._path + path, {**self._always, **(headers or {})}, body)

    def _ask_token(self) -> Answer | Unreached | NoAnswer:
        headers = {"Authorization": self._basic, **self._key}
        return self._http.call(MtnMomo.name, "POST", self._path + TOKEN_PATH, headers)


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
        self.target_environment = target_environment
        self._plain_callbacks_here = plain_callbacks_here
        self._product = partial(
            _Product,
            Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s),
            target_environment=target_environment,
            monotonic=monotonic,
        )
        self._collections = self._product(
            COLLECTION, api_user=api_user, api_key=api_key, subscription_key=subscription_key
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> MtnMomo:
        """The provider that the ``MTN_MOMO_*`` settings describe; plain callbacks in the demonstration alone."""
        own: dict[str, Any] = {
            "api_user": settings.mtn_momo_api_user,
            "api_key": settings.mtn_momo_api_key.get_secret_value(),
            "subscription_key": settings.mtn_momo_subscription_key.get_secret_value(),
            "target_environment": settings.mtn_momo_target_environment,
            "base_url": settings.mtn_momo_base_url,
            "plain_callbacks_here": settings.demo,
        }
        if not settings.mtn_momo_disbursement_api_user:
            return MtnMomo(**own)
        return MtnMomoBothWays(
            disbursement_api_user=settings.mtn_momo_disbursement_api_user,
            disbursement_api_key=settings.mtn_momo_disbursement_api_key.get_secret_value(),
            disbursement_subscription_key=settings.mtn_momo_disbursement_subscription_key.get_secret_value(),
            **own,
        )

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a payment; an order whose amount isn't positive is refused here."""
        key = str(order_key(order.key))
        if order.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        payer = {"partyIdType": "MSISDN", "partyId": order.payer.removeprefix("+")}
        callback = {}
        if order.callback_url and may_call(order.callback_url, self._plain_callbacks_here):
            callback["X-Callback-Url"] = order.callback_url
        body = {**self._body(key, order.amount, order.card), "payer": payer}
        return _asked(key, self._collections.post(REQUEST_TO_PAY_PATH, key, body, callback), REASONS)

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of an order, by our key."""
        key = str(order_key(order.key))
        answer = self._collections.get(f"{REQUEST_TO_PAY_PATH}/{key}")
        return self._found(key, order.amount.currency, answer, REASONS)

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback, whatever content type it came with: the order it speaks of and what it claims."""
        found = notice_fields(body)
        named = (found.get("externalId"), found.get("referenceId"), headers.get("X-Reference-Id"))
        return Hint(next((key for key in map(read_uuid, named) if key), None), _claimed(found))

    def _body(self, key: str, amount: Money, card: str) -> dict[str, object]:
        # Neither text may be empty (500) or hold anything but letters, digits and spaces (400).
        text = f"Cotisation {re.sub(r'[^A-Za-z0-9]', '', card)}".strip()[:160]
        return {
            "amount": f"{amount.decimal:f}",
            "currency": SANDBOX_CURRENCY if self._in_sandbox else amount.currency,
            "externalId": key,
            "payerMessage": text,
            "payeeNote": text,
        }

    @property
    def _in_sandbox(self) -> bool:
        return self.target_environment == SANDBOX

    def _found(self, key: str, currency: str, answer: Outcome, reasons: Mapping[str, Reason]) -> FindAnswer:
        """What the answer to a status call says."""
        if not isinstance(answer, Answer):
            return no_status(self.name, answer, _said)
        found = answer.fields()
        if answer.status == 404 and found.get("code") == "RESOURCE_NOT_FOUND":
            return NotFound(_said(answer))
        if answer.status != 200:
            return no_status(self.name, answer, _said)
        about, (code, _) = found.get("externalId"), _reason(found)

        def failed(said: str) -> FindAnswer:
            return Waiting(said) if code in STILL_GOING else refused(self.name, key, code, reasons, said)

        def paid(said: str) -> FindAnswer:
            return self._paid(key, currency, found, said)

        return decide(
            self.name,
            key,
            found.get("status"),
            _claimed(found),
            {PENDING: Waiting, SUCCESSFUL: paid, FAILED: failed},
            another=isinstance(about, str) and about.lower() != key,
        )

    def _paid(self, key: str, currency: str, found: Mapping[str, Any], said: str) -> Paid | Unclear:
        operator_id = read_operator_id(found.get("financialTransactionId"))
        told = found.get("currency")
        if self._in_sandbox:
            told = currency if told == SANDBOX_CURRENCY else None
        amount = read_figure(found.get("amount"), told)
        if operator_id is None or amount is None:
            return lacking(self.name, key, said)
        return Paid(amount, operator_id, _party(found), said)


class MtnMomoBothWays(MtnMomo):
    """The same where there are keys for Disbursements too: money can go back; see :class:`~.base.Refunder`."""

    def __init__(
        self,
        *,
        disbursement_api_user: str,
        disbursement_api_key: str,
        disbursement_subscription_key: str,
        **own: Any,
    ) -> None:
        """Make no call yet; ``own`` is what :class:`MtnMomo` takes."""
        super().__init__(**own)
        self._disbursements = self._product(
            DISBURSEMENT,
            api_user=disbursement_api_user,
            api_key=disbursement_api_key,
            subscription_key=disbursement_subscription_key,
        )

    def give_back(self, repayment: Repayment) -> AskAnswer:
        """Ask for a refund of a request to pay; the amount may be a part of it."""
        key = str(order_key(repayment.key))
        if repayment.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        of = str(order_key(repayment.order.key))
        body = {**self._body(key, repayment.amount, repayment.order.card), "referenceIdToRefund": of}
        return _asked(key, self._disbursements.post(REFUND_PATH, key, body, {}), REFUND_REASONS)

    def find_back(self, repayment: Repayment) -> FindAnswer:
        """Ask for the status of a refund, by our key of it."""
        key = str(order_key(repayment.key))
        answer = self._disbursements.get(f"{REFUND_PATH}/{key}")
        return self._found(key, repayment.amount.currency, answer, REFUND_REASONS)


def _asked(key: str, answer: Outcome, reasons: Mapping[str, Reason]) -> AskAnswer:
    """What an answer to a request means."""
    if isinstance(answer, NoToken):
        return not_asked(MtnMomo.name, answer, _said)
    if not isinstance(answer, Answer):
        return unheard(answer)
    if answer.status == 202:
        return Accepted("202")
    if answer.status == 409:
        return Accepted("409 RESOURCE_ALREADY_EXIST")
    code = str(answer.fields().get("code") or "")
    if answer.status in (400, 403, 500) and code in NOT_BEGUN:
        return refused(MtnMomo.name, key, code, reasons, _said(answer))
    if answer.status == 400:
        log.critical("mtn_momo: %s is refused for what we sent: %s", key, _said(answer))
        return Refused(Reason.CONFIGURATION, _said(answer))
    return turned_away(MtnMomo.name, answer, _said(answer))


def _said(answer: Answer) -> str:
    """An answer in words that may be kept."""
    found = answer.fields()
    return keep_said(f"{answer.status} {found.get('code') or ''} {found.get('message') or ''}")


def _reason(found: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of ``reason``, which MTN sends as a word or as an object of both."""
    reason = found.get("reason")
    if isinstance(reason, dict):
        return str(reason.get("code") or ""), str(reason.get("message") or "")
    return (reason, "") if isinstance(reason, str) else ("", "")


def _claimed(found: Mapping[str, Any]) -> str:
    return keep_said(" ".join((str(found.get("status") or "no status"), *_reason(found))))


def _party(found: Mapping[str, Any]) -> str | None:
    """Who paid, or who has it back, where it is told."""
    given = (part(found, "payer") or part(found, "payee")).get("partyId")
    try:
        return read_caller(given) if isinstance(given, str) else None
    except BadMsisdn:
        return None
