"""Knows whether this thread is inside a writing transaction, so that no network call is ever made from within one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gateway.kernel.faults import NetworkInsideTransaction

_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


@contextmanager
def transaction_open() -> Iterator[None]:
    """Held by the store for as long as a transaction is open."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def require_outside(what: str) -> None:
    """Called by every port before it touches the network."""
    if _inside.get():
        raise NetworkInsideTransaction(f"{what} called inside a database transaction")
