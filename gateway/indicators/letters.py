"""Five figures of a place by SMS, once a month, to those whom it has chosen: the month before in one part of an SMS.

Whoever is chosen (a member of staff, or all who have a role there) gets it on a day of the month, when the quiet hours
of their place are over. A key of place, reader and month makes it single, whatever crashes and however often one looks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from gateway.indicators.figures import Figure
from gateway.indicators.keeping import Standing, counted, is_small, read
from gateway.indicators.periods import Period
from gateway.indicators.wording import number, rounded
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault, Unavailable
from gateway.locale import Say, mark, show_count
from gateway.network.organisations import Network, Organisation, Tree
from gateway.network.staff import ROLES, Member, by_id
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.quiet import quiet_for
from gateway.sms.texts import first_that_fits
from gateway.store.schema import caller, figures_letter, message, staff
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

EVENT = "figures"
LAST_DAY = 28  # every month has it
LATE = 7  # so many days later it is still sent, after an outage; then the next month's is


class BadLetter(Fault):
    """Who is to get the figures, or when, can't be."""


@dataclass(frozen=True)
class Letter:
    """Who gets the figures of an organisation (``staff_id``, or all of a ``role`` there), and on which day."""

    id: int
    organisation_id: int
    staff_id: int | None
    role: str | None
    day: int
    since: datetime
    by_name: str
    ended_at: datetime | None


@dataclass(frozen=True)
class Reader:
    """Somebody who gets it: a role at an organisation, a number, a language."""

    staff_id: int
    name: str
    msisdn: str
    language: str


# --- choosing ---------------------------------------------------------------------------------------------------------


def set_letter(
    unit: Unit, tree: Tree, place: Organisation, day: int, by_name: str, *, staff_id: int | None = None, role: str = ""
) -> int:
    """Let somebody, or all of a role, get a place's figures from now on; a day that was chosen before is changed.

    Returns the letter's id. Raises :class:`BadLetter`: also for a member of staff of elsewhere, since figures are shown
    to those who work at the place or above it.
    """
    if not 1 <= day <= LAST_DAY:
        raise BadLetter(mark("a day of the month is a number from 1 to {most}"), most=LAST_DAY)
    if (staff_id is None) == (not role) or (role and role not in ROLES):
        raise BadLetter(mark("say who gets it: a member of staff, or a role"))
    if staff_id is not None:
        known = unit.connection.execute(
            select(staff.c.organisation_id).where(staff.c.id == staff_id, staff.c.ended_on.is_(None))
        ).first()
        if known is None or not place.under(tree[known.organisation_id]):
            raise BadLetter(mark("nobody with this number has a role at {place} or above it"), place=place.name)
    own = (
        figures_letter.c.organisation_id == place.id,
        figures_letter.c.staff_id.is_not_distinct_from(staff_id),
        figures_letter.c.role.is_not_distinct_from(role or None),
    )
    end_letters(unit, by_name, *own)
    made = unit.connection.execute(
        insert(figures_letter).values(
            organisation_id=place.id, staff_id=staff_id, role=role or None, day=day, since=unit.now, by_name=by_name
        )
    )
    return int(made.inserted_primary_key[0])  # type: ignore[index]


def end_letters(unit: Unit, by_name: str, *which: object) -> int:
    """End letters; how many were ended by this."""
    done = unit.connection.execute(
        update(figures_letter)
        .where(figures_letter.c.ended_at.is_(None), *which)  # type: ignore[arg-type]
        .values(ended_at=unit.now, ended_by=by_name)
    )
    return done.rowcount


def end_letter(unit: Unit, letter_id: int, by_name: str) -> bool:
    """End one; False where it is ended already."""
    return bool(end_letters(unit, by_name, figures_letter.c.id == letter_id))


def letters(connection: Connection, tree: Tree, place: Organisation, ended: bool = False) -> list[Letter]:
    """The letters of everything at or below a place, by organisation."""
    query = select(figures_letter).order_by(figures_letter.c.id)
    rows = connection.execute(query if ended else query.where(figures_letter.c.ended_at.is_(None)))
    found = [
        Letter(row.id, row.organisation_id, row.staff_id, row.role, row.day, row.since, row.by_name, row.ended_at)
        for row in rows
        if row.organisation_id in tree.by_id and tree[row.organisation_id].under(place)
    ]
    return sorted(found, key=lambda one: (tree[one.organisation_id].path, one.id))


def letter_with(connection: Connection, letter_id: int) -> Letter | None:
    """The letter with an id."""
    row = connection.execute(select(figures_letter).where(figures_letter.c.id == letter_id)).first()
    if row is None:
        return None
    return Letter(row.id, row.organisation_id, row.staff_id, row.role, row.day, row.since, row.by_name, row.ended_at)


def named(connection: Connection, one: Letter) -> Member | None:
    """The member of staff whom a letter names, if it names one."""
    return by_id(connection, one.staff_id) if one.staff_id is not None else None


