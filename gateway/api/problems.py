"""What goes wrong, as other systems read it (RFC 9457): one table of kinds, each with its status and its title.

A kind is a stable word. It stands at the end of ``type``, an address that tells the same in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.locale import Say, mark

CONTENT_TYPE = "application/problem+json"
TYPES = "/api/v1/problems/"  # a kind's address, below the installation's own


@dataclass(frozen=True)
class Kind:
    """A kind of problem: the status it is answered with, its title, and what to do about it."""

    status: int
    title: str
    remedy: str


KINDS: Mapping[str, Kind] = {
    "unreadable": Kind(400, mark("Not readable"), mark("Send one JSON text in UTF-8, no key of it twice.")),
    "no-key": Kind(401, mark("A key is needed"), mark("Send Authorization: Bearer, with your key behind it.")),
    "key-over": Kind(401, mark("This key is over"), mark("Ask the administrator for a new key.")),
    "no-scope": Kind(403, mark("This key may not do that"), mark("Ask the administrator for a key with this scope.")),
    "not-there": Kind(404, mark("There is no such thing"), mark("It doesn't exist, or it isn't this key's to see.")),
    "method": Kind(405, mark("This can't be done here"), mark("Look which methods the header Allow names.")),
    "in-progress": Kind(409, mark("It is being done"), mark("The same call is under way. Send it again in a moment.")),
    "conflict": Kind(409, mark("Not as things stand"), mark("Look how things are now, and decide anew.")),
    "changed": Kind(412, mark("It has changed"), mark("Read it again, and send the change with its new ETag.")),
    "too-large": Kind(413, mark("Too large"), mark("Send less at a time.")),
    "media-type": Kind(415, mark("Not in this form"), mark("Send JSON, and say so in Content-Type.")),
    "invalid": Kind(422, mark("Something in it is wrong"), mark("Correct what the list of errors names.")),
    "refused": Kind(422, mark("Refused"), mark("The answer says why. Nothing was done.")),
    "used-otherwise": Kind(
        422, mark("This Idempotency-Key was used for something else"), mark("Make a new one for each new wish.")
    ),
    "unconditional": Kind(428, mark("Which state is to be changed?"), mark("Send If-Match with the ETag you read.")),
    "too-much": Kind(429, mark("Too much at once"), mark("Wait as long as Retry-After says.")),
    "defect": Kind(500, mark("This is our fault"), mark("Look what was done before you try again.")),
    "unavailable": Kind(503, mark("Not available now"), mark("Nothing was done. Try again in a minute.")),
}  # fmt: skip
# A status by itself, where what failed is outside of any function.
BY_STATUS: Mapping[int, str] = {
    400: "unreadable", 401: "no-key", 403: "no-scope", 404: "not-there", 405: "method", 413: "too-large",
    414: "too-large", 415: "media-type", 422: "invalid", 429: "too-much", 431: "too-large", 503: "unavailable",
}  # fmt: skip


class Problem(Exception):
    """What was asked can't be done; nothing was done.

    ``kind`` is one of :data:`KINDS`; ``detail`` a text marked for the catalogues, with ``values`` to fill in. ``more``
    are further members of the answer, ``headers`` its further headers.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        /,
        *,
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(kind)
        self.kind = kind
        self.detail = detail
        self.values = values
        self.more = dict(more or {})
        self.headers = dict(headers or {})
        self.after: Callable[[], None] = _nothing  # what is done once its transaction has been undone

    @property
    def status(self) -> int:
        return KINDS[self.kind].status

    def said(self, say: Say) -> dict[str, Any]:
        """The members of its answer, in the language of ``say``."""
        kind = KINDS[self.kind]
        detail = say(self.detail, **self.values) if self.detail else say(kind.remedy)
        own = {"type": TYPES + self.kind, "title": say(kind.title), "status": kind.status, "detail": detail}
        return {**own, **self.more}


def _nothing() -> None:
    """Most problems leave nothing to be done."""


def not_there() -> Problem:
    """It doesn't exist, or it is another's: the answer is the same."""
    return Problem("not-there")
