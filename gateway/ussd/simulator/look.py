"""What the page reads: the short codes, the SMS of one number, and in the demonstration people whose phones to try."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from gateway.kernel.msisdn import country_of
from gateway.locale import Say
from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import beneficiary, household, message, organisation, phone, staff

MOST_MESSAGES = 10
MOST_CODES = 30
NEWEST_HOUSEHOLDS = 3
# Numbers of nobody in the samples, for somebody who isn't registered yet; two digits follow.
NEWCOMERS = {"BJ": "+22901660009", "BI": "+257610009"}


@dataclass(frozen=True)
class Code:
    """A short code and who answers it."""

    code: str
    organisation: Organisation


def short_codes(tree: Tree, caller: str) -> list[Code]:
    """The short codes, those of the caller's country first: the first one is what such a person would dial."""
    codes = [Code(code, tree[one.organisation_id]) for code, one in sorted(tree.codes.items())]
    country = country_of(caller) if caller else None
    return sorted(codes, key=lambda one: one.organisation.country != country)[:MOST_CODES]


@dataclass(frozen=True)
class Sms:
    """A message in the phone's inbox; ``at`` is where its mutuelle is, ``state`` that of the message's row."""

    at: datetime
    text: str
    state: str


def inbox(connection: Connection, tree: Tree, msisdn: str) -> list[Sms]:
    """The newest messages to a number, the newest first; also those that have not left, by their state."""
    rows = connection.execute(
        select(message.c.created_at, message.c.text, message.c.state, message.c.organisation_id)
        .where(message.c.msisdn == msisdn)
        .order_by(message.c.created_at.desc(), message.c.id)
        .limit(MOST_MESSAGES)
    )
    return [
        Sms(row.created_at.astimezone(ZoneInfo(tree[row.organisation_id].time_zone)), row.text, row.state)
        for row in rows
    ]


@dataclass(frozen=True)
class Person:
    """Somebody whose phone can be taken; ``role`` is empty for a household's head."""

    msisdn: str
    name: str
    role: str
    place: str


@dataclass(frozen=True)
class Group:
    """People of one network: ``newcomer`` is a number that nobody has."""

    organisation: Organisation
    newcomer: str | None
    people: Sequence[Person]


def ready_people(connection: Connection, tree: Tree) -> list[Group]:
    """For each network that answers a short code: a new number, its newest households, and staff near the newest."""
    answering = {one.organisation.id: one.organisation for one in short_codes(tree, "")}
    highest = [
        one for one in answering.values() if not any(one.under(other) for other in answering.values() if other != one)
    ]
    return [_group(connection, tree, one) for one in highest]


def _group(connection: Connection, tree: Tree, root: Organisation) -> Group:
    sections = [one.id for one in tree.sections_under(root.id)]
    heads = connection.execute(
        select(phone.c.msisdn, beneficiary.c.name, household.c.section_id)
        .join(household, household.c.id == phone.c.household_id)
        .join(beneficiary, beneficiary.c.household_id == household.c.id)
        .where(phone.c.main, household.c.section_id.in_(sections))
        .where(beneficiary.c.relation == "head", beneficiary.c.left_on.is_(None))
        .order_by(household.c.id.desc())
        .limit(4 * NEWEST_HOUSEHOLDS)  # some share a phone
    ).all()
    people: dict[str, Person] = {}
    for row in heads:
        people.setdefault(row.msisdn, Person(row.msisdn, row.name, "", tree[row.section_id].name))
    newest = list(people.values())[:NEWEST_HOUSEHOLDS]
    near = {one.id for one in tree.upward(heads[0].section_id)} if heads else set()
    return Group(root, _newcomer(connection, root.country), [*newest, *_staff(connection, tree, root, near)])


def _staff(connection: Connection, tree: Tree, root: Organisation, near: set[int]) -> list[Person]:
    """One person of each role, whoever is nearest to the newest household."""
    rows = connection.execute(
        select(staff.c.msisdn, staff.c.name, staff.c.role, staff.c.organisation_id)
        .join(organisation, organisation.c.id == staff.c.organisation_id)
        .where(organisation.c.path.startswith(root.path, autoescape=True), staff.c.ended_on.is_(None))
        .order_by(staff.c.id)
    ).all()
    found: dict[str, Person] = {}
    for row in sorted(rows, key=lambda row: row.organisation_id not in near):
        found.setdefault(row.role, Person(row.msisdn, row.name, row.role, tree[row.organisation_id].name))
    return list(found.values())


def _newcomer(connection: Connection, country: str) -> str | None:
    if country not in NEWCOMERS:
        return None
    numbers = [f"{NEWCOMERS[country]}{number:02d}" for number in range(100)]
    taken = set(connection.scalars(select(phone.c.msisdn).where(phone.c.msisdn.in_(numbers))))
    return next((one for one in numbers if one not in taken), None)


def role_name(say: Say, role: str) -> str:
    """A role as people call it."""
    names = {
        "treasurer": say("treasurer"),
        "animator": say("animator"),
        "agent": say("agent of a health facility"),
        "adviser": say("medical adviser"),
        "administrator": say("administrator"),
        "": say("member"),
    }
    return names[role]


def message_state(say: Say, state: str) -> str:
    """What an inbox says of a message that a real phone may not have got; nothing of one that it has."""
    states = {"waiting": say("waiting to be sent"), "sending": say("waiting to be sent"), "failed": say("not sent"),
              "uncertain": say("perhaps not sent")}  # fmt: skip
    return states.get(state, "")
