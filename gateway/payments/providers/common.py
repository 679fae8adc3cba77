"""What operators' adapters share: keys, figures, calls under a token, what words decide, and what silence means.

An operator's own words come first, in its own file. Here is what stays when there were none: whether anything can have
begun, and how long to wait.
"""

from __future__ import annotations

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from gateway.kernel.money import BadAmount, Money
from gateway.kernel.strict_json import Unreadable, read_json
from gateway.payments.providers.base import BadNotice, FindAnswer, Reason, Refused, Unclear, keep_said
from gateway.payments.providers.http import (
    MAX_ANSWER_BYTES,
    Answer,
    Http,
    NoAnswer,
    Unreached,
)
from gateway.payments.providers.kept import Good, Kept

# What an HTTP status means by itself, where nothing beside it is known: (word of Unclear, nothing was begun).
# 5xx may come from behind the point where the order was taken: the operator must be asked.
UNDECIDED = {
    429: ("busy", True),
    500: ("failed", False),
    502: ("busy", False),
    503: ("busy", False),
    504: ("no-answer", False),
}

REASK_S = 10.0  # after what never reached the operator, or was turned away unread
MAX_REASK_S = 600.0
TOKEN_LIFE_S = 60  # of a token that doesn't tell

_FIGURE = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_OPERATOR_ID = re.compile(r"[A-Za-z0-9._:/-]{1,64}")
_HEADER = re.compile(r"[\x21-\x7e]{1,4096}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

log = logging.getLogger(__name__)


# Keys, figures and words


def order_key(key: str) -> uuid.UUID:
    """An order's key, if it has the form that we give keys; another one is a defect (:class:`ValueError`)."""
    if read_uuid(key) != key or uuid.UUID(key).version != 4:
        raise ValueError("an order's key must be a UUID of version 4 in its usual form")
    return uuid.UUID(key)


def read_uuid(text: object) -> str | None:
    """A UUID that an operator wrote, as we write ours; None for anything else."""
    return text.lower() if isinstance(text, str) and _UUID.fullmatch(text) else None


def read_figure(figure: object, currency: object) -> Money | None:
    """An operator's amount, if it is exact, positive and in a currency that we know."""
    if not isinstance(figure, str) or not _FIGURE.fullmatch(figure) or not isinstance(currency, str):
        return None
    try:
        return Money.from_decimal(figure, currency) or None
    except BadAmount:
        return None


def read_operator_id(found: object) -> str | None:
    """An operator's number of a transaction, if it is one."""
    return found if isinstance(found, str) and _OPERATOR_ID.fullmatch(found) else None


def fits_header(value: str) -> bool:
    """Whether a key or token can be sent in a header at all."""
    return _HEADER.fullmatch(value) is not None


def may_call(url: str | None, plain_here: bool) -> bool:
    """Whether an operator may be given this address for its notices: https, or plain on this machine, if so allowed."""
    to = urlsplit(url or "")
    return to.scheme == "https" or (plain_here and (to.scheme, to.hostname) == ("http", "127.0.0.1"))


def json_body(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body).encode()


def said_of(*words: object) -> str:
    """The words and figures among an operator's fields, one after the other, as they may be kept."""
    return keep_said(" ".join(word for word in words if isinstance(word, str) and word))


def notice_fields(body: bytes) -> dict[str, Any]:
    """The JSON object of a notice; raises :class:`BadNotice`."""
    if len(body) > MAX_ANSWER_BYTES:
        raise BadNotice("too large")
    try:
        found = read_json(body)
    except Unreadable as why:
        raise BadNotice(str(why)) from None
    if not isinstance(found, dict):
        raise BadNotice("not a JSON object")
    return found


def part(found: object, name: str) -> dict[str, Any]:
    """The object ``name`` within ``found``; empty when there is none."""
    inner = found.get(name) if isinstance(found, dict) else None
    return inner if isinstance(inner, dict) else {}


# Calls under a token


@dataclass(frozen=True)
class NoToken:
    """No token is to be had, so nothing was asked: ``answer`` is why."""

    answer: Answer | Unreached | NoAnswer


Outcome = Answer | Unreached | NoAnswer | NoToken


class Bearer:
    """Calls under an OAuth token that is asked for once for all threads, and renewed shortly before it ends.

    ``token`` makes the call for one; its answer has ``access_token`` and ``expires_in`` (seconds), as in RFC 6749.
    ``unread`` tells the answers by which a call is turned away for its token, unread.
    """

    def __init__(
        self,
        name: str,
        http: Http,
        token: Callable[[], Answer | Unreached | NoAnswer],
        monotonic: Callable[[], float] = time.monotonic,
        unread: Callable[[Answer], bool] = lambda answer: answer.status == 401,
    ) -> None:
        self._name, self._http, self._ask_token, self._unread = name, http, token, unread
        self._tokens: Kept[str, NoToken] = Kept(self._fetch, monotonic)

    def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        reading: bool = False,
        through: Http | None = None,
    ) -> Outcome:
        """One call under a token, ``through`` other connections where they are given.

        What was turned away unread renews the token and is tried once more.
        """
        stale = None
        while True:
            token = self._tokens.get(stale)
            if isinstance(token, NoToken):
                return token
            answer = (through or self._http).call(
                self._name, method, path, {"Authorization": f"Bearer {token}", **headers}, body, reading=reading
            )
            if stale or not isinstance(answer, Answer) or not self._unread(answer):
                return answer
            stale = token

    def _fetch(self) -> Good[str] | NoToken:
        answer = self._ask_token()
        if not isinstance(answer, Answer) or answer.status != 200:
            return NoToken(answer)
        found = answer.fields()
        value, life = found.get("access_token"), str(found.get("expires_in", ""))
        if not isinstance(value, str) or not fits_header(value):
            return NoToken(answer)
        life_s = int(life) if re.fullmatch(r"[0-9]{1,8}", life) else TOKEN_LIFE_S
        return Good(value, life_s - min(60.0, life_s / 10))


