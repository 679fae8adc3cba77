"""DHIS2's Web API, as far as data values are sent: one call, and what its import summary says.

``POST /api/dataValueSets`` creates values and overwrites those that it has under the same data element, period,
organisation unit and category option combo: sending the same again changes nothing. Its answers, by its documentation
(https://docs.dhis2.org, *Web API*, *Data*) and what versions 2.3x to 2.4x send:

======================  ==============================================================================================
200                     an import summary: bare, or from 2.38 on within ``response``; ``status`` SUCCESS (or OK),
                        WARNING or ERROR, ``importCount`` and ``conflicts``
409                     the same, where anything was ignored
401, or 302 to a login  the token or password isn't taken
403                     the user may not import data values
404                     no DHIS2 stands there
5xx, or no answer       not known: sent again later
======================  ==============================================================================================
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.kernel.faults import Fault
from gateway.payments.providers.http import Answer, Http, NoAnswer, Unreached
from gateway.settings import Settings

READ_TIMEOUT_S = 120.0  # it answers once all is stored
_MOST_ANSWER_BYTES = 4 << 20  # a conflict for each of several thousand values
_SAID_CHARACTERS = 200
_PATH = "/api/dataValueSets?importStrategy=CREATE_AND_UPDATE&dataElementIdScheme=UID&orgUnitIdScheme=UID"

State = Literal["taken", "partly", "refused", "unknown"]


class NoDhis2(Fault):
    """No server is named in the settings."""


@dataclass(frozen=True)
class Outcome:
    """What became of the values that were sent: all stored, some, none, or not known.

    ``conflicts``: what it says of those that it ignored; ``said``: what it says of all, in a line.
    """

    state: State
    said: str
    imported: int = 0
    updated: int = 0
    ignored: int = 0
    conflicts: tuple[str, ...] = ()


class Dhis2:
    """A DHIS2 server. Calls are made outside of any transaction of the database."""

    def __init__(self, base_url: str, token: str, *, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._http = Http(base_url, read_timeout_s=read_timeout_s, max_answer_bytes=_MOST_ANSWER_BYTES)
        self._headers = {"Authorization": _authorization(token), "Content-Type": "application/json"}

    @classmethod
    def of(cls, settings: Settings) -> Dhis2:
        """The one of the settings; raises :class:`NoDhis2`."""
        if not settings.dhis2_base_url:
            raise NoDhis2("no DHIS2 is named: set DHIS2_BASE_URL and DHIS2_TOKEN (docs/dhis2.md)")
        return cls(settings.dhis2_base_url, settings.dhis2_token.get_secret_value())

    def send(self, payload: bytes, *, dry_run: bool = False) -> Outcome:
        """Send values of one data set, as :func:`~gateway.exchange.dhis2.values.payload` makes them.

        ``dry_run``: it says what it would do, and stores nothing.
        """
        path = _PATH + ("&dryRun=true" if dry_run else "")
        answer = self._http.call("DHIS2", "POST", path, self._headers, payload, reading=True)
        match answer:
            case Unreached(said=said):
                return Outcome("refused", f"not reached: {said}; nothing was sent")
            case NoAnswer(said=said):
                return Outcome("unknown", f"{said}: send it again, that does no harm")
        return _read(answer)


def _authorization(token: str) -> str:
    if ":" in token:
        return "Basic " + base64.b64encode(token.encode()).decode()
    return f"ApiToken {token}"


_REFUSALS = {
    301: "it answers from another address: correct DHIS2_BASE_URL",
    302: "it asks for a login: DHIS2_TOKEN isn't taken",
    401: "DHIS2_TOKEN isn't taken",
    403: "the user of DHIS2_TOKEN may not import data values",
    404: "there is no DHIS2 at DHIS2_BASE_URL",
    405: "there is no DHIS2 at DHIS2_BASE_URL",
    413: "it takes no request as large as this",
}


def _read(answer: Answer) -> Outcome:
    fields = answer.fields()
    inner = fields.get("response")
    summary = inner if isinstance(inner, dict) and "importCount" in inner else fields
    counts = summary.get("importCount")
    if answer.status in (200, 201, 409) and isinstance(counts, dict):
        return _counted(summary, counts)
    message = _line(fields.get("message") or fields.get("description") or "")
    if answer.status >= 500 or answer.status in (408, 429):
        return Outcome(
            "unknown", _line(f"HTTP {answer.status} {message}".strip() + ": send it again, that does no harm")
        )
    if answer.status < 300:
        return Outcome("unknown", "its answer can't be read: send it again, that does no harm")
    known = _REFUSALS.get(answer.status)
    said = f"{known} (HTTP {answer.status})" if known else f"HTTP {answer.status} {message}".strip()
    return Outcome("refused", _line(said))


def _counted(summary: Mapping[str, Any], counts: Mapping[str, Any]) -> Outcome:
    imported, updated, ignored = (_number(counts.get(name)) for name in ("imported", "updated", "ignored"))
    found = summary.get("conflicts")
    conflicts = tuple(_conflict(one) for one in found if isinstance(one, dict)) if isinstance(found, list) else ()
    failed = str(summary.get("status", "")).upper() == "ERROR"
    if not ignored and not conflicts and not failed:
        state: State = "taken"
    else:
        state = "partly" if imported + updated else "refused"
    said = f"{imported} imported, {updated} updated, {ignored} ignored"
    description = _line(summary.get("description") or "")
    if conflicts:
        said += f"; {conflicts[0]}" + (f" and {len(conflicts) - 1} more" if len(conflicts) > 1 else "")
    elif state != "taken" and description:
        said += f"; {description}"
    return Outcome(state, _line(said), imported, updated, ignored, conflicts)


def _number(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


def _conflict(one: Mapping[str, Any]) -> str:
    parts = (str(one.get(name) or "") for name in ("errorCode", "object", "value"))
    return _line(" ".join(part for part in parts if part))


def _line(text: object) -> str:
    """A text of the server's in one line that isn't long, without signs that no line has."""
    words = " ".join(str(text).split())
    return "".join(letter for letter in words if letter.isprintable())[:_SAID_CHARACTERS]
