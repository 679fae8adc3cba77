"""Is this card covered today, and who on it? What a health facility's own system asks."""

from __future__ import annotations

from datetime import date
from typing import Literal

from sqlalchemy import Connection

from gateway.api.call import Call
from gateway.api.doors import Area
from gateway.api.problems import Problem, not_there
from gateway.api.shapes import Amount, Given, amount
from gateway.kernel.card import BadCard, read_card
from gateway.kernel.clock import day_in
from gateway.locale import mark
from gateway.membership.households import Household, by_card
from gateway.membership.visits import who_is_covered
from gateway.network.api_keys import Scope
from gateway.store import attempts

API = Area("cover", "Who is covered today.")

CoverState = Literal["none", "unpaid", "waiting", "active", "grace", "suspended", "lapsed"]


class PersonCovered(Given):
    """Somebody on a card. `covered_from`: the first day of their cover, where it lies ahead and is certain."""

    id: int
    name: str
    sex: Literal["F", "M"]
    birth_year: int
    covered: bool
    covered_from: date | None


class CoverGiven(Given):
    """How a card stands on a day. `until`: its last day of cover if no more is paid; `resumes`: what has to be paid
    where the cover is suspended, to be covered at once."""

    card: str
    on: date
    state: CoverState
    covered: bool
    until: date | None
    mutuelle: str
    people: list[PersonCovered]
    resumes: Amount | None


@API.get("/cover/{card}", Scope.COVER_READ, answers=CoverGiven)
def cover(call: Call, card: str) -> CoverGiven:
    """Is a card covered today, and who on it.

    A health facility's key asks about any card of its network; any other about the cards of its own subtree. A card
    that leads on to another since households were merged is answered as that one.
    """
    with call.store.read() as connection:
        wait_for_guesses(call, connection)
        one = card_of(call, connection, card)
        if one is not None:
            on = day_in(one.time_zone, call.now)
            found = who_is_covered(connection, call.tree, one, on)
    if one is None:
        count_guess(call)
        raise not_there()
    call.shows(one.id)
    return CoverGiven(
        card=one.card,
        on=on,
        state=found.state.value,
        covered=found.state.covered,
        until=found.until,
        mutuelle=found.mutuelle,
        people=[
            PersonCovered(
                id=each.id,
                name=each.name,
                sex="F" if each.sex == "F" else "M",
                birth_year=each.birth_year,
                covered=each.covered,
                covered_from=each.covered_from,
            )
            for each in found.people
        ],
        resumes=amount(found.resumes) if found.resumes is not None else None,
    )


# --- whose cards a key may ask about ----------------------------------------------------------------------------------


def card_of(call: Call, connection: Connection, typed: str) -> Household | None:
    """The household with a card, where the key may ask about it: a facility's of its network, another's of its own."""
    try:
        one = by_card(connection, call.tree, read_card(typed))
    except BadCard:
        return None
    if one is None:
        return None
    may = call.is_in_network(one.section_id) if call.is_facility else call.sees(one.section_id)
    return one if may else None


def _guesses(call: Call) -> str:
    return attempts.subject("api-card", str(call.key.id))


def wait_for_guesses(call: Call, connection: Connection) -> None:
    """Raises :class:`Problem` while a facility's key has to wait for the cards that it asked about and aren't there.

    Whoever is shown any card of the network could find them all by trying; the phone makes agents wait in the same way.
    """
    if not call.is_facility:
        return
    until = attempts.waits_until(connection, _guesses(call))
    if until is not None and until > call.now:
        wait_s = int((until - call.now).total_seconds()) + 1
        raise Problem("too-much", mark("Too many cards that don't exist were asked about. Wait, then go on."),
                      headers={"Retry-After": str(wait_s)})  # fmt: skip


def count_guess(call: Call) -> None:
    """A facility's key asked about a card that isn't there."""
    if call.is_facility:
        with call.store.write() as unit:
            attempts.hold(unit, _guesses(call))
            attempts.fail(unit, _guesses(call), attempts.FACILITY_GUESSES)