# What an operator's words decide

# Our reason of a refusal, or what makes the answer of what was said.
Meaning = Reason | Callable[[str], FindAnswer]


def decide(
    name: str, key: str, word: object, said: str, means: Mapping[str, Meaning], *, another: bool = False
) -> FindAnswer:
    """What an operator's ``word`` for what became of ``key`` means, by the table of its words.

    A status of ``another`` order, one without a word and a word that isn't in the table decide nothing and are shouted.
    """
    if another:
        log.error("%s: the status of %s speaks of another", name, key)
        return Unclear("mismatch", said)
    if not isinstance(word, str):
        log.error("%s: the status of %s can't be read: %s", name, key, said)
        return Unclear("unreadable", said)
    meaning = means.get(word)
    if meaning is None:
        log.error("%s: %s has a status that is not known: %s", name, key, said)
        return Unclear("unknown-word", said)
    return Refused(meaning, said) if isinstance(meaning, Reason) else meaning(said)


def refused(name: str, key: str, code: str, reasons: Mapping[str, Reason], said: str) -> Refused:
    """A final no, for the reason that ``code`` names; one that isn't known, or is our own doing, is shouted."""
    reason = reasons.get(code)
    if reason is None:
        log.error("%s: %s failed for a reason that is not known: %s", name, key, said)
    elif reason is Reason.CONFIGURATION:
        log.critical("%s: %s is refused for what we are or sent: %s", name, key, said)
    return Refused(reason or Reason.OTHER, said)


def lacking(name: str, key: str, said: str) -> Unclear:
    """A success that can't be booked: its number or its amount is missing, or can't be read."""
    log.error("%s: %s is paid, without a number or an amount to be read", name, key)
    return Unclear("mismatch", said)


# What it means that nothing came


def not_asked(name: str, why: NoToken, said: Callable[[Answer], str]) -> Refused | Unclear:
    """What it means for an order that there was no token to ask with: whatever it was, nothing has begun."""
    answer = why.answer
    if not isinstance(answer, Answer):
        return Unclear("unreached", f"token: {answer.said}", REASK_S)
    if answer.status in (400, 401, 403):
        log.critical("%s: our keys are refused: %s", name, said(answer))
        return Refused(Reason.CONFIGURATION, said(answer))
    if answer.status not in UNDECIDED:
        log.error("%s: an answer to a request for a token that is not known: %s", name, said(answer))
    word, _ = UNDECIDED.get(answer.status, ("unreadable", True))
    return Unclear(word, said(answer), leave_alone_s(answer) or REASK_S)


def unheard(why: Unreached | NoAnswer) -> Unclear:
    """What it means for an order that its request got no answer."""
    if isinstance(why, Unreached):
        return Unclear("unreached", why.said, REASK_S)
    return Unclear("no-answer", why.said)


def turned_away(name: str, answer: Answer, said: str) -> Refused | Unclear:
    """What an answer means for an order when none of its words is known."""
    if answer.status in (401, 403):
        log.critical("%s: an order is refused for who we are: %s", name, said)
        return Refused(Reason.CONFIGURATION, said)
    if answer.status not in UNDECIDED:
        log.error("%s: an answer to an order that is not known: %s", name, said)
    word, not_begun = UNDECIDED.get(answer.status, ("unknown-word", False))
    return Unclear(word, said, (leave_alone_s(answer) or REASK_S) if not_begun else None)


def no_status(name: str, why: Outcome, said: Callable[[Answer], str]) -> Unclear:
    """A status call that brought none says nothing about the order, least of all that it was refused."""
    if isinstance(why, NoToken):
        if not isinstance(why.answer, Answer):
            return Unclear("unreached", f"token: {why.answer.said}")
        log.error("%s: no token for a status: %s", name, said(why.answer))
        return Unclear("failed", said(why.answer), leave_alone_s(why.answer))
    if isinstance(why, Answer):
        if why.status not in UNDECIDED:
            log.error("%s: a status was not answered: %s", name, said(why))
        word, _ = UNDECIDED.get(why.status, ("failed", False))
        return Unclear(word, said(why), leave_alone_s(why))
    return Unclear("unreached" if isinstance(why, Unreached) else "no-answer", why.said)


def leave_alone_s(answer: Answer) -> float | None:
    """How long the operator asks to be left alone, within reason."""
    return None if answer.retry_after_s is None else min(max(answer.retry_after_s, 1.0), MAX_REASK_S)
