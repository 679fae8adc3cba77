"""pawaPay's words: addresses, countries, statuses and codes of failure, and what each means to us.

From docs.pawapay.io, version 2. What is not in these tables is kept, shouted and decides nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.kernel.money import Money
from gateway.payments.providers.base import Reason, Refused, Unclear, keep_said
from gateway.payments.providers.common import no_status
from gateway.payments.providers.http import Answer, NoAnswer, Unreached

SANDBOX_HOST = "https://api.sandbox.pawapay.io"

DEPOSITS, REFUNDS = "/v2/deposits", "/v2/refunds"
ACTIVE_CONF = "/v2/active-conf"
AVAILABILITY = "/v2/availability"
PREDICT = "/v2/predict-provider"
PUBLIC_KEYS = "/v2/public-key/http"

COUNTRIES = {
    "BF": "BFA", "BJ": "BEN", "CD": "COD", "CG": "COG", "CI": "CIV", "CM": "CMR", "RW": "RWA", "SN": "SEN",
}  # fmt: skip

DECIMALS = {"NONE": 0, "TWO_PLACES": 2}
# Where the operator takes fewer decimals than the currency has, for when active-conf is not to be had.
WHOLE_ONLY = {("VODACOM_MPESA_COD", "CDF")}

# Whether an operator takes deposits. DELAYED is about payouts, which then wait in a queue: no payer is concerned.
WORKS = {"OPERATIONAL": True, "DELAYED": True, "CLOSED": False}

COMPLETED, FAILED = "COMPLETED", "FAILED"
STILL_GOING = {"ACCEPTED", "ENQUEUED", "IN_RECONCILIATION", "PROCESSING"}

# Why a deposit or refund is FAILED.
REASONS = {
    "INSUFFICIENT_BALANCE": Reason.INSUFFICIENT,
    "MANUALLY_CANCELLED": Reason.OTHER,
    "PAWAPAY_WALLET_OUT_OF_FUNDS": Reason.CONFIGURATION,
    "PAYER_LIMIT_REACHED": Reason.LIMIT,
    "PAYER_NOT_FOUND": Reason.NO_WALLET,
    "PAYMENT_IN_PROGRESS": Reason.UNAVAILABLE,
    "PAYMENT_NOT_APPROVED": Reason.REJECTED,
    "RECIPIENT_NOT_FOUND": Reason.NO_WALLET,
    "UNKNOWN_ERROR": Reason.OTHER,
    "UNSPECIFIED_FAILURE": Reason.OTHER,
    "WALLET_LIMIT_REACHED": Reason.LIMIT,
}

# Why a request is REJECTED (HTTP 200): nothing was begun.
REJECTIONS = {
    "AMOUNT_OUT_OF_BOUNDS": Reason.AMOUNT,
    "AMOUNT_TOO_LARGE": Reason.AMOUNT,
    "DEPOSIT_ALREADY_REFUNDED": Reason.OTHER,
    "INVALID_AMOUNT": Reason.AMOUNT,
    "INVALID_CURRENCY": Reason.AMOUNT,
    "INVALID_PHONE_NUMBER": Reason.NO_WALLET,
    "INVALID_PROVIDER": Reason.CONFIGURATION,
    "PROVIDER_TEMPORARILY_UNAVAILABLE": Reason.UNAVAILABLE,
    "REFUND_IN_PROGRESS": Reason.UNAVAILABLE,
}

# What a prediction says of a number that no operator of pawaPay's can have.
NO_NUMBER = {"INVALID_INPUT", "INVALID_PARAMETER", "INVALID_PHONE_NUMBER"}

_CODE = re.compile(r"[A-Z0-9_]{3,30}")

log = logging.getLogger(__name__)


def read_code(found: object) -> str | None:
    """pawaPay's code of an operator, if it is one."""
    return found if isinstance(found, str) and _CODE.fullmatch(found) else None


def country_of(code: str) -> str | None:
    """The country (ISO alpha-2) of an operator's code, whose last part is its ISO alpha-3."""
    return alpha2(code.rpartition("_")[2])


def alpha2(alpha3: object) -> str | None:
    """A country that pawaPay serves, by its other name."""
    return next((two for two, three in COUNTRIES.items() if three == alpha3), None)


def figure(amount: Money) -> str:
    """The amount as pawaPay takes it: no zeros at its end after a dot."""
    return f"{amount.decimal.normalize():f}"


def objects(found: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a JSON list; nothing where there is none."""
    return (one for one in found if isinstance(one, dict)) if isinstance(found, list) else iter(())


def failure(found: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of ``failureReason``."""
    reason = found.get("failureReason")
    if not isinstance(reason, dict):
        return "", ""
    return str(reason.get("failureCode") or ""), str(reason.get("failureMessage") or "")


def claimed(found: Mapping[str, Any]) -> str:
    """What a status or callback says, in words that may be kept."""
    return keep_said(" ".join((str(found.get("status") or "no status"), *failure(found))))


def said(answer: Answer) -> str:
    """All of an answer in words that may be kept."""
    found = answer.fields()
    return keep_said(" ".join((str(answer.status), str(found.get("status") or ""), *failure(found))))


def refused(reason: Reason, what: str, words: str) -> Refused:
    """A refusal; one that is our own fault wakes the administrator."""
    if reason is Reason.CONFIGURATION:
        log.critical("pawapay: %s: refused for what we are, have or sent: %s", what, words)
    return Refused(reason, words)


def no_help(what: str, answer: Answer | Unreached | NoAnswer) -> Refused | Unclear:
    """A call that no money hangs on, and that brought nothing."""
    if isinstance(answer, Answer) and answer.status in (401, 403):
        return refused(Reason.CONFIGURATION, what, said(answer))
    return not_told(what, answer)


def not_told(what: str, answer: Answer | Unreached | NoAnswer) -> Unclear:
    """A reading call that brought nothing: it says nothing about any money, least of all that it was refused."""
    if isinstance(answer, Answer) and answer.status == 200:
        log.error("pawapay: %s can't be read", what)
        return Unclear("unreadable", said(answer))
    return no_status("pawapay", answer, said)
