"""A PIN is kept as a slow hash, and guessing it is slower still: every wrong guess makes the next one wait longer.

A PIN has four to six digits, so whoever steals the table of hashes finds most of them in minutes, however slow the hash
is; what keeps a PIN is the lock on its holder and on the phone that guesses. Argon2id as in RFC 9106, with the memory
and the passes that OWASP's Password Storage Cheat Sheet calls the minimum: 19 MiB, two passes, one lane; some 20 ms.
"""

from __future__ import annotations

import logging
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Literal

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Connection, delete, select, update

from gateway.kernel.numbers import in_our_digits
from gateway.store import attempts
from gateway.store.attempts import NO_WAIT, Patience
from gateway.store.or_set import or_set
from gateway.store.schema import pin
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

PIN_GUESSES = Patience(
    free=3,
    waits=(
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
        timedelta(hours=4),
        timedelta(hours=24),
    ),
    forgotten_after=timedelta(days=7),  # well beyond the longest wait, or waiting it out would begin anew
)

# So many wrong PINs within an hour, whoever's they are, are told loudly, and again at every multiple.
ALARM_EVERY = 100
_ASIDE = "aside:"  # before the holder of a PIN that opens nothing: its household was merged
_ALL_GUESSES = Patience(free=ALARM_EVERY, waits=(), forgotten_after=timedelta(hours=1))  # counted, never made to wait

# What people choose most after the equal ones and the runs (DataGenetics, "PIN analysis", 2012), and what a keypad
# draws: its middle column, its corners, its rows and columns.
_WEAK = {
    "0852", "1004", "1010", "1122", "1212", "1313", "1357", "2000", "2001", "2468", "2580", "6969",
    "10101", "11223", "12121", "12321", "13579", "24680",
    "101010", "102030", "112233", "121212", "123123", "123321", "123654", "131313", "147258", "159753", "696969",
    "789456",
}  # fmt: skip

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class BadPin(ValueError):
    """Not a PIN that may be chosen; ``args[0]`` is ``digits`` or ``weak``."""


@dataclass(frozen=True)
class Checked:
    """What became of a PIN that was typed.

    ``locked``: it was not looked at, right or wrong; ``wait`` is how long nothing is taken yet. ``wrong``: the same
    ``wait``, zero while guesses are free. ``none``: the holder has no PIN. ``first``, where it is right: the office
    gave it, and its holder chooses another now.
    """

    answer: Literal["right", "wrong", "locked", "none"]
    wait: timedelta = NO_WAIT
    first: bool = False


# --- a PIN by itself --------------------------------------------------------------------------------------------------


def read_pin(typed: str) -> str:
    """A PIN that somebody chooses: four to six digits of any script, as ASCII; raises :class:`BadPin`.

    ``weak``: all equal, a straight run up or down (``7890`` is one), or one of the few that everybody tries first.
    """
    digits = _digits(typed)
    if digits is None:
        raise BadPin("digits")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
    if steps in ({0}, {1}, {9}) or digits in _WEAK:
        raise BadPin("weak")
    return digits


def first_pin() -> str:
    """A PIN of five digits for the office to hand out: drawn at random, none of the weak ones."""
    while True:
        try:
            return read_pin(f"{secrets.randbelow(100_000):05}")
        except BadPin:
            continue


def seal(pin: str) -> str:
    """The hash that is kept of a PIN, with its own salt and parameters."""
    return _HASHER.hash(pin)


def matches(sealed: str, pin: str) -> bool:
    """Is it this PIN that was sealed?"""
    try:
        return _HASHER.verify(sealed, pin)
    except VerifyMismatchError:
        return False


def _digits(typed: str) -> str | None:
    digits = in_our_digits(typed.strip())
    return digits if re.fullmatch(r"[0-9]{4,6}", digits) else None


# --- whose it is ------------------------------------------------------------------------------------------------------


def of_household(household_id: int) -> str:
    """The holder of a household's PIN."""
    return f"h:{household_id}"


def of_staff(msisdn: str) -> str:
    """The holder of a staff member's PIN: one for a person, whatever their roles."""
    return f"s:{msisdn}"


