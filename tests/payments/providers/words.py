"""One word for each answer of a provider, so that a row of a table can name it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from playing import Playing

from gateway.payments.providers.base import Accepted, NotFound, Order, Paid, Provider, Refused, Unclear, Waiting


def word_of(answer: object) -> str:
    """The reason of what is refused or unclear, and otherwise what the answer is."""
    if isinstance(answer, Refused | Unclear):
        return str(answer.reason)
    words: dict[type[object], str] = {Accepted: "accepted", Waiting: "waiting", Paid: "paid", NotFound: "not found"}
    return words[type(answer)]


def shouted_word(
    operator: Playing, provider: Provider, one: Order, report: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> str:
    """What a look makes of an order that was paid and is reported so; an error in the log must name the order."""
    answer = provider.ask(one)
    assert isinstance(answer, Accepted)
    operator.play("approve", {"key": one.key, "report": report})
    word = word_of(provider.find(replace(one, handle=answer.handle)))
    assert any(record.levelno == logging.ERROR and one.key in record.getMessage() for record in caplog.records)
    return word
