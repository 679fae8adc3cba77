"""Every door with every role: who may go through, and that nobody reaches what is another's.

Nothing here names a page: the doors are asked of the code, so a new one is walked from the day it is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.console.areas import AREAS
from gateway.console.doors import Door
from gateway.console.rights import GRANTS, Right
from gateway.console.subjects import SUBJECTS
from gateway.network.staff import ROLES
from gateway.store.schema import metadata
from tests.console.office import PEOPLE, Office, Somebody
from tests.console.things import PLAIN, one_of_each

DOORS = [door for area in AREAS for door in area.doors]
WITHIN = ("treasurer", "animator", "adviser", "administrator")


def path_to(door: Door, things: Mapping[str, Any]) -> str:
    return "/console" + re.sub(r"<(\w+)>", lambda found: str(things[found[1]]), door.path)


def send(somebody: Somebody, door: Door, path: str, csrf: str = "") -> int:
    if door.method == "GET":
        return somebody.client.get(path).status_code
    return somebody.client.post(path, data={"csrf": csrf, "once": "w" * 16}).status_code


def answers(door: Door, granted: bool, who: str) -> tuple[int, ...]:
    """How a door may answer somebody of the mutuelle, or of the union above it, who sends no form's token."""
    if not granted:
        return (403,)
    if "plan" in door.subjects and who != "administrator":
        return (404,)  # the plans are the union's, above a mutuelle's staff
    if door.method == "POST":
        return (422,)  # never done: its page is shown again, or what stands in its place
    # A word, a month or a number that a page doesn't know is no page.
    # So does one without its question (which file?).
    return (200, 303, 404) if set(door.subjects) & PLAIN.keys() or door.path.endswith("/file") else (200, 303)


def rows(office: Office) -> dict[str, int]:
    """How many rows stand everywhere but where being there is written down."""
    with office.store.read() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
            if name not in ("login_session", "login", "staff", "caller", "household_look")
        }


def test_there_are_doors_and_each_is_there_once() -> None:
    ways = [(door.method, door.path) for door in DOORS]
    assert len(ways) >= 3
    assert len(ways) == len(set(ways))


def test_every_role_has_its_rights_and_every_right_somebody() -> None:
    assert GRANTS.keys() == set(ROLES)
    granted = set().union(*GRANTS.values())
    assert granted | {Right.ANYBODY} == set(Right)
    assert Right.ANYBODY not in granted
    used = {door.right for door in DOORS} | {area.entrance.right for area in AREAS if area.entrance}
    assert used <= set(Right)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: f"{door.method} {door.path}")
def test_every_name_in_a_path_is_known(door: Door) -> None:
    assert set(door.subjects) <= SUBJECTS.keys()
    assert door.right is not Right.ANYBODY or all(SUBJECTS[one].place is None for one in door.subjects)
    # What belongs to nobody is refused by no subtree: such a path must say by its right who may see it.
    assert {name for name, one in SUBJECTS.items() if one.place is None} == PLAIN.keys()


def test_nobody_goes_through_without_having_entered(pg_office: Office) -> None:
    things, stranger = one_of_each(pg_office), pg_office.visitor()
    before = rows(pg_office)
    for door in DOORS:
        if door.right is Right.ANYBODY:
            continue
        pg_office.place.runtime.redis.flushall()
        answer = stranger.client.open(path_to(door, things), method=door.method)
        assert answer.status_code == 303, door.path
        assert answer.headers["Location"].startswith("/console/enter"), door.path
    assert rows(pg_office) == before


@pytest.mark.parametrize("who", WITHIN)
def test_a_role_opens_the_doors_that_it_has_the_right_to_and_no_other(pg_office: Office, who: str) -> None:
    things, somebody = one_of_each(pg_office), pg_office.enter(who)
    granted = GRANTS[PEOPLE[who][0]]
    wrong = []
    for door in DOORS:
        if door.right is Right.ANYBODY:
            continue
        pg_office.place.runtime.redis.flushall()
        status = send(somebody, door, path_to(door, things))
        expected = answers(door, door.right in granted, who)
        if status not in expected:
            wrong.append(f"{door.method} {door.path}: {status}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("who", ["neighbour", "neighbouring treasurer"])
def test_nobody_reaches_what_is_anothers(pg_office: Office, who: str) -> None:
    """The same answer as for what isn't there, and nothing done; also where every right is held elsewhere."""
    things, somebody = one_of_each(pg_office), pg_office.enter(who)
    csrf = next(one.value for form in somebody.get("/style").forms for one in form.controls if one.name == "csrf")
    before, wrong = rows(pg_office), []
    for door in DOORS:
        owned = [name for name in door.subjects if SUBJECTS[name].place is not None]
        if not owned or door.right not in GRANTS[PEOPLE[who][0]]:
            continue
        pg_office.place.runtime.redis.flushall()
        nowhere = {**things, **dict.fromkeys(owned, 987654321)}
        statuses = [send(somebody, door, path_to(door, each), csrf) for each in (things, nowhere)]
        if statuses != [404, 404]:
            wrong.append(f"{door.method} {door.path}: {statuses}")
    assert wrong == []
    assert rows(pg_office) == before
