"""Orange Money Web Payment: makes an address where the payer pays, and believes nothing but the status it asks for.

Documented by Orange's developer portal, as public integrations quote it:

* An order is made by ``webpayment`` and paid on the page behind ``payment_url``, by whoever opens it: no prompt comes
  to the payer's phone. The address goes there by SMS (:attr:`Accepted.link`) and is good for about ten minutes.
* ``order_id`` is unique, and short: our key as 26 letters and digits. The status is asked for by ``order_id``, amount
  and ``pay_token``; it tells neither payer nor amount, and Orange lets pay nothing but the amount of the order. Should
  an amount be told all the same, it is what counts.
* An order that nobody tries to pay stays INITIATED for ever. Once its address is no longer good it is expired for us.
* A notice carries the ``notif_token`` that only Orange and we know, and no name of the order. What is kept of it is a
  digest (:attr:`Accepted.token`): enough to know a genuine notice by, which decides nothing all the same, and not
  enough to forge one with.
* The trial (country ``dev``) takes the play currency OUV alone: there the same *figure* is sent in it.

What follows for money: without its address nobody can pay an order. So whatever was answered without one, and whatever
answer got lost, nothing is debited for it; and a second request for an ``order_id`` that Orange has is refused, for
whoever sees that refusal has no address to send.

Assumed: amounts are whole; a taken ``order_id`` is answered with an error; statuses come with 200 or 201.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.kernel.atomic import require_outside
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
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
    Unclear,
    Waiting,
)
from gateway.payments.providers.common import (
    Bearer,
    NoToken,
    Outcome,
    decide,
    json_body,
    lacking,
    may_call,
    no_status,
    not_asked,
    notice_fields,
    order_key,
    read_figure,
    read_operator_id,
    said_of,
    turned_away,
    unheard,
)
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.settings import Settings

HOST = "https://api.orange.com"
TRIAL, TRIAL_CURRENCY = "dev", "OUV"

TOKEN_PATH = "/oauth/v3/token"
PAY_PATH = "/orange-money-webpay/{country}/v1/webpayment"
STATUS_PATH = "/orange-money-webpay/{country}/v1/transactionstatus"

INITIATED, PENDING, SUCCESS = "INITIATED", "PENDING", "SUCCESS"
# Why there is no money. Orange gives no reason beside FAILED.
OVER = {"FAILED": Reason.OTHER, "EXPIRED": Reason.EXPIRED}

LINK_LIFE_S = 600.0  # what Orange calls the default
LINK_MARGIN_S = 120.0  # clocks, and a payer who confirmed at the last moment

_PAY_TOKEN = re.compile(r"[A-Za-z0-9]{8,128}")
_NOTIF_TOKEN = re.compile(r"[\x21-\x7e]{8,256}")
_LINK = re.compile(r"https?://[\x21-\x7e]{1,400}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Handle:
    """What an order is asked for by: its pay_token, and when its address was made (seconds since the epoch)."""

    pay_token: str
    made_at: float

    def __str__(self) -> str:
        return f"{self.pay_token}.{self.made_at:.0f}"

    @classmethod
    def read(cls, text: str) -> Handle:
        """What :meth:`__str__` wrote; of anything else, as much as can be made of it."""
        pay_token, _, rest = text.partition(".")
        made_at = rest.rpartition(".")[2]  # older ones have a digest between the two
        return cls(pay_token, float(made_at) if re.fullmatch(r"\d{1,12}", made_at) else 0.0)


class OrangeMoney:
    """The provider ``orange_money`` for one merchant in one country; see :class:`~.base.Provider`."""

    name = "orange_money"

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: str,
        merchant_key: str,
        country: str,
        return_url: str,
        base_url: str = HOST,
        plain_addresses_here: bool = False,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make no call yet.

        ``country`` is the word in Orange's addresses (``gn``, ``dev``). ``return_url`` is where the payer's browser
        goes when all is done. ``plain_addresses_here`` lets addresses be plain http towards 127.0.0.1, as between the
        demonstration and its stand-in. ``now`` is the time (seconds since the epoch) by which an address grows old,
        ``monotonic`` measures the token's age. Raises :class:`Fault` for a country that can't be part of an address.
        """
        if not re.fullmatch(r"[a-z]{2,3}", country):
            raise Fault(f"Orange Money: {country} is no country in Orange's addresses")
        self.country = country
        self._merchant_key = merchant_key
        self._return_url = return_url
        self._plain_addresses_here = plain_addresses_here
        self._now = now
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._bearer = Bearer(self.name, self._http, self._ask_token, monotonic)

    @classmethod
    def from_settings(cls, settings: Settings) -> OrangeMoney:
        """The provider that the ``ORANGE_MONEY_*`` settings describe; plain addresses in the demonstration alone."""
        return cls(
            client_id=settings.orange_money_client_id,
            client_secret=settings.orange_money_client_secret.get_secret_value(),
            merchant_key=settings.orange_money_merchant_key.get_secret_value(),
            country=settings.orange_money_country,
            return_url=settings.public_url,
            base_url=settings.orange_money_base_url,
            plain_addresses_here=settings.demo,
        )

    def ask(self, order: Order) -> AskAnswer:
        """Have an address made; an amount that isn't positive and whole is refused here."""
        body = {
            "merchant_key": self._merchant_key,
            "currency": TRIAL_CURRENCY if self.country == TRIAL else order.amount.currency,
            "order_id": order_id(order.key),
            "amount": int(order.amount.decimal),
            "return_url": self._return_url,
            "cancel_url": self._return_url,
            "lang": "fr",
            "reference": f"Cotisation {re.sub(r'[^A-Za-z0-9]', '', order.card)}".strip()[:30],
        }
        if order.amount.minor <= 0 or body["amount"] != order.amount.decimal:
            return Refused(Reason.AMOUNT, "not a positive and whole amount")
        if order.callback_url and self._may_call(order.callback_url):
            body["notif_url"] = order.callback_url
        return self._asked(order, self._call(PAY_PATH, body))

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of an order, by what its answer told; an order without that can be paid by nobody."""
        named = order_id(order.key)
        if order.handle is None:
            require_outside(self.name)
            return NotFound("no address came back, so nobody can pay")
        handle = Handle.read(order.handle)
        body = {"order_id": named, "amount": int(order.amount.decimal), "pay_token": handle.pay_token}
        answer = self._call(STATUS_PATH, body, reading=True)
        if not isinstance(answer, Answer) or answer.status not in (200, 201):
            return no_status(self.name, answer, _said)
        return self._status(order, handle, answer.fields())

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a notice: what it claims, and by which token. It names no order: the address at which it came does."""
        found = notice_fields(body)
        token = found.get("notif_token")
        return Hint(None, _claimed(found), token=_seal(token) if isinstance(token, str) else None)

    # Calls

    def _ask_token(self) -> Answer | Unreached | NoAnswer:
        headers = {"Authorization": f"Basic {self._basic}", "Content-Type": "application/x-www-form-urlencoded"}
        return self._http.call(self.name, "POST", TOKEN_PATH, headers, b"grant_type=client_credentials")

    def _call(self, path: str, body: Mapping[str, Any], *, reading: bool = False) -> Outcome:
        headers = {"Content-Type": "application/json"}
        return self._bearer.call("POST", path.format(country=self.country), headers, json_body(body), reading=reading)

    def _may_call(self, url: str) -> bool:
        """Orange calls no plain address and no bare IP."""
        here = self._is_here(url)
        return here or (may_call(url, False) and not _is_ip(urlsplit(url).hostname or ""))

    def _is_here(self, url: str) -> bool:
        return not url.startswith("https:") and may_call(url, self._plain_addresses_here)

    # What an answer means

    def _asked(self, order: Order, answer: Outcome) -> AskAnswer:
        if isinstance(answer, NoToken):
            return not_asked(self.name, answer, _said)
        if not isinstance(answer, Answer):
            return unheard(answer)
        if answer.status == 201:
            return self._made(order, answer)
        if 400 <= answer.status < 500 and answer.status != 429:
            # No address came of it, so nobody can pay, whatever Orange has recorded.
            log.critical("orange_money: order %s is refused for what we sent: %s", order.key, _said(answer))
            return Refused(Reason.CONFIGURATION, _said(answer))
        return turned_away(self.name, answer, _said(answer))

    def _made(self, order: Order, answer: Answer) -> Accepted | Unclear:
        found = answer.fields()
        pay_token, notif_token, link = (found.get(name) for name in ("pay_token", "notif_token", "payment_url"))
        if (
            not (isinstance(pay_token, str) and _PAY_TOKEN.fullmatch(pay_token))
            or not (isinstance(notif_token, str) and _NOTIF_TOKEN.fullmatch(notif_token))
            or not (isinstance(link, str) and _LINK.fullmatch(link))
            or not (link.startswith("https://") or self._is_here(link))
        ):
            log.error("orange_money: order %s was made, and its address can't be read", order.key)
            return Unclear("unreadable", _said(answer))
        return Accepted(_said(answer), str(Handle(pay_token, self._now())), link, _seal(notif_token))

    def _status(self, order: Order, handle: Handle, found: Mapping[str, Any]) -> FindAnswer:
        word, about = found.get("status"), found.get("order_id")

        def paid(said: str) -> FindAnswer:
            return self._paid(order, found, said)

        def initiated(said: str) -> FindAnswer:
            if self._now() > handle.made_at + LINK_LIFE_S + LINK_MARGIN_S:
                return Refused(Reason.EXPIRED, f"{said}, nobody tried")
            return Waiting(said)

        def over(said: str) -> FindAnswer:
            if said != word:
                log.error("orange_money: order %s is over for a reason that is not known: %s", order.key, said)
            return Refused(OVER[str(word)], said)

        means = {SUCCESS: paid, INITIATED: initiated, PENDING: Waiting, **dict.fromkeys(OVER, over)}
        another = about is not None and about != order_id(order.key)
        return decide(self.name, order.key, word, _claimed(found), means, another=another)

    def _paid(self, order: Order, found: Mapping[str, Any], said: str) -> Paid | Unclear:
        operator_id = read_operator_id(found.get("txnid"))
        amount: Money | None = order.amount
        if found.get("amount") is not None:
            amount = read_figure(found["amount"], order.amount.currency)
        if operator_id is None or amount is None:
            return lacking(self.name, order.key, said)
        return Paid(amount, operator_id, None, said)


def order_id(key: str) -> str:
    """An order's key as Orange can take it: 26 capital letters and digits (base 32)."""
    return base64.b32encode(order_key(key).bytes).decode().rstrip("=")


def _seal(notif_token: str) -> str:
    """What may be kept of a notif_token: enough to know it again, not enough to forge a notice with."""
    return hashlib.blake2b(notif_token.encode(errors="replace"), digest_size=16).hexdigest()


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _claimed(found: Mapping[str, Any]) -> str:
    return said_of(found.get("status") or "no status", found.get("message"))


def _said(answer: Answer) -> str:
    """An answer in words that may be kept; its tokens and its address are not among them."""
    found = answer.fields()
    others = (found.get(name) for name in ("code", "error", "message", "description", "error_description"))
    return said_of(str(answer.status), *others)
