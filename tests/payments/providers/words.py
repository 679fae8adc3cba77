"""One word for each answer of a provider, so that a row of a table can name it."""

from __future__ import annotations

from gateway.payments.providers.base import Accepted, NotFound, Paid, Refused, Unclear, Waiting


def word_of(answer: object) -> str:
    """The reason of what is refused or unclear, and otherwise what the answer is."""
    if isinstance(answer, Refused | Unclear):
        return str(answer.reason)
    words: dict[type[object], str] = {Accepted: "accepted", Waiting: "waiting", Paid: "paid", NotFound: "not found"}
    return words[type(answer)]
