"""Is this card covered: asked over HTTP by a health facility's own system, in a small network and in a large one.

Each request is about another card, drawn from the whole network, with a facility's key; the baseline is ``/me``, which
reads nothing but the key, in interleaved rounds of the same run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

from sqlalchemy import insert, select

from benchmarks.fill import DEFAULTS, TODAY
from benchmarks.load import CONNECTIONS, Load, run
from benchmarks.place import Place, tell
from gateway.kernel.clock import SystemClock
from gateway.network.api_keys import NewKey, Scope, add_key
from gateway.network.organisations import read_tree
from gateway.settings import Settings
from gateway.store.engine import open_engine
from gateway.store.schema import facility, household
from gateway.store.unit import Store

SIZES, FULL = (1_000, 20_000), (20_000, 100_000, 1_000_000)
ROUNDS, SECONDS = 5, 6.0
FEW = 2  # facilities asking at once, as against the usual sixteen connections of the load
GOAL_MS = 50
CARDS = 20_000
KEYS = 200  # each may ask 600 times a minute


def measure(place: Place, sizes: tuple[int, ...]) -> list[str]:
    """A cover check in networks of these sizes."""
    lines = [
        "| households | at once | checks a second | median ms | p99 ms | p99 of `/me` ms | p99 ÷ `/me` | wrong |",
        "| --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for size in sizes:
        settings = place.network(size)
        cards, tokens = _drawn(settings, size)
        with place.gateway(settings) as port:
            for many in (FEW, CONNECTIONS):
                lines.append(_row(port, cards, tokens, size, many))
                tell(lines[-1])
    return [*lines, "", f"The goal is a p99 under {GOAL_MS} ms at a million."]


def _row(port: int, cards: list[str], tokens: list[str], size: int, many: int) -> str:
    checks, bases = list[Load](), list[Load]()
    drawn, keys = itertools.cycle(cards), itertools.cycle(tokens)

    def asks(path: Callable[[], str]) -> Callable[[int], Iterator[bytes]]:
        def one(key: str) -> bytes:
            return f"GET /api/v1{path()} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n\r\n".encode()

        return lambda _: (one(key) for key in keys)

    def check() -> str:
        return f"/cover/{next(drawn)}"

    run(port, asks(check), 1.0, b'"covered"', connections=many)
    for _ in range(ROUNDS):
        checks.append(run(port, asks(check), SECONDS, b'"covered"', connections=many))
        bases.append(run(port, asks(lambda: "/me"), SECONDS, b'"scopes"', connections=many))
    slow, base = median(one.p99_ms for one in checks), median(one.p99_ms for one in bases)
    return (
        f"| {size:,} | {many} | {median(one.per_second for one in checks):.0f} | "
        f"{median(one.p50_ms for one in checks):.1f} | {slow:.1f} | {base:.1f} | {slow / base:.2f} | "
        f"{sum(one.wrong for one in checks)} |"
    )


def _drawn(settings: Settings, size: int) -> tuple[list[str], list[str]]:
    """Some of a network's cards in a drawn order, and keys of a facility."""
    store = Store(open_engine(settings.database_url, patient=True), SystemClock())
    tree = read_tree(store, DEFAULTS)
    root = min(tree.by_id.values(), key=lambda one: len(one.path))
    with store.write() as unit:
        values = {
            "organisation_id": root.id,
            "code": "bench",
            "name": "CS Bench",
            "kind": "centre",
            "ownership": "public",
            "district": "Bench",
            "agreed_on": TODAY - timedelta(days=900),
        }
        place_id = unit.connection.scalar(insert(facility).values(values).returning(facility.c.id))
        until = datetime.now(UTC) + timedelta(days=30)
        new = NewKey("bench", root.id, frozenset({Scope.COVER_READ}), until, place_id)
        tokens = [add_key(unit, new, "bench")[1] for _ in range(KEYS)]
    with store.read() as connection:
        step = max(1, size // CARDS)
        cards = list(connection.scalars(select(household.c.card).where(household.c.id % step == 0)))
    store.close()
    return cards, tokens
