"""pawaPay Merchant API v2: asks wallets of several operators and countries by *deposit*, and believes only the status.

Documented (docs.pawapay.io, v2; pawaPay's own examples of signatures):

* ``depositId`` is our key: sending it again is answered DUPLICATE_IGNORED, so nothing is ever debited twice.
* A deposit has failed only when it was REJECTED at once, is FAILED by its status, or is not found 15 minutes after it
  was sent. Before that NOT_FOUND only says that it may be sent again with the same key, which is safe here.
* A time-out and HTTP 500 UNKNOWN_ERROR say nothing: the status is asked.
* Decimals, limits and whether an operator works now stand in active-conf; what it forbids is refused before anything is
  sent. When it can't be had, the deposit is sent all the same and pawaPay decides.
* Callbacks come to one address that is set in pawaPay's dashboard, not to an order's own: :attr:`PawaPay.callback_url`.
  They may be signed by RFC 9421, with an ECDSA value in DER; our deposits and refunds may be signed the same way.

Assumed: the signing base has the address that the dashboard has, whatever proxies make of it; a callback that is sent
again is signed anew; 429 is answered before anything is read; resend-callback answers like a deposit; a deposit may
complete without ``providerTransactionId``, and is then known by its own id; the numbers of two operators may be equal,
so an operator's number is kept with its code before it; whole amounts are taken by every operator. Operators that want
a code beforehand (PREAUTH) or a web page (REDIRECT_AUTH) can't be paid from a basic phone and are not asked.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Never

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.faults import Fault
from gateway.kernel.money import EXPONENT, Money
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
from gateway.payments.providers.common import (
    REASK_S,
    fits_header,
    json_body,
    no_status,
    notice_fields,
    order_key,
    read_figure,
    read_operator_id,
    read_uuid,
    turned_away,
    unheard,
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
from gateway.payments.providers.kept import Good, Kept
from gateway.payments.providers.signatures import (
    BadKey,
    BadSignature,
    Message,
    SigningKey,
    UnknownKey,
    check,
    read_private_key,
    read_public_key,
    sign,
)
from gateway.settings import Settings

SANDBOX_HOST = "https://api.sandbox.pawapay.io"

DEPOSITS, REFUNDS = "/v2/deposits", "/v2/refunds"
RESEND = "/v2/deposits/resend-callback"
ACTIVE_CONF = "/v2/active-conf"
PREDICT = "/v2/predict-provider"
PUBLIC_KEYS = "/v2/public-key/http"

COUNTRIES = {
    "BF": "BFA", "BJ": "BEN", "CD": "COD", "CG": "COG", "CI": "CIV", "CM": "CMR", "RW": "RWA", "SN": "SEN",
}  # fmt: skip

DECIMALS = {"NONE": 0, "TWO_PLACES": 2}
# Where the operator takes fewer decimals than the currency has, for when active-conf is not to be had.
WHOLE_ONLY = {("VODACOM_MPESA_COD", "CDF")}

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

LABEL = "sig-pp"
SIGNED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type", "content-length")
SIGNATURE_SKEW = timedelta(seconds=60)  # by which the two clocks may differ

TERMS_GOOD_FOR_S = 60.0
TERMS_ASKED_AGAIN_AFTER_S = 10.0  # when they were not to be had
KEYS_GOOD_FOR_S = 6 * 3600.0
KEYS_ASKED_EVERY_S = 60.0  # at most, whatever key ids are made up
TOOL_TIMEOUT_S = 5.0  # of calls that no money hangs on
MAX_CONF_BYTES = 512 * 1024  # it holds instructions for payers, in two languages

_CODE = re.compile(r"[A-Z0-9_]{3,30}")
_OLD_BENIN_IN_SANDBOX = re.compile(r"22901((?:51|95)345[0-9]{3})")

Keys = Mapping[str, EllipticCurvePublicKey]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Terms:
    """On what terms one operator takes deposits in one currency, as active-conf says.

    ``code`` is pawaPay's of the operator, ``status`` its word (``OPERATIONAL``, ``DELAYED``, ``CLOSED``), ``least`` and
    ``most`` the bounds of one payment where told, ``auth`` how payers agree, ``payee`` the name that the prompt shows,
    ``prompts`` whether the prompt comes by itself.
    """

    code: str
    currency: str
    status: str
    decimals: int
    least: Money | None
    most: Money | None
    auth: str
    payee: str
    prompts: bool

    @property
    def open(self) -> bool:
        """Whether a deposit would be taken now: those of a delayed operator are rejected as well."""
        return self.status == "OPERATIONAL"

    @property
    def by_phone(self) -> bool:
        """Whether a basic phone is enough to pay."""
        return self.auth == "PROVIDER_AUTH"


@dataclass(frozen=True)
class Suggestion:
    """Which operator a number most likely belongs to, by pawaPay: numbers are ported, so never more than that."""

    code: str
    country: str | None
    msisdn: str


class StaleKeys(BadNotice):
    """A signature by a key that isn't known here: :meth:`PawaPay.learn_keys`, then read the notice again."""


