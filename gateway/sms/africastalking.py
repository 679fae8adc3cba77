"""Africa's Talking, and the only file that knows its SDK: every answer and every failure becomes one definite value.

Sources: docs.africastalking.com/sms (answers, status codes, reports), the SDK 2.0.3's ``SMS.py`` and ``Service.py``,
github.com/nyaruka/courier's handler (statuses of reports). What the SDK leaves out, its one request method is replaced
for: a connection that is kept, the HTTP status, and an answer whose content type isn't exactly ``application/json``.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import requests
import urllib3
from africastalking.Service import validate_phone
from africastalking.SMS import SMSService
from requests.adapters import HTTPAdapter

from gateway.kernel.atomic import require_outside
from gateway.kernel.masking import mask_text
from gateway.kernel.msisdn import BadMsisdn, read_caller
from gateway.kernel.strict_json import Unreadable, read_json
from gateway.sms.port import UNTIL_SOMEBODY_ACTS, Answer, Handed, News, Refused, Report, TryAgain, Unsure

log = logging.getLogger(__name__)

NAME = "africastalking"
SOON = timedelta(seconds=30)
CONNECTIONS = 8  # that are kept, for as many threads
LARGEST_ANSWER = 4 * 1024 * 1024  # a recipient takes some two hundred octets
ID_CHARACTERS = 64


@dataclass(frozen=True)
class Status:
    """One status: Africa's Talking's word, what follows (None: accepted), and whether somebody must act."""

    word: str
    then: Refused | TryAgain | None
    loud: bool = False


STATUSES = {
    100: Status("Processed", None),
    101: Status("Sent", None),
    102: Status("Queued", None),
    401: Status("RiskHold", Refused("risk_hold"), loud=True),
    # A wrong setting of ours must not cost anybody a receipt: it waits until the setting is right.
    402: Status("InvalidSenderId", TryAgain("invalid_sender", UNTIL_SOMEBODY_ACTS), loud=True),
    403: Status("InvalidPhoneNumber", Refused("bad_number")),
    404: Status("UnsupportedNumberType", Refused("unsupported_number")),
    405: Status("InsufficientBalance", TryAgain("no_credit", UNTIL_SOMEBODY_ACTS), loud=True),
    406: Status("UserInBlacklist", Refused("opted_out")),
    407: Status("CouldNotRoute", Refused("no_route")),
    409: Status("DoNotDisturbRejection", Refused("do_not_disturb")),
    500: Status("InternalServerError", TryAgain("aggregator_error", SOON)),
    501: Status("GatewayError", TryAgain("gateway_error", SOON)),
    502: Status("RejectedByGateway", Refused("rejected_by_gateway")),
}
_BY_WORD = {status.word.casefold(): status for status in STATUSES.values()}

# HTTP's own statuses, of answers that never came to speak of a recipient. Any other may stand for a gateway in front
# that lost the answer of a server that did accept the message.
HTTP_STATUSES = {
    400: Status("Bad Request", Refused("bad_request"), loud=True),
    401: Status("Unauthorized", TryAgain("bad_credentials", UNTIL_SOMEBODY_ACTS), loud=True),
    403: Status("Forbidden", TryAgain("bad_credentials", UNTIL_SOMEBODY_ACTS), loud=True),
    404: Status("Not Found", TryAgain("wrong_address", UNTIL_SOMEBODY_ACTS), loud=True),
    429: Status("Too Many Requests", TryAgain("throttled", SOON)),
    503: Status("Service Unavailable", TryAgain("unavailable", SOON)),
}

# Statuses of delivery reports.
NEWS = {
    "Sent": News.ON_ITS_WAY,
    "Submitted": News.ON_ITS_WAY,
    "Buffered": News.ON_ITS_WAY,
    "Success": News.DELIVERED,
    "Failed": News.FAILED,
    "Rejected": News.FAILED,
    "Expired": News.FAILED,
    "AbsentSubscriber": News.FAILED,
}

# Why a message failed (``failureReason``), as our own words; another is kept as it came.
FAILURES = {
    "InsufficientCredit": "no_credit",
    "UserInBlackList": "opted_out",
    "UserInBlacklist": "opted_out",
    "DoNotDisturbRejection": "do_not_disturb",
    "InvalidSenderId": "invalid_sender",
    "AbsentSubscriber": "absent",
    "UserIsInactive": "absent",
    "UserAccountSuspended": "suspended",
    "UserDoesNotExist": "bad_number",
    "NotNetworkSubscriber": "bad_number",
    "NotNetworkSubcriber": "bad_number",  # spelled so in their own pages
    "DeliveryFailure": "delivery_failure",
    "SystemError": "aggregator_error",
}


class AfricasTalking:
    """The port to Africa's Talking. ``base_url`` replaces the host that the user name selects (real one or sandbox)."""

    reports = "at.delivery"

    def __init__(
        self,
        username: str,
        api_key: str,
        sender_id: str,
        base_url: str,
        *,
        connect_timeout_s: float = 3.05,
        read_timeout_s: float = 10.0,
        longest_s: float = 25.0,
    ) -> None:
        self._service = _Service(username, api_key, base_url, longest_s)
        self._sender_id = sender_id or None
        self._timeout_s = (connect_timeout_s, read_timeout_s)

    def send(self, text: str, msisdn: str) -> Answer:
        """Hand over one text. There is no idempotency key: what came back from a lost answer is :class:`Unsure`."""
        [answer] = self.send_many(text, [msisdn])
        return answer

    def send_many(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        """Hand over one text for many numbers in one request; each has its own answer."""
        require_outside("Africa's Talking")
        good = [one for one in msisdns if validate_phone(one)]
        found = dict(zip(good, self._post(text, good), strict=True)) if good else {}
        return [found.get(one, Refused("bad_number")) for one in msisdns]

    def wait(self) -> timedelta:
        return timedelta(0)

    def _post(self, text: str, msisdns: Sequence[str]) -> Sequence[Answer]:
        try:
            response = self._service.send(text, list(msisdns), self._sender_id, timeout=self._timeout_s)
        except requests.RequestException as error:
            return [read_failure(error)] * len(msisdns)
        if not 200 <= response.status < 300:
            return [_read_http(response.status, response.body.decode("utf-8", "replace"))] * len(msisdns)
        return read_answers(response.body, msisdns)

    def read_report(self, body: bytes) -> Report | None:
        return read_report(body)


@dataclass(frozen=True)
class _Response:
    status: int
    body: bytes


class _Service(SMSService):  # type: ignore[misc]  # the SDK carries no types
    """The SDK's service without its globals, towards any host, over a kept connection, answering the bare response.

    An answer that hasn't ended after so many seconds, or is larger than any can be, is none.
    """

    def __init__(self, username: str, api_key: str, base_url: str, longest_s: float) -> None:
        super().__init__(username, api_key)
        self._longest_s = longest_s
        if base_url:
            self._baseUrl = f"{base_url.rstrip('/')}/version1"
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def _make_request(
        self, url: str, method: str, headers: Any, data: Any, params: Any, callback: Any, timeout: Any
    ) -> _Response:
        until = time.monotonic() + self._longest_s
        # A redirect would be followed with a second POST, or with a GET that says nothing.
        with self._session.request(
            method, url, headers=headers, data=data, params=params, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            return _Response(response.status_code, _body(response, until))


def _body(response: requests.Response, until: float) -> bytes:
    body = bytearray()
    try:
        while piece := response.raw.read1(LARGEST_ANSWER, decode_content=True):
            body += piece
            if len(body) > LARGEST_ANSWER or time.monotonic() > until:
                raise requests.ReadTimeout("the answer doesn't end")
    except requests.RequestException:
        raise
    except (urllib3.exceptions.HTTPError, OSError) as broken:
        raise requests.ConnectionError("the answer broke off") from broken
    return bytes(body)


# --- reading what comes back ------------------------------------------------------------------------------------------


def read_answers(body: bytes, msisdns: Sequence[str]) -> list[Answer]:
    """The answers in the body of a successful request, one for each number that was asked for.

    A number that the answer leaves out may have been sent to or not.
    """
    try:
        data = read_json(body)["SMSMessageData"]  # type: ignore[index]
        recipients, said = data["Recipients"], str(data.get("Message", ""))
    except (Unreadable, KeyError, TypeError, AttributeError):
        log.error("Africa's Talking answered what can't be read: %s", mask_text(body[:200].decode("utf-8", "replace")))
        return [_unsure("unreadable_answer")] * len(msisdns)
    if recipients == []:
        return [_read_no_recipient(said)] * len(msisdns)
    if not isinstance(recipients, list):
        return [_unsure("unreadable_answer")] * len(msisdns)
    named: dict[str, Mapping[str, Any]] = {}
    for one in recipients:
        if isinstance(one, dict):
            # Where one was asked for and one answers, it is the same, however the number is written there.
            named.setdefault(msisdns[0] if len(msisdns) == len(recipients) == 1 else str(one.get("number")), one)
    known: dict[tuple[str, str], Answer] = {}
    found = [_read_recipient(named[one], known) if one in named else None for one in msisdns]
    left_out = found.count(None)
    if left_out:
        log.error("Africa's Talking's answer leaves out %d of %d numbers that it was asked for", left_out, len(found))
    return [one or _unsure("left_out") for one in found]


def _read_recipient(recipient: Mapping[str, Any], known: dict[tuple[str, str], Answer]) -> Answer:
    """One recipient's answer; ``known`` are those that were told of already, by code and word."""
    code, word = str(recipient.get("statusCode")), str(recipient.get("status"))
    status = STATUSES.get(int(code)) if code.isdecimal() and len(code) <= 6 else None
    if status is not None and status.then is None:
        return Handed(_given(recipient.get("messageId"), ID_CHARACTERS), _given(recipient.get("cost"), 20), NAME)
    if (code, word) not in known:
        known[code, word] = _follow(status, code) if status is not None else _unknown(f"{code} {word}")
    return known[code, word]


def _read_no_recipient(said: str) -> Answer:
    """No recipient in the answer: every number was turned down, and ``Message`` says why, or that none was sent to."""
    status = _BY_WORD.get(said.strip().casefold())
    if status is not None and status.then is not None:
        return _follow(status, said)
    if said.startswith("Sent to 0/"):
        return Refused("not_accepted")
    return _unknown(said)


def _read_http(code: int, text: str) -> Answer:
    status = HTTP_STATUSES.get(code)
    if status is None or status.then is None:
        return _unknown(f"HTTP {code}")
    return _follow(status, f"HTTP {code}: {mask_text(text[:200])}")


def _follow(status: Status, said: str) -> Answer:
    assert status.then is not None
    log.log(logging.ERROR if status.loud else logging.WARNING, "Africa's Talking: %s (%s)", status.word, said)
    return status.then


def _unknown(said: str) -> Unsure:
    log.error("Africa's Talking answered a word that we don't know: %s", mask_text(said))
    return _unsure(clean(said, 40))


def _unsure(reason: str) -> Unsure:
    return Unsure(reason, NAME)


def _given(value: object, characters: int) -> str | None:
    """A text that is there: Africa's Talking writes ``"None"`` for what it doesn't have."""
    return clean(value, characters) or None if isinstance(value, str) and value != "None" else None


def read_failure(error: requests.RequestException) -> Answer:
    """Without an answer, what counts is whether the request can have left: a connection that was never made, no."""
    cause = getattr(error.args[0], "reason", None) if error.args else None
    unmade = isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
    distrusted = isinstance(cause, urllib3.exceptions.SSLError) and isinstance(
        cause.args[0] if cause.args else None, ssl.SSLCertVerificationError
    )
    if unmade or distrusted:
        log.warning("Africa's Talking was not reached: %s", type(cause).__name__)
        return TryAgain("not_reached", SOON)
    log.warning("Africa's Talking did not answer: %s", type(error).__name__)
    return _unsure("no_answer")


# --- what Africa's Talking posts to us --------------------------------------------------------------------------------


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a posted form, the first of each name; whatever can't be read as one has no fields."""
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def read_report(body: bytes) -> Report | None:
    """The delivery report in a posted form; None without an ``id``. A status that we don't know is kept as it is."""
    fields = read_form(body)
    aggregator_id = clean(fields.get("id", ""), ID_CHARACTERS)
    if not aggregator_id:
        return None
    word = clean(fields.get("status", ""), 30)
    news = NEWS.get(word, News.UNKNOWN)
    if news is News.UNKNOWN:
        log.error("a delivery report says %r, which we don't know: kept, nothing follows from it", mask_text(word))
    failure = clean(fields.get("failureReason", ""), 40)
    reason = (FAILURES.get(failure, failure) or word) if news is News.FAILED else None
    return Report(aggregator_id, news, word, reason, _number(fields.get("phoneNumber", "")))


def clean(text: str, characters: int) -> str:
    """A field that a database column can hold: printable, of at most this many characters."""
    return "".join(letter for letter in text if letter.isprintable())[:characters].strip()


def _number(given: str) -> str | None:
    try:
        return read_caller(given)
    except BadMsisdn:
        return None