def readers(connection: Connection, tree: Tree, one: Letter) -> list[Reader]:
    """Who gets a letter now: those who still have the role, each number once, in the language of each."""
    own = (
        staff.c.id == one.staff_id
        if one.staff_id is not None
        else (staff.c.role == one.role) & (staff.c.organisation_id == one.organisation_id)
    )
    rows = connection.execute(
        select(
            staff.c.id, staff.c.name, staff.c.msisdn, staff.c.language, staff.c.organisation_id, caller.c.language
        )
        .outerjoin(caller, caller.c.msisdn == staff.c.msisdn)
        .where(own, staff.c.ended_on.is_(None))
        .order_by(staff.c.id)
    )  # fmt: skip
    found: dict[str, Reader] = {}
    for its_id, name, msisdn, language, place_id, chosen in rows:
        found.setdefault(msisdn, Reader(its_id, name, msisdn, language or chosen or tree[place_id].languages[0]))
    return list(found.values())


# --- what it says -----------------------------------------------------------------------------------------------------


def letter_text(say: Say, found: Standing) -> str:
    """The five figures in one part of an SMS: members, beneficiaries, growth, loyalty, recovery."""
    own = {one.name: one for one in found.figures or ()}
    when = _when(found.period)
    people = say(
        "{households} households, {people} beneficiaries.",
        households=_count(own["households"], say), people=_count(own["beneficiaries"], say),
    )  # fmt: skip
    growth = say("Growth {ratio}.", ratio=_percent(own["growth"], say, "+"))
    loyalty = say("Loyalty {ratio}.", ratio=_percent(own["loyalty"], say))
    recovery = say("Recovery {ratio}.", ratio=_percent(own[f"recovery:{found.place.currency}"], say))
    name = found.place.name

    def said(name: str) -> tuple[str, ...]:
        return f"{name} {when}:", people, growth, loyalty, recovery

    shorter = [" ".join(name.split()[:words]) for words in range(len(name.split()), 0, -1)]
    return first_that_fits(*(said(each) for each in shorter), said(name[:20]))


def _when(period: Period) -> str:
    return f"{period.month:02d}/{period.year}" if period.month is not None else str(period)


def _count(one: Figure, say: Say) -> str:
    return show_count(int(one.value or 0), say.language)


def _percent(one: Figure, say: Say, sign: str = "") -> str:
    if one.value is None:
        return "-"
    plus = sign if one.value > 0 else ""
    return f"{plus}{number(rounded(one.value * 100, 0), say, '#,##0')} %"


def preview(
    connection: Connection, tree: Tree, place: Organisation, now: datetime, language: str, patient: bool = False
) -> str:
    """What would be sent now, of the month before; empty where a large network wasn't counted yet.

    ``patient``: it is counted now, however large it is.
    """
    period = month_before(place, now)
    if patient:
        found: Standing | None = counted(connection, tree, place, period, trend=False)
    else:
        found = _counted(connection, tree, place, period)
    return letter_text(Say(language), found) if found is not None else ""


def month_before(place: Organisation, now: datetime) -> Period:
    """The month that was over last, where the place is."""
    return Period.around(day_in(place.time_zone, now), 1).before


def _counted(connection: Connection, tree: Tree, place: Organisation, period: Period) -> Standing | None:
    if is_small(connection, place):
        return counted(connection, tree, place, period, trend=False)
    found = read(connection, tree, place, period)
    return found if found.figures is not None else None


# --- sending ----------------------------------------------------------------------------------------------------------


def sending(store: Store, network: Network) -> Iterator[int]:
    """Write what is due and wasn't written; for the scheduler, a letter a step."""
    tree, now = network.tree(), store.clock.now()
    with store.read() as connection:
        found = [one for root in _roots(tree) for one in letters(connection, tree, root)]
    for one in found:
        place = tree[one.organisation_id]
        if _is_due(one, place, now) and not quiet_for(now, place):
            try:
                _send(store, tree, one, place, now)
            except Unavailable:
                raise
            except Exception:  # of one place: the others get theirs all the same
                log.exception("figures of %s not sent: a defect", place.code)
            yield 1


def _roots(tree: Tree) -> list[Organisation]:
    return [one for one in tree.by_id.values() if one.parent_id is None]


def _is_due(one: Letter, place: Organisation, now: datetime) -> bool:
    """On its day, and some days longer; not for a day that had passed when it was chosen."""
    today = day_in(place.time_zone, now)
    day = today.replace(day=one.day)
    return timedelta() <= today - day <= timedelta(days=LATE) and day_in(place.time_zone, one.since) <= day


def _send(store: Store, tree: Tree, one: Letter, place: Organisation, now: datetime) -> None:
    period = month_before(place, now)
    with store.read() as connection:
        told = {key_of(place, each, period): each for each in readers(connection, tree, one)}
        known = set(connection.scalars(select(message.c.key).where(message.c.key.in_(sorted(told)))))
        found = _counted(connection, tree, place, period) if told.keys() - known else None
    if found is None:
        return
    words = [
        Outgoing(EVENT, each.msisdn, each.language, letter_text(Say(each.language), found), place.id, None, key)
        for key, each in told.items()
        if key not in known
    ]
    with store.write() as unit:
        queue_messages(unit, "reminders", *words)


def key_of(place: Organisation, reader: Reader, period: Period) -> str:
    """What makes a letter single: whoever gets it by two ways at once gets it once."""
    return f"figures:{place.id}:{reader.staff_id}:{period}"
