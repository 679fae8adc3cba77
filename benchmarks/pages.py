"""The office's pages: how long each takes, and how that grows with the households.

An administrator of the whole network and the treasurer of one of its 125 mutuelles open every page that the doors
offer, over and over, each time about another household, payment or word. What is told is how long it takes until the
page is whole; the baseline is the style page, which reads nothing but who asks, in the same run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import median, quantiles
from typing import Any

import requests
from sqlalchemy import Connection, Table, insert, select

from benchmarks.fill import fill
from benchmarks.place import Place, tell
from gateway.console.areas import AREAS
from gateway.console.doors import Door
from gateway.console.entry import sessions
from gateway.console.rights import GRANTS, Right
from gateway.membership.tallies import count_today
from gateway.network import staff
from gateway.settings import Settings
from gateway.store import migrate
from gateway.store.schema import collection, household, login, plan
from gateway.store.unit import Unit
from gateway.wiring import Runtime

SIZES, FULL = (1_000, 50_000), (10_000, 1_000_000)
ROUNDS = 25
GOAL_MS = 300
BASELINE = "/style"
PEOPLE = {"administrator": "bench", "treasurer": "section-2-7"}
# What is looked for: a common name, a rare pair, one that is written otherwise, a village, a beginning.
WORDS = ("Marie", "Béatrice Bizimana", "beatris bisimana", "Claudine section-2-7", "Hakiz", "Niyonzima Gaspar")


@dataclass(frozen=True)
class Took:
    """The milliseconds that one page took, in order of size."""

    path: str
    who: str
    each_ms: list[float]

    @property
    def p95_ms(self) -> float:
        return quantiles(self.each_ms, n=20)[-1]


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """Every page in networks of these sizes."""
    found = {size: _measured(place, size) for size in sizes}
    small, large = (found[size] for size in (sizes[0], sizes[-1]))
    lines = [
        f"| page | who | median of {sizes[0]:,}, ms | median of {sizes[-1]:,}, ms | 95 % within, ms | grows by "
        "| ÷ style page |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    basis = {who: median(one.each_ms) for (path, who), one in large.items() if path == BASELINE}
    for key, one in sorted(large.items(), key=lambda item: -item[1].p95_ms):
        before = median(small[key].each_ms) if key in small else float("nan")
        now = median(one.each_ms)
        lines.append(
            f"| `{one.path}` | {one.who} | {before:.0f} | {now:.0f} | {one.p95_ms:.0f} | {now / before:.1f} "
            f"| {now / basis[one.who]:.1f} |"
        )
    slow = [one.path for one in large.values() if one.p95_ms >= GOAL_MS]
    every = [each for one in large.values() for each in one.each_ms]
    lines += [
        "",
        f"Of {len(large)} pages in a network of {sizes[-1]:,} households, {len(large) - len(slow)} answer 95 of 100 "
        f"times within {GOAL_MS} ms; of all answers together, 95 of 100 within {quantiles(every, n=20)[-1]:.0f} ms.",
    ]
    return lines


def _measured(place: Place, size: int) -> dict[tuple[str, str], Took]:
    settings = _filled(place, size)
    parts = Runtime(settings, patient=True)
    with parts.store.write() as unit:
        tokens = {who: _enter(unit, parts, who, at) for who, at in PEOPLE.items()}
    with parts.store.read() as connection:
        drawn = _Drawn(connection, size)
    parts.store.close()
    found = {}
    with place.gateway(settings) as port:
        for who, token in tokens.items():
            asks = requests.Session()
            asks.cookies.set(sessions.COOKIE, token)
            url = f"http://127.0.0.1:{port}/console"
            for door in _doors(who):
                took = _rounds(parts, partial(_page, asks, url, drawn, door))
                if took is not None:
                    found[door.path, who] = Took(door.path, who, took)
            search = partial(_search, asks, f"{url}/households", token, drawn.random)
            found["search", who] = Took("search", who, _rounds(parts, search) or [])
    tell(f"pages of {size:,} households: {len(found)}")
    return found


def _doors(who: str) -> Iterator[Door]:
    for area in AREAS:
        for door in area.doors:
            if door.method == "GET" and door.right is not Right.ANYBODY and door.right in GRANTS[who]:
                yield door


def _rounds(parts: Runtime, ask: Callable[[], requests.Response | None]) -> list[float] | None:
    """The milliseconds of each round, or nothing where there is no such page here, or no page at all but a file."""
    took = []
    for number in range(ROUNDS + 1):
        if number % 20 == 0:
            parts.redis.flushdb()  # nobody reads a page in a tenth of a second
        begun = time.perf_counter()
        answer = ask()
        took.append((time.perf_counter() - begun) * 1000)
        if answer is None or answer.status_code != 200 or "text/html" not in answer.headers["Content-Type"]:
            return None
    return sorted(took[1:])  # the first compiles the template


def _page(asks: requests.Session, url: str, drawn: _Drawn, door: Door) -> requests.Response | None:
    address = drawn.address(door)
    return asks.get(url + address, allow_redirects=False, timeout=60) if address is not None else None


def _search(asks: requests.Session, url: str, token: str, random: Random) -> requests.Response:
    form = {
        "csrf": sessions.csrf_of(token),
        "once": f"{random.random():.20f}".replace(".", ""),
        "q": random.choice(WORDS),
    }
    return asks.post(url, data=form, timeout=60)


class _Drawn:
    """What stands in a path: another one each time."""

    def __init__(self, connection: Connection, size: int) -> None:
        self.random = Random(size)
        self.ids = {
            "household": self._some(connection, household, size),
            "collection": self._some(connection, collection, size),
            "plan": list(connection.scalars(select(plan.c.id))),
            "organisation": [1],
        }

    def _some(self, connection: Connection, table: Table, size: int) -> list[int]:
        drawn = {1 + int(self.random.random() * size) for _ in range(500)}
        return list(connection.scalars(select(table.c.id).where(table.c.id.in_(drawn))))

    def address(self, door: Door) -> str | None:
        """An address behind a door; None where there is nothing of its kind."""
        if any(not self._ids(name) for name in door.subjects):
            return None
        return re.sub(r"<(\w+)>", lambda found: str(self.random.choice(self._ids(found[1]))), door.path)

    def _ids(self, name: str) -> list[Any]:
        return {"month": ["2026-10"], "day": ["2026-11-20"]}.get(name) or self.ids.get(name) or []


def _filled(place: Place, size: int) -> Settings:
    """A network of so many households, with everything that the office looks at."""
    name = f"pages_{size}"
    settings = place.empty(name)
    parts = Runtime(settings, patient=True)
    migrate.upgrade(parts.store.engine)
    begun = time.monotonic()
    fill(parts.store, settings.database_url, size, office=True)
    parts.network.forget()
    count_today(parts.store, parts.network)
    parts.store.close()
    tell(f"filled {name} in {time.monotonic() - begun:.0f} s")
    return settings


def _enter(unit: Unit, parts: Runtime, who: str, at: str) -> str:
    """Somebody with a role, who is inside; their token."""
    number = f"+22901990000{len(who):02}"
    staff.add(unit, parts.network.tree().named(at).id, f"A {who}", who, number, "fr")
    row = {"msisdn": number, "name": f"A {who}", "created_at": unit.now, "totp_on_at": unit.now}
    its_id = unit.connection.execute(insert(login).values(row)).inserted_primary_key[0]  # type: ignore[index]
    return sessions.start(unit, int(its_id), address="127.0.0.1", agent="benchmark")