class PawaPay:
    """The provider ``pawapay`` for one account in one environment; see :class:`~.base.Provider`."""

    name = "pawapay"

    def __init__(
        self,
        *,
        api_token: str,
        base_url: str,
        callback_url: str,
        signing_key: SigningKey | None = None,
        callback_keys: Keys | None = None,
        signed_callbacks: bool = False,
        old_benin_numbers: bool = False,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 25.0,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make no call yet.

        ``callback_url`` is the address that pawaPay's dashboard has for deposits and refunds. ``signing_key`` signs
        both. ``callback_keys`` are the only keys that callbacks are believed by; None learns them from pawaPay. With
        ``signed_callbacks`` an unsigned one is refused. ``old_benin_numbers`` sends the sandbox's test numbers of Benin
        in eight digits, as it knows them. Raises :class:`Fault` when the token can't be sent in a header.
        """
        if not fits_header(api_token):
            raise Fault("pawaPay: the API token is empty or has characters that it can't have")
        self.callback_url = callback_url
        self._signing_key = signing_key
        self._signed_callbacks = signed_callbacks
        self._old_benin_numbers = old_benin_numbers
        self._clock = clock or SystemClock()
        self._monotonic = monotonic
        self._headers = {"Authorization": f"Bearer {api_token}"}
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._tools = Http(
            base_url,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=min(read_timeout_s, TOOL_TIMEOUT_S),
            max_answer_bytes=MAX_CONF_BYTES,
        )
        self._terms: dict[str, Kept[tuple[Terms, ...] | Refused | Unclear, Never]] = {
            country: Kept(partial(self._fetch_terms, country), monotonic) for country in COUNTRIES
        }
        self._fixed_keys = callback_keys
        self._keys: Kept[Keys | Refused | Unclear, Never] = Kept(self._fetch_keys, monotonic)
        self._keys_asked_at: float | None = None
        self._keys_lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> PawaPay:
        """The provider that the ``PAWAPAY_*`` settings describe; :class:`Fault` over a file that can't be used."""
        return cls(
            api_token=settings.pawapay_api_token.get_secret_value(),
            base_url=settings.pawapay_base_url,
            callback_url=f"{settings.public_url}/payments/{cls.name}/{settings.webhook_secret.get_secret_value()}/callback",
            signing_key=_signing_key(settings.pawapay_signing_key_file, settings.pawapay_signing_key_id),
            callback_keys=_callback_keys(settings.pawapay_callback_keys_file),
            signed_callbacks=settings.pawapay_signed_callbacks,
            old_benin_numbers=settings.pawapay_base_url == SANDBOX_HOST,
        )

    # The port

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a deposit; what the operator's terms forbid is refused here, before anything is sent.

        The order's ``environment`` is pawaPay's code of the operator; without one, pawaPay's own prediction is taken.
        """
        key = str(order_key(order.key))
        if order.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        code = order.environment
        if not code:
            predicted = self.predict(order.payer)
            if isinstance(predicted, Unclear):
                return Unclear(predicted.reason, predicted.said, predicted.safe_to_ask_again_after_s or REASK_S)
            if isinstance(predicted, Refused):
                return predicted
            code = predicted.code
        if refusal := self._forbidden(code, order.amount):
            return refusal
        text = re.sub(r"[^A-Za-z0-9]", "", order.card)
        body: dict[str, object] = {
            "depositId": key,
            "amount": _figure(order.amount),
            "currency": order.amount.currency,
            "payer": {"type": "MMO", "accountDetails": {"phoneNumber": self._phone(order.payer), "provider": code}},
            # 4 to 22 letters, digits and spaces.
            "customerMessage": f"Cotisation {text}".strip()[:22],
        }
        if text:
            body["clientReferenceId"] = text[:36]
        return _asked("deposit", key, self._send(DEPOSITS, body))

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of a deposit, by our key."""
        return self._status("deposit", DEPOSITS, str(order_key(order.key)))

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback about a deposit or refund, as it arrives: its signature, where it has one, holds for minutes.

        Raises :class:`BadNotice`, and :class:`StaleKeys` where only the key is missing.
        """
        if len(body) > MAX_ANSWER_BYTES:
            raise BadNotice("too large")
        signed = any(name.lower() in ("signature", "signature-input") for name in headers)
        if signed:
            self._check(body, headers)
        elif self._signed_callbacks:
            raise BadNotice("not signed")
        found = notice_fields(body)
        key = read_uuid(found.get("refundId")) or read_uuid(found.get("depositId"))
        return Hint(key, _claimed(found), trusted=signed)

    # Beyond the port

    def available(self, country: str) -> tuple[Terms, ...] | Refused | Unclear:
        """The operators that deposits can be asked of in a country (ISO alpha-2), and on what terms.

        What was told less than a minute ago is told again. Empty where pawaPay serves nobody. A suggestion what to
        offer: what is open now may be closed when the payer has made up their mind.
        """
        kept = self._terms.get(country)
        return kept.get() if kept else ()

    def predict(self, msisdn: str) -> Suggestion | Refused | Unclear:
        """Which operator an E.164 number likely belongs to; ``Refused(NO_WALLET)`` when it fits none."""
        body = json_body({"phoneNumber": msisdn.removeprefix("+")})
        answer = self._tools.call("pawapay", "POST", PREDICT, {**self._headers, **_JSON}, body, reading=True)
        found = answer.fields() if isinstance(answer, Answer) and answer.status in (200, 400) else {}
        if isinstance(answer, Answer) and _failure(found)[0] in NO_NUMBER:
            return Refused(Reason.NO_WALLET, _said(answer))
        code, number = found.get("provider"), found.get("phoneNumber")
        if isinstance(code, str) and _CODE.fullmatch(code) and isinstance(number, str):
            try:
                return Suggestion(code, _alpha2(found.get("country")), read_caller(number))
            except BadMsisdn:
                pass  # told as what it is: an answer that can't be read
        return _no_help("a prediction", answer)

    def resend(self, key: str) -> AskAnswer | NotFound:
        """Have the callback of a deposit that is final sent again; ``Accepted`` says that it will be."""
        key = str(order_key(key))
        answer = self._tools.call("pawapay", "POST", f"{RESEND}/{key}", self._headers)
        if isinstance(answer, Answer) and answer.status == 200 and answer.fields().get("status") == "NOT_FOUND":
            return NotFound(_said(answer))
        return _asked("deposit", key, answer)

    def refund(self, key: str, refund_key: str, amount: Money) -> AskAnswer:
        """Give back a completed deposit or a part of it, once for ``refund_key``, which is ours like an order's key.

        No payer has to agree, so the money may be gone at once: save the key first.
        """
        key, refund_key = str(order_key(key)), str(order_key(refund_key))
        if amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        body = {"refundId": refund_key, "depositId": key, "amount": _figure(amount), "currency": amount.currency}
        return _asked("refund", refund_key, self._send(REFUNDS, body))

    def find_refund(self, refund_key: str) -> FindAnswer:
        """What became of a refund; Paid says that the payer has the money back."""
        return self._status("refund", REFUNDS, str(order_key(refund_key)))

    def learn_keys(self) -> tuple[str, ...] | Refused | Unclear:
        """Ask pawaPay for the keys that callbacks are signed with, once a minute at most; the ids of those known now.

        Those of the settings stay as they are. All of pawaPay's keys are good at once, so a change of keys is seamless.
        """
        if self._fixed_keys is not None:
            return tuple(self._fixed_keys)
        known = self._keys.known
        with self._keys_lock:
            asked, now = self._keys_asked_at, self._monotonic()
            lately = asked is not None and now - asked < KEYS_ASKED_EVERY_S
            if not lately:
                self._keys_asked_at = now
        found = self._keys.get(None if lately else known)
        return found if isinstance(found, Refused | Unclear) else tuple(found)

    # How it is done

    def _phone(self, payer: str) -> str:
        digits = payer.removeprefix("+")
        if self._old_benin_numbers and (test := _OLD_BENIN_IN_SANDBOX.fullmatch(digits)):
            return f"229{test[1]}"
        return digits

    def _forbidden(self, code: str, amount: Money) -> Refused | None:
        """Why the operator won't take this amount, as far as it is known without asking for the money."""
        country, currency = _alpha2(code.rpartition("_")[2]), amount.currency
        listed = self.available(country) if country else ()
        known = listed if isinstance(listed, tuple) else ()
        terms = next((one for one in known if (one.code, one.currency) == (code, currency)), None)
        whole = terms.decimals == 0 if terms else (code, currency) in WHOLE_ONLY
        if whole and amount.minor % 10 ** EXPONENT[currency]:
            return Refused(Reason.AMOUNT, f"{code} takes {currency} without decimals")
        if terms is None:
            return None
        if not terms.by_phone:
            log.error("pawapay: %s can't be paid from a basic phone: %s", code, terms.auth)
            return Refused(Reason.CONFIGURATION, f"{code} wants {terms.auth}")
        if (terms.least and amount.minor < terms.least.minor) or (terms.most and terms.most.minor < amount.minor):
            bounds = " to ".join(_figure(one) if one else "any" for one in (terms.least, terms.most))
            return Refused(Reason.AMOUNT, f"{code} takes {bounds} {currency}")
        return None

    def _send(self, path: str, body: Mapping[str, object]) -> Answer | Unreached | NoAnswer:
        """Post a request about money, signed where we have a key."""
        raw = json_body(body)
        headers = dict(_JSON)
        if self._signing_key:
            now = self._clock.now()
            unsigned = {**_JSON, "Content-Length": str(len(raw)), "Signature-Date": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
            url = self._http.url(path)
            headers = sign(self._signing_key, "POST", url, unsigned, raw, now=now, covered=SIGNED, label=LABEL)
        return self._http.call("pawapay", "POST", path, {**headers, **self._headers}, raw)

    def _status(self, what: str, path: str, key: str) -> FindAnswer:
        """What the status of a deposit or refund says."""
        answer = self._http.call("pawapay", "GET", f"{path}/{key}", self._headers)
        if not isinstance(answer, Answer) or answer.status != 200:
            return _not_told(f"the status of {what} {key}", answer)
        found = answer.fields()
        match found.get("status"), found.get("data"):
            case "FOUND", dict(data):
                return _decided(what, key, data)
            case "NOT_FOUND", _:
                return NotFound(_said(answer))
            case None | "FOUND", _:
                log.error("pawapay: the status of %s %s can't be read", what, key)
                return Unclear("unreadable", _said(answer))
            case _:
                log.error("pawapay: the status of %s %s is not known: %s", what, key, _said(answer))
                return Unclear("unknown-word", _said(answer))

    def _check(self, body: bytes, headers: Mapping[str, str]) -> None:
        known = self._keys.known if self._fixed_keys is None else self._fixed_keys
        keys = known if isinstance(known, Mapping) else {}
        try:
            check(Message(headers, "POST", self.callback_url), body, keys, now=self._clock.now(), skew=SIGNATURE_SKEW)
        except UnknownKey as why:
            raise StaleKeys(str(why)) from None
        except BadSignature as why:
            raise BadNotice(f"signature: {why}") from None

    def _fetch_terms(self, country: str) -> Good[tuple[Terms, ...] | Refused | Unclear]:
        path = f"{ACTIVE_CONF}?country={COUNTRIES[country]}&operationType=DEPOSIT"
        answer = self._tools.call("pawapay", "GET", path, self._headers)
        if isinstance(answer, Answer) and answer.status == 200:
            found = answer.fields().get("countries")
            if isinstance(found, list):
                return Good(tuple(_terms(found, COUNTRIES[country])), TERMS_GOOD_FOR_S)
        return Good(_no_help("active-conf", answer), TERMS_ASKED_AGAIN_AFTER_S)

    def _fetch_keys(self) -> Good[Keys | Refused | Unclear]:
        answer = self._tools.call("pawapay", "GET", PUBLIC_KEYS, self._headers)
        if isinstance(answer, Answer) and answer.status == 200:
            try:
                return Good(_read_keys(answer.body or b""), KEYS_GOOD_FOR_S)
            except BadKey as why:
                log.error("pawapay: the public keys can't be read: %s", why)
        return Good(_no_help("the public keys", answer), KEYS_ASKED_EVERY_S)


_JSON = {"Content-Type": "application/json"}


def _asked(what: str, key: str, answer: Answer | Unreached | NoAnswer) -> AskAnswer:
    """What an answer to a request means."""
    if not isinstance(answer, Answer):
        return unheard(answer)
    if answer.status == 200:
        return _taken(what, key, answer)
    if answer.status == 400:
        return _refused(Reason.CONFIGURATION, f"{what} {key}", _said(answer))
    return turned_away("pawapay", answer, _said(answer))


def _taken(what: str, key: str, answer: Answer) -> AskAnswer:
    found, said = answer.fields(), _said(answer)
    about = found.get(f"{what}Id")
    if isinstance(about, str) and about.lower() != key:
        log.error("pawapay: the answer to %s %s speaks of another", what, key)
        return Unclear("mismatch", said)
    match found.get("status"):
        case "ACCEPTED" | "DUPLICATE_IGNORED":
            return Accepted(said)
        case "REJECTED":
            code, _ = _failure(found)
            if code not in REJECTIONS:
                log.error("pawapay: %s %s is rejected for a reason that is not known: %s", what, key, said)
            return _refused(REJECTIONS.get(code, Reason.OTHER), f"{what} {key}", said)
        case None:
            log.error("pawapay: the answer to %s %s can't be read", what, key)
            return Unclear("unreadable", said)
        case _:
            log.error("pawapay: the answer to %s %s is not known: %s", what, key, said)
            return Unclear("unknown-word", said)


def _refused(reason: Reason, what: str, said: str) -> Refused:
    if reason is Reason.CONFIGURATION:
        log.critical("pawapay: %s: refused for what we are, have or sent: %s", what, said)
    return Refused(reason, said)


def _no_help(what: str, answer: Answer | Unreached | NoAnswer) -> Refused | Unclear:
    """A call of the toolkit that brought nothing."""
    if isinstance(answer, Answer) and answer.status in (401, 403):
        return _refused(Reason.CONFIGURATION, what, _said(answer))
    return _not_told(what, answer)


def _not_told(what: str, answer: Answer | Unreached | NoAnswer) -> Unclear:
    """A reading call that brought nothing: it says nothing about any money, least of all that it was refused."""
    if isinstance(answer, Answer) and answer.status == 200:
        log.error("pawapay: %s can't be read", what)
        return Unclear("unreadable", _said(answer))
    return no_status("pawapay", answer, _said)


def _decided(what: str, key: str, data: Mapping[str, Any]) -> FindAnswer:
    """Decide from the data of a status that was found."""
    said, (code, _) = _claimed(data), _failure(data)
    about = data.get(f"{what}Id")
    if isinstance(about, str) and about.lower() != key:
        log.error("pawapay: the status of %s %s speaks of another", what, key)
        return Unclear("mismatch", said)
    status = data.get("status")
    if status == COMPLETED:
        return _paid(what, key, data, said)
    if status == FAILED:
        if code not in REASONS:
            log.error("pawapay: %s %s failed for a reason that is not known: %s", what, key, said)
        return _refused(REASONS.get(code, Reason.OTHER), f"{what} {key}", said)
    if isinstance(status, str) and status in STILL_GOING:
        return Waiting(said)
    if status is None:
        log.error("pawapay: the status of %s %s can't be read", what, key)
        return Unclear("unreadable", said)
    log.error("pawapay: %s %s has a status that is not known: %s", what, key, said)
    return Unclear("unknown-word", said)


def _paid(what: str, key: str, data: Mapping[str, Any], said: str) -> Paid | Unclear:
    amount = read_figure(data.get("amount"), data.get("currency"))
    if not amount:
        log.error("pawapay: %s %s is completed with an amount that can't be read", what, key)
        return Unclear("mismatch", said)
    number, code = _wallet(data)
    given = data.get("providerTransactionId")
    operator_id = f"{code}:{given}" if code and isinstance(given, str) and given else key
    if not read_operator_id(operator_id) or (given and operator_id == key):
        log.error("pawapay: the operator's number of %s %s can't be read: it is known by its own", what, key)
        operator_id = key
    return Paid(amount, operator_id, number, said)


def _wallet(data: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The number of the payer (or who a refund goes to), where told, and pawaPay's code of its operator."""
    party = data.get("payer") or data.get("recipient")
    details = party.get("accountDetails") if isinstance(party, dict) else None
    if not isinstance(details, dict):
        return None, None
    given, code = details.get("phoneNumber"), details.get("provider")
    try:
        number = read_caller(given) if isinstance(given, str) else None
    except BadMsisdn:
        number = None
    return number, code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _figure(amount: Money) -> str:
    """The amount as pawaPay takes it: no zeros at its end after a dot."""
    return f"{amount.decimal.normalize():f}"


def _terms(countries: list[Any], wanted: str) -> Iterator[Terms]:
    """What active-conf says of deposits in one country; what has no currency of ours is left out."""
    for country in _objects(countries):
        if country.get("country") != wanted:
            continue
        for provider in _objects(country.get("providers")):
            for currency in _objects(provider.get("currencies")):
                types = currency.get("operationTypes")
                deposit = types.get("DEPOSIT") if isinstance(types, dict) else None
                code, name = provider.get("provider"), currency.get("currency")
                if isinstance(deposit, dict) and isinstance(code, str) and isinstance(name, str) and name in EXPONENT:
                    yield _terms_of(code, name, provider, deposit)


def _terms_of(code: str, currency: str, provider: Mapping[str, Any], deposit: Mapping[str, Any]) -> Terms:
    decimals = deposit.get("decimalsInAmount")
    if decimals not in DECIMALS:
        log.error("pawapay: the decimals of %s are not known: %s", code, keep_said(str(decimals)))
    return Terms(
        code=code,
        currency=currency,
        status=keep_said(str(deposit.get("status") or "")),
        # Whole amounts are taken everywhere.
        decimals=DECIMALS.get(str(decimals), 0),
        # Some of pawaPay's pages have the names of version 1.
        least=read_figure(deposit.get("minAmount") or deposit.get("minTransactionLimit"), currency),
        most=read_figure(deposit.get("maxAmount") or deposit.get("maxTransactionLimit"), currency),
        auth=keep_said(str(deposit.get("authType") or "PROVIDER_AUTH")),
        payee=keep_said(str(provider.get("nameDisplayedToCustomer") or "")),
        prompts=deposit.get("pinPrompt") != "MANUAL",
    )


def _objects(found: Any) -> Iterator[Mapping[str, Any]]:
    return (one for one in found if isinstance(one, dict)) if isinstance(found, list) else iter(())


def _failure(found: Mapping[str, Any]) -> tuple[str, str]:
    """Code and message of ``failureReason``."""
    reason = found.get("failureReason")
    if not isinstance(reason, dict):
        return "", ""
    return str(reason.get("failureCode") or ""), str(reason.get("failureMessage") or "")


def _claimed(found: Mapping[str, Any]) -> str:
    return keep_said(" ".join((str(found.get("status") or "no status"), *_failure(found))))


def _said(answer: Answer) -> str:
    """All of an answer in words that may be kept."""
    found = answer.fields()
    return keep_said(" ".join((str(answer.status), str(found.get("status") or ""), *_failure(found))))


def _alpha2(alpha3: object) -> str | None:
    return next((two for two, three in COUNTRIES.items() if three == alpha3), None)


def _signing_key(path: str, key_id: str) -> SigningKey | None:
    if not path:
        return None
    try:
        return SigningKey(key_id, read_private_key(Path(path).read_bytes()))
    except (OSError, BadKey) as why:
        raise Fault(f"PAWAPAY_SIGNING_KEY_FILE {path}: {_plain(why)}") from None


def _callback_keys(path: str) -> Keys | None:
    if not path:
        return None
    try:
        return _read_keys(Path(path).read_bytes())
    except (OSError, BadKey) as why:
        raise Fault(f"PAWAPAY_CALLBACK_KEYS_FILE {path}: {_plain(why)}") from None


def _plain(why: OSError | BadKey) -> str:
    return why.strerror or "can't be read" if isinstance(why, OSError) else str(why)


def _read_keys(raw: bytes) -> dict[str, EllipticCurvePublicKey]:
    """The keys of ``[{"id", "key"}]``, as pawaPay publishes them; raises :class:`BadKey` unless all can be read."""
    try:
        found = read_json(raw)
    except Unreadable:
        raise BadKey("not a JSON list of keys") from None
    if not isinstance(found, list):
        raise BadKey("not a JSON list of keys")
    keys = {}
    for one in found:
        key_id, pem = (one.get("id"), one.get("key")) if isinstance(one, dict) else (None, None)
        if not isinstance(key_id, str) or not isinstance(pem, str):
            raise BadKey("a key without id or text")
        keys[key_id] = read_public_key(pem.encode())
    return keys
