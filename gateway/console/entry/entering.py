"""Coming in: a number and a password, then a code where there is a second factor; and showing both again inside.

Whether a number may enter, has a password, or has the role of another day: the answer is the same, after the same work.
Every function here counts guesses, so its unit must be committed whatever it answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.console.entry import guessing, logins, passwords, second_factor, sessions
from gateway.console.entry.guessing import Guess
from gateway.console.entry.logins import Login
from gateway.kernel.sealing import Keys
from gateway.store.attempts import NO_WAIT
from gateway.store.tracing import trace
from gateway.store.unit import Unit

HALF_IN_FOR_S = 10 * 60  # to find the phone with the codes
_HALF_IN = "half in"


@dataclass(frozen=True)
class Entered:
    """They are inside; ``token`` is for the session's cookie."""

    login: Login
    token: str
    session_id: int


@dataclass(frozen=True)
class HalfIn:
    """The password was right; ``ticket`` says so for ten minutes, beside the code that is asked for now."""

    ticket: str


@dataclass(frozen=True)
class NotIn:
    """What was typed is wrong, or wasn't looked at because ``wait`` isn't over; after a wrong one ``wait`` begins.

    ``looked``: was it looked at? ``over``: the ticket is too old, and they begin anew.
    """

    wait: timedelta = NO_WAIT
    looked: bool = True
    over: bool = False


def with_password(
    unit: Unit, keys: Keys, typed_number: str, password: str, *, address: str, agent: str
) -> Entered | HalfIn | NotIn:
    """Somebody types a number (in E.164 where it is one) and a password."""
    guess = guessing.at_password(typed_number, address)
    wait = guessing.wait_left(unit, guess)
    if wait:
        return NotIn(wait, looked=False)
    one = logins.by_number(unit.connection, typed_number)
    if one is None or not one.roles:
        passwords.matches(None, password)
        return _wrong(unit, guess, one, address, "entry.wrong_password")
    if not logins.show_password(unit, one, password):
        return _wrong(unit, guess, one, address, "entry.wrong_password")
    guessing.was_right(unit, guess)
    return go_on(unit, keys, one, address=address, agent=agent)


def go_on(unit: Unit, keys: Keys, one: Login, *, address: str, agent: str) -> Entered | HalfIn:
    """What comes after the right password, or a password chosen by a link: the code, or the first page."""
    if one.has_second_factor:
        return HalfIn(keys.seal(_HALF_IN, _ticket(one), unit.now))
    return let_in(unit, one, address=address, agent=agent, how="password")


def with_code(unit: Unit, keys: Keys, ticket: str, typed: str, *, address: str, agent: str) -> Entered | NotIn:
    """Somebody whose password was right types a code of their app, or one from paper."""
    one = ticket_holder(unit, keys, ticket)
    if one is None:
        return NotIn(over=True)
    guess = guessing.at_code(one.login_id, address)
    wait = guessing.wait_left(unit, guess)
    if wait:
        return NotIn(wait, looked=False)
    kind = second_factor.take_code(unit, keys, one.login_id, typed)
    if kind is None:
        return _wrong(unit, guess, one, address, "entry.wrong_code")
    guessing.was_right(unit, guess)
    return let_in(unit, one, address=address, agent=agent, how=f"password and code ({kind})")


def ticket_holder(unit: Unit, keys: Keys, ticket: str) -> Login | None:
    """Whose password was right; None where that was too long ago, or it isn't their password any more."""
    content = keys.unseal(_HALF_IN, ticket, unit.now, HALF_IN_FOR_S)
    if not isinstance(content, list):
        return None
    one = logins.by_id(unit.connection, int(content[0]))
    return one if one is not None and one.roles and _ticket(one) == content else None


def let_in(unit: Unit, one: Login, *, address: str, agent: str, how: str) -> Entered:
    """Begin a session for somebody who has shown who they are, and write it down."""
    token = sessions.start(unit, one.login_id, address=address, agent=agent)
    _trace(unit, one, "entry.entered", address, {"how": how})
    return Entered(one, token, sessions.id_of(unit.connection, token))


def prove(unit: Unit, keys: Keys, one: Login, password: str, code: str, *, address: str) -> NotIn | None:
    """Somebody inside shows again who they are, before they change what they enter with; None: they did.

    ``code`` counts only where they have a second factor. Which of the two was wrong isn't said.
    """
    guess = guessing.at_code(one.login_id, address)
    wait = guessing.wait_left(unit, guess)
    if wait:
        return NotIn(wait, looked=False)
    # The password first: a code is used up by being looked at.
    right = logins.show_password(unit, one, password)
    if right and one.has_second_factor:
        right = second_factor.take_code(unit, keys, one.login_id, code) is not None
    if not right:
        return _wrong(unit, guess, one, address, "entry.wrong_proof")
    guessing.was_right(unit, guess)
    return None


def _wrong(unit: Unit, guess: Guess, one: Login | None, address: str, what: str) -> NotIn:
    wait = guessing.was_wrong(unit, guess)
    # Single slips are nobody's affair; whoever makes somebody wait is written down.
    if wait:
        _trace(unit, one, what, address, {"wait_s": int(wait.total_seconds())}, by_them=False)
    return NotIn(wait)


def _ticket(one: Login) -> list[object]:
    return [one.login_id, one.password_at.isoformat() if one.password_at is not None else None]


def _trace(
    unit: Unit, one: Login | None, what: str, address: str, after: dict[str, object], *, by_them: bool = True
) -> None:
    trace(
        unit,
        by=one if by_them else None,
        organisation_id=one.home_id if one is not None else None,
        what=what,
        about=f"login:{one.login_id}" if one is not None else "login:?",
        address=address,
        after=after,
    )
