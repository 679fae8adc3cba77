"""Wrong passwords and codes wait, and the wait grows: by whose they are and by where they come from.

A number that nobody has is counted like any other, so a wait tells nothing of who may enter. An office has one address
for all who work in it: it has more guesses than a number. Whoever keeps guessing at somebody's number makes them wait
an hour at most; a one-time link ends that, and a passkey isn't held up by it at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Network

from gateway.store import attempts
from gateway.store.attempts import Patience
from gateway.store.unit import Unit

_WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
NUMBER_GUESSES = Patience(5, _WAITS, timedelta(days=1))
CODE_GUESSES = Patience(5, _WAITS, timedelta(days=7))
ADDRESS_GUESSES = Patience(30, _WAITS, timedelta(days=1))


@dataclass(frozen=True)
class Guess:
    """What is guessed at and from where, as the counts know it; ``patience`` is that of the former."""

    own: str
    address: str
    patience: Patience


def at_password(msisdn: str, address: str) -> Guess:
    """A guess at the password of a number, or at whatever else was typed where a number belongs."""
    return Guess(attempts.subject("office", msisdn), _address(address), NUMBER_GUESSES)


def at_code(login_id: int, address: str) -> Guess:
    """A guess at a login's second factor, or at the password of somebody who is inside and must show it again."""
    return Guess(attempts.subject("office-code", str(login_id)), _address(address), CODE_GUESSES)


def wait_left(unit: Unit, guess: Guess) -> timedelta:
    """How long nothing is taken yet; keeps others from guessing at the same until the transaction ends."""
    return attempts.hold(unit, guess.own, guess.address)


def was_wrong(unit: Unit, guess: Guess) -> timedelta:
    """Count it, and give how long nothing more is taken now. The unit must be committed, or it was never counted."""
    return max(attempts.fail(unit, guess.own, guess.patience), attempts.fail(unit, guess.address, ADDRESS_GUESSES))


def was_right(unit: Unit, guess: Guess) -> None:
    """Forget the wrong guesses at it, and as many of its address: those at others still stand against that."""
    attempts.forgive(unit, guess.address, attempts.failures_of(unit.connection, guess.own))
    attempts.forget(unit, guess.own)


def forgive(unit: Unit, login_id: int, msisdn: str) -> None:
    """Forget every wrong guess at somebody, from wherever: they have a one-time link."""
    attempts.forget(unit, at_password(msisdn, "").own)
    attempts.forget(unit, at_code(login_id, "").own)


def _address(address: str) -> str:
    return attempts.subject("office-address", _network(address))


def _network(address: str) -> str:
    """An address, of version 6 the network that one customer has (/64): they can take any address in it."""
    if ":" not in address:
        return address
    return str(IPv6Network(f"{address.partition('%')[0]}/64", strict=False))
