"""Plays pawaPay's statements: made a while after they are asked for, of what was paid and given back, packed or not.

The words and the eight columns are those of docs.pawapay.io; the codes of a rejection and the words of the column Type
are assumed. Scripts meet the calls ``statement``, ``statement_status`` and ``download``: the ``outcome`` of a
``statement`` is the status that it ends in (``PROCESSING`` never ends), with ``reason``; ``report`` replaces fields of
its status. No callback is sent about a statement.
"""

from __future__ import annotations

import csv
import gzip
import io
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.standins.play import Body, Script, Wrong, without_none

LONGEST = timedelta(days=31)
COLUMNS = ("Creation Date", "MSISDN", "Transaction ID", "Amount", "Currency", "Country", "MNO", "Type")

_NEEDED = {"wallet", "startDate", "endDate", "callbackUrl"}
_NEEDED_DAYS = ("startDate", "endDate")
Wallets = set[tuple[str, str, str | None]]


@dataclass
class Statement:
    """A statement that was asked for; ``ready_at`` is by the monotonic clock."""

    id: str
    asked: Body
    created: str
    ready_at: float
    ends_in: str
    reason: Any
    report: Body

    def shown(self, address: str) -> Body:
        """``data`` of its status; the file lies at ``address``."""
        status = self.ends_in if time.monotonic() >= self.ready_at else "PROCESSING"
        told = {name: self.asked[name] for name in ("wallet", "startDate", "endDate")}
        done: Body = {}
        if status == "COMPLETED":
            now = datetime.now(UTC)
            done = {"downloadUrl": address, "completedAt": _moment(now), "fileSize": len(self.file([]))}
            done["downloadUrlExpiresAt"] = _moment(now + timedelta(days=1))
        elif status == "FAILED":
            done = {"failureReason": {"failureCode": self.reason, "failureMessage": "as played"}}
        return {"statementId": self.id, "status": status, "created": self.created, **told, **done}

    def file(self, payments: list[Body]) -> bytes:
        """The CSV, the oldest first, of those of the deposits and refunds that are its wallet's and its days'."""
        out = io.StringIO(newline="")
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(COLUMNS)
        for one in sorted(payments, key=lambda payment: str(payment["created"])):
            key = one.get("refundId")
            whose = one["recipient" if key else "payer"]["accountDetails"]
            wallet = {"country": one["country"], "currency": one["currency"], "provider": whose["provider"]}
            if self.asked["wallet"].items() <= wallet.items() and self._has(one["created"]):
                rows.writerow(
                    (one["created"], whose["phoneNumber"], key or one["depositId"], one["amount"], one["currency"],
                     one["country"], whose["provider"], "REFUND" if key else "DEPOSIT")
                )  # fmt: skip
        raw = out.getvalue().encode()
        return gzip.compress(raw, mtime=0) if self.asked.get("compressed") else raw

    def _has(self, created: str) -> bool:
        return bool(self.asked["startDate"] <= created.removesuffix("Z") < self.asked["endDate"])


@dataclass
class Desk:
    """Where statements are asked for."""

    made: dict[str, Statement] = field(default_factory=dict)

    def ask(self, body: Body, wallets: Wallets, script: Script, delay_s: float) -> Statement | Body:
        """Take a request, or say why it is REJECTED; raises :class:`Wrong` for one that can't be read."""
        if unknown := body.keys() - {*_NEEDED, "compressed"}:
            raise _unreadable("UNSUPPORTED_PARAMETER", ", ".join(sorted(unknown)))
        if missing := _NEEDED - body.keys():
            raise _unreadable("MISSING_PARAMETER", ", ".join(sorted(missing)))
        try:
            first, last = (datetime.strptime(body[name] + "Z", "%Y-%m-%dT%H:%M:%S%z") for name in _NEEDED_DAYS)
            wallet = tuple(body["wallet"].get(name) for name in ("country", "currency", "provider"))
        except (ValueError, TypeError, AttributeError):
            raise _unreadable("INVALID_PARAMETER", "wallet, startDate, endDate") from None
        if wallet not in wallets:
            return {"failureCode": "WALLET_NOT_FOUND", "failureMessage": "No such wallet"}
        if not timedelta() < last - first <= LONGEST:
            return {"failureCode": "INVALID_DATE_RANGE", "failureMessage": "At most 31 days"}
        one = Statement(
            str(uuid.uuid4()), without_none(body), _moment(datetime.now(UTC)), time.monotonic() + delay_s,
            script.outcome or "COMPLETED", script.reason, dict(script.report),
        )  # fmt: skip
        self.made[one.id] = one
        return one


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _unreadable(code: str, message: str) -> Wrong:
    return Wrong(400, {"failureReason": {"failureCode": code, "failureMessage": message}})
