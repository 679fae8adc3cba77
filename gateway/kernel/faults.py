"""Failures that carry their policy: who must act, and what they can do about it."""

from __future__ import annotations


class Fault(Exception):
    """A failure that the operators of the system can act on; its text is the one line they are shown."""


class Unavailable(Fault):
    """A part that we depend on (database, Redis) doesn't answer; try again, nothing was done."""


class NetworkInsideTransaction(AssertionError):
    """A call to the outside was tried while a transaction of the database was open: a defect of this program."""
