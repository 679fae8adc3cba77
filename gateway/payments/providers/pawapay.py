"""pawaPay Merchant API v2: asks wallets of several operators and countries by *deposit*, and believes only the status.

Its words stand in ``pawapay_words.py``, what it says of its operators is read in ``pawapay_toolkit.py``, its keys in
``pawapay_keys.py``. Documented (docs.pawapay.io, v2; pawaPay's own examples of signatures):

* ``depositId`` is our key: sending it again is answered DUPLICATE_IGNORED, so nothing is ever debited twice.
* A deposit has failed only when it was REJECTED at once, is FAILED by its status, or is not found 15 minutes after it
  was sent. Before that NOT_FOUND only says that it may be sent again with the same key, which is safe here.
* ACCEPTED, PROCESSING and IN_RECONCILIATION end when pawaPay ends them, however old the deposit is: its own people find
  out what became of one whose operator doesn't tell. Such an order waits, and is asked about again and again.
* A callback is sent again on demand only when the deposit is final: :meth:`PawaPay.find` says the same and sooner.
* A time-out and HTTP 500 UNKNOWN_ERROR say nothing: the status is asked.
* Decimals and limits stand in active-conf; what it forbids is refused before anything is sent. When it can't be had,
  the deposit is sent all the same and pawaPay decides. Whether an operator works now is said by availability.
* A refund is of one deposit, whole or in part; ``refundId`` is its key, and the same rules hold for it.
* Callbacks come to one address that is set in pawaPay's dashboard, not to an order's own: :attr:`PawaPay.callback_url`.
  They may be signed by RFC 9421, with an ECDSA value in DER; our deposits and refunds may be signed the same way.

Assumed: the signing base has the address that the dashboard has, whatever proxies make of it; a callback that is sent
again is signed anew; 429 is answered before anything is read; a deposit may complete without ``providerTransactionId``,
and is then known by its own id; the numbers of two operators may be equal, so an operator's number is kept with its
code before it; whole amounts are taken by every operator. Operators that want a code beforehand (PREAUTH) or a web page
(REDIRECT_AUTH) can't be paid from a basic phone and are not asked.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.faults import Fault
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.payments.providers.base import (
    Accepted,
    AskAnswer,
    Availability,
    BadNotice,
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
    fits_header,
    json_body,
    notice_fields,
    order_key,
    read_figure,
    read_operator_id,
    read_uuid,
    turned_away,
    unheard,
)
from gateway.payments.providers.http import MAX_ANSWER_BYTES, Answer, Http, NoAnswer, Unreached
from gateway.payments.providers.pawapay_keys import CallbackKeys, Keys, callback_keys_of, read_keys, signing_key_of
from gateway.payments.providers.pawapay_toolkit import JSON, Toolkit
from gateway.payments.providers.pawapay_words import (
    COMPLETED,
    DEPOSITS,
    FAILED,
    PUBLIC_KEYS,
    REASONS,
    REFUNDS,
    REJECTIONS,
    SANDBOX_HOST,
    STILL_GOING,
    claimed,
    failure,
    figure,
    no_help,
    not_told,
    read_code,
    refused,
    said,
)
from gateway.payments.providers.signatures import BadKey, BadSignature, Message, SigningKey, UnknownKey, check, sign
from gateway.settings import Settings

LABEL = "sig-pp"
SIGNED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type", "content-length")
SIGNATURE_SKEW = timedelta(seconds=60)  # by which the two clocks may differ

TOOL_TIMEOUT_S = 5.0  # of calls that no money hangs on
MAX_CONF_BYTES = 512 * 1024  # it holds instructions for payers, in two languages

_OLD_BENIN_IN_SANDBOX = re.compile(r"22901((?:51|95)345[0-9]{3})")

log = logging.getLogger(__name__)


class PawaPay:
    """The provider ``pawapay`` for one account in one environment; see :class:`~.base.Provider`.

    It is a :class:`~.base.Refunder` and :class:`~.base.SaysAvailable` as well.
    """

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
        ``signed_callbacks`` one whose signature doesn't hold by a known key is refused. ``old_benin_numbers`` sends the
        sandbox's test numbers of Benin in eight digits, as it knows them. Raises :class:`Fault` when the token can't be
        sent in a header.
        """
        if not fits_header(api_token):
            raise Fault("pawaPay: the API token is empty or has characters that it can't have")
        self.callback_url = callback_url
        self._signing_key = signing_key
        self._signed_callbacks = signed_callbacks
        self._old_benin_numbers = old_benin_numbers
        self._clock = clock or SystemClock()
        self._headers = {"Authorization": f"Bearer {api_token}"}
        self._http = Http(base_url, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        self._tools = Http(
            base_url,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=min(read_timeout_s, TOOL_TIMEOUT_S),
            max_answer_bytes=MAX_CONF_BYTES,
        )
        self.toolkit = Toolkit(self._tools, self._headers, monotonic)
        self.keys = CallbackKeys(self._fetch_keys, callback_keys, monotonic)

    @classmethod
    def from_settings(cls, settings: Settings) -> PawaPay:
        """The provider that the ``PAWAPAY_*`` settings describe; :class:`Fault` over a file that can't be used."""
        return cls(
            api_token=settings.pawapay_api_token.get_secret_value(),
            base_url=settings.pawapay_base_url,
            callback_url=f"{settings.public_url}/payments/{cls.name}/{settings.webhook_secret.get_secret_value()}/callback",
            signing_key=signing_key_of(settings.pawapay_signing_key_file, settings.pawapay_signing_key_id),
            callback_keys=callback_keys_of(settings.pawapay_callback_keys_file),
            signed_callbacks=settings.pawapay_signed_callbacks,
            old_benin_numbers=settings.pawapay_base_url == SANDBOX_HOST,
        )

    # Money in

    def ask(self, order: Order) -> AskAnswer:
        """Ask for a deposit; what the operator's terms forbid is refused here, before anything is sent.

        The order's ``environment`` is pawaPay's code of the operator in our plan; which one is really asked is decided
        by :meth:`~.pawapay_toolkit.Toolkit.whose`, for numbers are ported.
        """
        key = str(order_key(order.key))
        if order.amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        code = self.toolkit.whose(order)
        if not isinstance(code, str):
            return code
        if refusal := self.toolkit.forbids(code, order.amount):
            return refusal
        text = re.sub(r"[^A-Za-z0-9]", "", order.card)
        body: dict[str, object] = {
            "depositId": key,
            "amount": figure(order.amount),
            "currency": order.amount.currency,
            "payer": {"type": "MMO", "accountDetails": {"phoneNumber": self._phone(order.payer), "provider": code}},
            # 4 to 22 letters, digits and spaces.
            "customerMessage": f"Cotisation {text}".strip()[:22],
        }
        if text:
            body["clientReferenceId"] = text[:36]
        return _asked("deposit", key, self._send(DEPOSITS, body))

    def find(self, order: Order) -> FindAnswer:
        """Ask for the status of a deposit, by our key: Waiting for as long as pawaPay has not ended it, even for days.

        ``NotFound`` is the only answer whose meaning depends on the order's age, which the caller knows: see above.
        """
        return self._status("deposit", DEPOSITS, str(order_key(order.key)))

    def read(self, content_type: str, body: bytes, headers: Mapping[str, str]) -> Hint:
        """Read a callback about a deposit or refund, as it arrives: its signature, where it has one, holds for minutes.

        A signature by a key that isn't known says nothing, so the callback counts as unsigned; the keys are fetched
        meanwhile, for those that follow. Raises :class:`BadNotice`.
        """
        if len(body) > MAX_ANSWER_BYTES:
            raise BadNotice("too large")
        signed = any(name.lower() in ("signature", "signature-input") for name in headers)
        trusted = signed and self._holds(body, headers)
        if self._signed_callbacks and not trusted:
            raise BadNotice("signed with a key that isn't known" if signed else "not signed")
        found = notice_fields(body)
        key = read_uuid(found.get("refundId")) or read_uuid(found.get("depositId"))
        return Hint(key, claimed(found), trusted=trusted)

    # Money back

    def give_back(self, repayment: Repayment) -> AskAnswer:
        """Give back the order's deposit or a part of it, once for the repayment's key.

        No payer has to agree, so the money may be gone at once: the key is saved first. pawaPay refuses a second refund
        of a deposit while one goes on, and more than is left of it.
        """
        key, of, amount = str(order_key(repayment.key)), str(order_key(repayment.order.key)), repayment.amount
        if amount.minor <= 0:
            return Refused(Reason.AMOUNT, "not a positive amount")
        body = {"refundId": key, "depositId": of, "amount": figure(amount), "currency": amount.currency}
        return _asked("refund", key, self._send(REFUNDS, body))

    def find_back(self, repayment: Repayment) -> FindAnswer:
        """What became of a refund; Paid says that the payer has the money back."""
        return self._status("refund", REFUNDS, str(order_key(repayment.key)))

    # Who works

    def available(self) -> tuple[Availability, ...] | Unclear:
        """Which operators take deposits now, of all that pawaPay has."""
        return self.toolkit.available()

    # How it is done

    def _phone(self, payer: str) -> str:
        digits = payer.removeprefix("+")
        if self._old_benin_numbers and (test := _OLD_BENIN_IN_SANDBOX.fullmatch(digits)):
            return f"229{test[1]}"
        return digits

    def _send(self, path: str, body: Mapping[str, object]) -> Answer | Unreached | NoAnswer:
        """Post a request about money, signed where we have a key."""
        raw = json_body(body)
        headers = dict(JSON)
        if self._signing_key:
            now = self._clock.now()
            unsigned = {**JSON, "Content-Length": str(len(raw)), "Signature-Date": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
            url = self._http.url(path)
            headers = sign(self._signing_key, "POST", url, unsigned, raw, now=now, covered=SIGNED, label=LABEL)
        return self._http.call("pawapay", "POST", path, {**headers, **self._headers}, raw)

    def _status(self, what: str, path: str, key: str) -> FindAnswer:
        """What the status of a deposit or refund says."""
        answer = self._http.call("pawapay", "GET", f"{path}/{key}", self._headers)
        if not isinstance(answer, Answer) or answer.status != 200:
            return not_told(f"the status of {what} {key}", answer)
        found = answer.fields()
        match found.get("status"), found.get("data"):
            case "FOUND", dict(data):
                return _decided(what, key, data)
            case "NOT_FOUND", _:
                return NotFound(said(answer))
            case None | "FOUND", _:
                log.error("pawapay: the status of %s %s can't be read", what, key)
                return Unclear("unreadable", said(answer))
            case _:
                log.error("pawapay: the status of %s %s is not known: %s", what, key, said(answer))
                return Unclear("unknown-word", said(answer))

    def _holds(self, body: bytes, headers: Mapping[str, str]) -> bool:
        """Whether a signature holds; False where only the key isn't known, which is then learnt. Raises BadNotice."""
        message = Message(headers, "POST", self.callback_url)
        try:
            check(message, body, self.keys.known, now=self._clock.now(), skew=SIGNATURE_SKEW)
        except UnknownKey:
            self.keys.want()
            return False
        except BadSignature as why:
            raise BadNotice(f"signature: {why}") from None
        return True

    def _fetch_keys(self) -> Keys | Refused | Unclear:
        answer = self._tools.call("pawapay", "GET", PUBLIC_KEYS, self._headers)
        if isinstance(answer, Answer) and answer.status == 200:
            try:
                return read_keys(answer.body or b"")
            except BadKey as why:
                log.error("pawapay: the public keys can't be read: %s", why)
        return no_help("the public keys", answer)


def _asked(what: str, key: str, answer: Answer | Unreached | NoAnswer) -> AskAnswer:
    """What an answer to a request means."""
    if not isinstance(answer, Answer):
        return unheard(answer)
    if answer.status == 200:
        return _taken(what, key, answer)
    if answer.status == 400:
        return refused(Reason.CONFIGURATION, f"{what} {key}", said(answer))
    return turned_away("pawapay", answer, said(answer))


def _taken(what: str, key: str, answer: Answer) -> AskAnswer:
    found, words = answer.fields(), said(answer)
    about = found.get(f"{what}Id")
    if isinstance(about, str) and about.lower() != key:
        log.error("pawapay: the answer to %s %s speaks of another", what, key)
        return Unclear("mismatch", words)
    match found.get("status"):
        case "ACCEPTED" | "DUPLICATE_IGNORED":
            return Accepted(words)
        case "REJECTED":
            code, _ = failure(found)
            if code not in REJECTIONS:
                log.error("pawapay: %s %s is rejected for a reason that is not known: %s", what, key, words)
            return refused(REJECTIONS.get(code, Reason.OTHER), f"{what} {key}", words)
        case None:
            log.error("pawapay: the answer to %s %s can't be read", what, key)
            return Unclear("unreadable", words)
        case _:
            log.error("pawapay: the answer to %s %s is not known: %s", what, key, words)
            return Unclear("unknown-word", words)


def _decided(what: str, key: str, data: Mapping[str, Any]) -> FindAnswer:
    """Decide from the data of a status that was found."""
    words, (code, _) = claimed(data), failure(data)
    about = data.get(f"{what}Id")
    if isinstance(about, str) and about.lower() != key:
        log.error("pawapay: the status of %s %s speaks of another", what, key)
        return Unclear("mismatch", words)
    status = data.get("status")
    if status == COMPLETED:
        return _paid(what, key, data, words)
    if status == FAILED:
        if code not in REASONS:
            log.error("pawapay: %s %s failed for a reason that is not known: %s", what, key, words)
        return refused(REASONS.get(code, Reason.OTHER), f"{what} {key}", words)
    if isinstance(status, str) and status in STILL_GOING:
        return Waiting(words)
    if status is None:
        log.error("pawapay: the status of %s %s can't be read", what, key)
        return Unclear("unreadable", words)
    log.error("pawapay: %s %s has a status that is not known: %s", what, key, words)
    return Unclear("unknown-word", words)


def _paid(what: str, key: str, data: Mapping[str, Any], words: str) -> Paid | Unclear:
    amount = read_figure(data.get("amount"), data.get("currency"))
    if not amount:
        log.error("pawapay: %s %s is completed with an amount that can't be read", what, key)
        return Unclear("mismatch", words)
    number, code = _wallet(data)
    given = data.get("providerTransactionId")
    operator_id = f"{code}:{given}" if code and isinstance(given, str) and given else key
    if not read_operator_id(operator_id) or (given and operator_id == key):
        log.error("pawapay: the operator's number of %s %s can't be read: it is known by its own", what, key)
        operator_id = key
    return Paid(amount, operator_id, number, words)


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
    return number, read_code(code)
