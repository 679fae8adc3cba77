"""M-Pesa OpenAPI of Vodacom DRC: asks a wallet by *C2B single stage* and believes only the status.

Source: the API documentation on openapiportal.m-pesa.com. What it means for us:

* ``input_ThirdPartyConversationID`` is our key without its dashes: M-Pesa takes it once (``INS-10`` ever after), and
  its status is asked for by it, so nothing is ever debited twice and no answer to a call has to arrive.
* The call is synchronous: it blocks while the payer types the PIN, a minute or more, and then tells the outcome. An
  organisation may also be set to asynchronous answers. Either way it is *accepted* here, and the status decides.
* The API key, and the session's key after it, travel encrypted with the platform's public key (RSA, PKCS#1 v1.5: the
  documentation says only "RSA cipher", Vodacom's own libraries do this). A new session is *invalid for up to 30 s*:
  what is turned away meanwhile has not begun, and is asked again when the session has had its time.
* The status tells neither the amount nor the payer: a payment that is completed is what was ordered.
* An asynchronous result is unsigned and comes to one address for all orders: :meth:`MpesaOpenApi.read` finds the
  order's key in it, and it is a hint.
* A *reversal* gives back a payment or a part of it, by the number of its transaction. It is a request of its own, with
  a key of its own, and is looked up by that as a payment is.
* Amounts: CDF whole, USD with two decimals, as pawaPay lists for this operator; others are refused here.

Assumed, where the documentation is silent: that a completed transaction moves all that was asked for; that the status
of a reversal is asked for by its own ``input_ThirdPartyConversationID``, which is taken once as a payment's is; that
``INS-23`` ("transaction not found") may also be said of an order whose prompt is still open, which does no harm, since
asking again meets ``INS-10``; the words of a status other than *Completed*. A word that isn't in the tables below is
kept verbatim, shouted into the log, and leaves the order undecided.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, Money
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    BadNotice,
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
    Meaning,
    NoToken,
    Outcome,
    decide,
    fits_header,
    json_body,
    lacking,
    leave_alone_s,
    no_status,
    not_asked,
    notice_fields,
    order_key,
    read_operator_id,
    said_of,
    turned_away,
    unheard,
)
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.payments.providers.kept import Good, Kept
from gateway.settings import Settings

HOST = "https://openapi.m-pesa.com"
MARKET, COUNTRY = "vodacomDRC", "DRC"
DECIMALS = {"CDF": 0, "USD": 2}

SESSION_PATH = "getSession/"
ASK_PATH = "c2bPayment/singleStage/"
STATUS_PATH = "queryTransactionStatus/"
REVERSAL_PATH = "reversal/"

DONE, TIMED_OUT, DUPLICATE, OVERLOADED, INTERNAL, NOT_FOUND = "INS-0", "INS-9", "INS-10", "INS-16", "INS-1", "INS-23"
BAD_KEY = "INS-2"

# Codes by which the request itself is answered with no, whatever HTTP status they come with (INS-6 comes with 401).
# INS-995 and INS-996 are limits of our own application on the portal, and troubles of the payer's account in the lists
# of Vodacom's sister companies; INS-2001 is "authentication", which may be the payer's PIN or ours.
TURNED_DOWN = {
    "INS-4": Reason.NOT_ALLOWED,  # the user is not active
    "INS-5": Reason.REJECTED,  # cancelled by the payer
    "INS-6": Reason.OTHER,  # the transaction failed
    "INS-13": Reason.CONFIGURATION,  # short code
    "INS-14": Reason.CONFIGURATION,  # reference
    "INS-15": Reason.AMOUNT,
    "INS-17": Reason.CONFIGURATION,  # reference
    "INS-18": Reason.CONFIGURATION,  # transaction
    "INS-19": Reason.CONFIGURATION,  # our own reference
    "INS-20": Reason.CONFIGURATION,  # something is missing
    "INS-21": Reason.CONFIGURATION,  # something has the wrong form
    "INS-22": Reason.CONFIGURATION,  # operation
    "INS-24": Reason.CONFIGURATION,  # initiator
    "INS-25": Reason.CONFIGURATION,  # credential
    "INS-26": Reason.CONFIGURATION,  # currency
    "INS-28": Reason.CONFIGURATION,  # our own reference
    "INS-30": Reason.CONFIGURATION,  # description
    "INS-990": Reason.LIMIT,
    "INS-991": Reason.LIMIT,
    "INS-992": Reason.LIMIT,
    "INS-993": Reason.CONFIGURATION,  # a limit of the organisation
    "INS-994": Reason.CONFIGURATION,
    "INS-995": Reason.OTHER,
    "INS-996": Reason.OTHER,
    "INS-997": Reason.CONFIGURATION,  # this API is not enabled
    "INS-998": Reason.CONFIGURATION,  # market
    "INS-2001": Reason.OTHER,
    "INS-2006": Reason.INSUFFICIENT,
    "INS-2051": Reason.NO_WALLET,  # the number is not valid
}

# Codes that leave it open what became of the request: what Unclear calls them.
LEFT_OPEN = {INTERNAL: "failed", TIMED_OUT: "no-answer", OVERLOADED: "busy"}

# The words of a status. "N/A" is documented and says nothing.
COMPLETED, UNTOLD = "Completed", "N/A"
WAITING = {"Authorized", "Initiated", "Pending"}
REFUSALS = {
    "Cancelled": Reason.REJECTED,
    "Declined": Reason.REJECTED,
    "Expired": Reason.EXPIRED,
    "Failed": Reason.OTHER,
}

# A session lasts as long as the application's page on the portal says, about an hour unless changed there. A call that
# is turned away renews it too.
SESSION_LIFE_S = 3000.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Session:
    bearer: str = field(repr=False)
    live_at: float


@dataclass(frozen=True)
class _NotLive:
    """The call was turned away unread because the session is too new."""

    for_s: float
    said: str = "the session is not live yet"


class MpesaOpenApi:
    """The provider ``mpesa_openapi`` for one application and one short code; see :class:`~.base.Provider`."""

    name = "mpesa_openapi"

    def __init__(
        self,
        *,
        api_key: str,
        public_key: str,
        service_provider_code: str,
        environment: str,
        origin: str = "*",
        base_url: str = HOST,
        session_live_after_s: float = 30.0,
        push_timeout_s: float = 60.0,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make no call yet.

        ``public_key`` is the platform's, in base64 as the portal shows it; ``environment`` is ``openapi`` for real
        money, or ``sandbox``. ``push_timeout_s`` is how long the call that blocks for the PIN is waited for; an order
        that takes longer is looked up. ``monotonic`` counts seconds.
        Raises :class:`Fault` when a key can't be used or the origin can't be sent in a header.
        """
        if not fits_header(origin):
            raise Fault("M-Pesa: the origin is empty or has characters that it can't have")
        self._seal = _Seal(public_key)
        self._code = service_provider_code
        self._path = f"/{environment}/ipg/v2/{MARKET}/"
        self._headers = {"Content-Type": "application/json", "Origin": origin}
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._patient = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=push_timeout_s)
        self._monotonic = monotonic
        self._live_after_s = session_live_after_s
        self._api_key = self._seal.bearer(api_key)
        self._sessions: Kept[_Session, NoToken] = Kept(self._open_session, monotonic)

    @classmethod
    def from_settings(cls, settings: Settings) -> MpesaOpenApi:
        """The provider that the ``MPESA_*`` settings describe."""
        return cls(
            api_key=settings.mpesa_api_key.get_secret_value(),
            public_key=settings.mpesa_public_key,
            service_provider_code=settings.mpesa_service_provider_code,
            environment=settings.mpesa_environment,
            origin=settings.mpesa_origin,
            base_url=settings.mpesa_base_url,
            session_live_after_s=settings.mpesa_session_live_after_s,
            push_timeout_s=settings.mpesa_push_timeout_s,
        )

    @property
    def longest_ask_s(self) -> float:
        """How many seconds :meth:`ask` takes at most: a session is opened, and the payer is waited for.

        What is turned away for its session, and tried once more, is turned away at once.
        """
        return self._http.longest_s + self._patient.longest_s

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a payment; an amount that M-Pesa doesn't take is refused here."""
        reference = order_key(order.key).hex
        figure = _figure(order.amount)
        if figure is None:
            return Refused(Reason.AMOUNT, "not an amount that M-Pesa takes")
        card = re.sub(r"[^A-Za-z0-9]", "", order.card)
        body = {
            "input_Amount": figure,
            "input_Country": COUNTRY,
            "input_Currency": order.amount.currency,
            "input_CustomerMSISDN": order.payer.removeprefix("+"),
            "input_ServiceProviderCode": self._code,
            "input_TransactionReference": card[:20] or "COTISATION",
            "input_ThirdPartyConversationID": reference,
            "input_PurchasedItemsDesc": f"Cotisation {card}".strip()[:256],
        }
        return self._asked(reference, self._call(self._patient, "POST", ASK_PATH, json_body(body)))

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of an order, by our key."""
        return self._look(order.key, order.amount, order.handle)

    def give_back(self, repayment: Repayment) -> AskAnswer:
        """Ask for the reversal of a payment, or of a part of it."""
        reference = order_key(repayment.key).hex
        figure = _figure(repayment.amount)
        if figure is None:
            return Refused(Reason.AMOUNT, "not an amount that M-Pesa takes")
        body = {
            "input_ReversalAmount": figure,
            "input_Country": COUNTRY,
            "input_ServiceProviderCode": self._code,
            "input_ThirdPartyConversationID": reference,
            "input_TransactionID": repayment.operator_id,
        }
        return self._asked(reference, self._call(self._http, "PUT", REVERSAL_PATH, json_body(body)))

    def find_back(self, repayment: Repayment) -> FindAnswer:
        """Ask for the status of a reversal, by our key of it."""
        return self._look(repayment.key, repayment.amount, repayment.handle)

    def _look(self, key: str, amount: Money, handle: str | None) -> FindAnswer:
        """The status of what was asked for by this key; what is completed moved ``amount``."""
        reference = order_key(key).hex
        query = {
            "input_QueryReference": reference,
            "input_ServiceProviderCode": self._code,
            "input_ThirdPartyConversationID": reference,
            "input_Country": COUNTRY,
        }
        answer = self._call(self._http, "GET", f"{STATUS_PATH}?{urlencode(query)}")
        if isinstance(answer, _NotLive):
            return Unclear("not-ready", answer.said, answer.for_s)
        if not isinstance(answer, Answer):
            return no_status(self.name, answer, _said)
        found, code = answer.fields(), _code(answer)
        if code == DONE and answer.status in (200, 201):
            return self._status(key, amount, handle, found)
        if code == NOT_FOUND:
            return NotFound(_said(answer))
        if code in LEFT_OPEN:
            return Unclear(LEFT_OPEN[code], _said(answer), leave_alone_s(answer))
        return no_status(self.name, answer, _said)

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read an asynchronous result: the order that it speaks of and what it claims."""
        found = notice_fields(body)
        reference = found.get("input_ThirdPartyConversationID")
        said = said_of(found.get("input_ResultCode"), found.get("input_ResultDesc"))
        return Hint(_key(reference), said or "no result")

    def answer(self, body: bytes) -> NoticeAnswer:
        """The result's own names back, and that it was received."""
        try:
            found = notice_fields(body)
        except BadNotice:
            found = {}
        names = {name: found.get(f"input_{name}") for name in ("OriginalConversationID", "ThirdPartyConversationID")}
        told = {
            "output_ResponseCode": "0",
            "output_ResponseDesc": "Successfully Accepted Result",
            **{f"output_{name}": read_operator_id(value) or "" for name, value in names.items()},
        }
        return NoticeAnswer(200, "application/json", json_body(told))

    def _call(
        self, http: Http, method: Literal["GET", "POST", "PUT"], path: str, body: bytes = b""
    ) -> Outcome | _NotLive:
        """One call in a session; what was turned away for its session is tried once more in a new one.

        A session that isn't live yet is never renewed: its successor would be younger still.
        """
        stale = None
        while True:
            session = self._sessions.get(stale)
            if isinstance(session, NoToken):
                return session
            headers = {**self._headers, "Authorization": session.bearer}
            answer = http.call(self.name, method, self._path + path, headers, body)
            if not isinstance(answer, Answer) or not _turned_away_unread(answer):
                return answer
            if (early_s := session.live_at - self._monotonic()) > 0:
                return _NotLive(early_s)
            if stale:
                return answer
            stale = session

    def _open_session(self) -> Good[_Session] | NoToken:
        began = self._monotonic()
        headers = {**self._headers, "Authorization": self._api_key}
        answer = self._http.call(self.name, "GET", self._path + SESSION_PATH, headers)
        if not isinstance(answer, Answer) or answer.status not in (200, 201) or _code(answer) != DONE:
            return NoToken(answer)
        key = answer.fields().get("output_SessionID")
        if not isinstance(key, str) or not fits_header(key) or not self._seal.fits(key):
            return NoToken(answer)
        return Good(_Session(self._seal.bearer(key), began + self._live_after_s), SESSION_LIFE_S)

    def _asked(self, reference: str, answer: Outcome | _NotLive) -> AskAnswer:
        """What an answer to a request means."""
        match answer:
            case NoToken():
                return not_asked(self.name, answer, _said)
            case _NotLive():
                return Unclear("not-ready", answer.said, answer.for_s)
            case Unreached() | NoAnswer():
                return unheard(answer)
        found, code, said = answer.fields(), _code(answer), _said(answer)
        if code in (DONE, DUPLICATE) and _about_another(found, reference):
            log.error("mpesa_openapi: the answer to %s speaks of another order", reference)
            return Unclear("mismatch", said)
        if code == DONE and answer.status in (200, 201):
            return Accepted(said, _transaction(found, "output_TransactionID"))
        if code == DUPLICATE:
            return Accepted(said)
        if code in TURNED_DOWN:
            reason = TURNED_DOWN[code]
            if reason is Reason.CONFIGURATION:
                log.critical("mpesa_openapi: a request is refused for what we sent: %s", said)
            return Refused(reason, said)
        if code in LEFT_OPEN:
            # "Unable to handle the request": what was never handled may be asked again.
            safe_s = (leave_alone_s(answer) or REASK_S) if code == OVERLOADED else None
            return Unclear(LEFT_OPEN[code], said, safe_s)
        return turned_away(self.name, answer, said)

    def _status(self, key: str, amount: Money, handle: str | None, found: Mapping[str, Any]) -> FindAnswer:
        """Decide from the body of a status that was found."""
        word = found.get("output_ResponseTransactionStatus")

        def completed(said: str) -> FindAnswer:
            return self._completed(key, amount, handle, found, said)

        means: dict[str, Meaning] = {
            COMPLETED: completed,
            UNTOLD: lambda said: Unclear("unreadable", said),
            **dict.fromkeys(WAITING, Waiting),
            **REFUSALS,
        }
        said = said_of(word, found.get("output_ResponseDesc"))
        return decide(self.name, key, word, said, means, another=_about_another(found, order_key(key).hex))

    def _completed(
        self, key: str, amount: Money, handle: str | None, found: Mapping[str, Any], said: str
    ) -> Paid | Refused | Unclear:
        reversed_since = str(found.get("output_Reversed")).lower()
        if reversed_since == "true":
            return Refused(Reason.OTHER, said_of(said, "reversed"))
        if reversed_since not in ("false", "none"):
            log.error("mpesa_openapi: whether %s was reversed can't be read", key)
            return Unclear("mismatch", said)
        operator_id = _transaction(found, "output_OriginalTransactionID") or handle
        return Paid(amount, operator_id, None, said) if operator_id else lacking(self.name, key, said)