def kept(connection: Connection, holder: str) -> Literal["none", "first", "own"]:
    """What PIN a holder has: none, the one that the office made, or one of their own."""
    first = connection.scalar(select(pin.c.first).where(pin.c.holder == holder))
    if first is None:
        return "none"
    return "first" if first else "own"


def has_pin(connection: Connection, holder: str) -> bool:
    """Has this holder a PIN?"""
    return kept(connection, holder) != "none"


def keep(unit: Unit, holder: str, sealed: str, first: bool = False) -> None:
    """Give a holder a PIN, in the place of any other; guesses at the old one are forgotten.

    ``first`` for one that the office made. ``sealed`` comes from :func:`seal`, called before the transaction.
    """
    row = {"holder": holder, "hash": sealed, "first": first, "set_at": unit.now}
    unit.connection.execute(_KEEPING[unit.connection.dialect.name], row)
    attempts.forget(unit, _holder_subject(holder))


def drop(unit: Unit, holder: str) -> bool:
    """Forget a holder's PIN and the guesses at it; False when there was none."""
    dropped = unit.connection.execute(delete(pin).where(pin.c.holder == holder)).rowcount == 1
    attempts.forget(unit, _holder_subject(holder))
    return dropped


def lay_aside(unit: Unit, holder: str) -> None:
    """Let a holder have no PIN for the time being; what was laid aside for it before is forgotten."""
    drop(unit, f"{_ASIDE}{holder}")
    unit.connection.execute(update(pin).where(pin.c.holder == holder).values(holder=f"{_ASIDE}{holder}"))
    attempts.forget(unit, _holder_subject(holder))


def take_up(unit: Unit, holder: str) -> None:
    """Give a holder back the PIN that was laid aside, if one was."""
    aside = pin.c.holder == f"{_ASIDE}{holder}"
    unit.connection.execute(update(pin).where(aside).values(holder=holder))


def check(unit: Unit, holder: str, caller_msisdn: str, typed: str) -> Checked:
    """Compare what a caller typed with a holder's PIN, unless the holder or the phone has to wait.

    The unit must be committed whatever the answer is: a guess that is rolled back was never counted. All that guess at
    the same holder, or from the same phone, wait for this transaction to end; on SQLite every writer does.
    """
    kept = unit.connection.execute(select(pin.c.hash, pin.c.first).where(pin.c.holder == holder).with_for_update())
    row = kept.first()
    if row is None:
        return Checked("none")
    own, phone = _holder_subject(holder), _phone_subject(caller_msisdn)
    wait = attempts.hold(unit, own, phone)
    if wait:
        return Checked("locked", wait)
    digits = _digits(typed)
    if digits is not None and matches(row.hash, digits):
        _forget_guesses(unit, own, phone)
        return Checked("right", first=row.first)
    wait = max(attempts.fail(unit, own, PIN_GUESSES), attempts.fail(unit, phone, PIN_GUESSES))
    _watch(unit)
    return Checked("wrong", wait)


def forgive_phone(unit: Unit, msisdn: str) -> None:
    """Forget the wrong PINs that were typed on a phone: for the office, when it helps somebody who has lost theirs."""
    attempts.forget(unit, _phone_subject(msisdn))


def _forget_guesses(unit: Unit, own: str, phone: str) -> None:
    """After a right PIN: forget the wrong guesses at its holder, and the phone's unless it guessed at others too.

    Else somebody with a PIN of their own could type it between guesses at other people's, and never wait.
    """
    attempts.forgive(unit, phone, attempts.failures_of(unit.connection, own))
    attempts.forget(unit, own)


def _watch(unit: Unit) -> None:
    """Tell loudly of wrong PINs in great number: a slow attack on many holders locks none of them for long."""
    this_hour = attempts.subject("pin-alarm", f"{unit.now:%H}")
    wrong = attempts.count(unit, this_hour, _ALL_GUESSES)
    if wrong % ALARM_EVERY == 0:
        log.warning("%d WRONG PINS WITHIN AN HOUR: somebody may be guessing. See docs/operations.md.", wrong)


def _holder_subject(holder: str) -> str:
    return attempts.subject("pin", holder)


def _phone_subject(msisdn: str) -> str:
    return attempts.subject("pin-phone", msisdn)


_KEEPING = or_set(pin, ("holder",), "hash", "first", "set_at")