class _Seal:
    """Encrypts keys with the platform's public key, as its ``Authorization`` header wants them."""

    def __init__(self, public_key: str) -> None:
        text = re.sub(r"-----[A-Z ]+-----|\s", "", public_key)
        try:
            key = load_der_public_key(base64.b64decode(text, validate=True))
        except (ValueError, binascii.Error, UnsupportedAlgorithm):
            raise Fault("M-Pesa: the public key can't be read: give it in base64, as the portal shows it") from None
        if not isinstance(key, RSAPublicKey):
            raise Fault("M-Pesa: the public key is no RSA key")
        self._key = key

    def fits(self, secret: str) -> bool:
        """Whether a key is short enough to be encrypted."""
        return 0 < len(secret.encode()) <= self._key.key_size // 8 - 11

    def bearer(self, secret: str) -> str:
        """The value of the header; raises :class:`Fault` for a key that doesn't fit."""
        if not self.fits(secret):
            raise Fault("M-Pesa: the API key is missing or too long for the public key")
        return "Bearer " + base64.b64encode(self._key.encrypt(secret.encode(), PKCS1v15())).decode()


def _figure(amount: Money) -> str | None:
    """The amount as M-Pesa takes it, or None."""
    decimals = DECIMALS.get(amount.currency)
    if decimals is None or amount.minor <= 0 or amount.minor % 10 ** (EXPONENT[amount.currency] - decimals):
        return None
    return f"{amount.decimal:.{decimals}f}"


def _turned_away_unread(answer: Answer) -> bool:
    """Whether it was the session that was refused: a 401 can also be a payer's no, which has its own code."""
    code = _code(answer)
    return code == BAD_KEY or (answer.status == 401 and code not in TURNED_DOWN)


def _about_another(found: Mapping[str, Any], reference: str) -> bool:
    about = found.get("output_ThirdPartyConversationID")
    return isinstance(about, str) and about not in ("", UNTOLD) and about.lower() != reference


def _transaction(found: Mapping[str, Any], name: str) -> str | None:
    """M-Pesa's number of a transaction, where it tells one."""
    number = found.get(name)
    return None if number == UNTOLD else read_operator_id(number)


def _code(answer: Answer) -> str:
    code = answer.fields().get("output_ResponseCode")
    return code if isinstance(code, str) else ""


def _said(answer: Answer) -> str:
    found = answer.fields()
    return said_of(str(answer.status), _code(answer), found.get("output_ResponseDesc"))


def _key(reference: object) -> str | None:
    """Our key, of which M-Pesa has the digits alone."""
    if not isinstance(reference, str) or not re.fullmatch(r"[0-9A-Fa-f]{32}", reference):
        return None
    return str(uuid.UUID(reference))
