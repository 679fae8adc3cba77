"""USSD hops over HTTP through the whole stack, against plain views on the same server; and as the network grows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from statistics import median

from sqlalchemy import func, select

from benchmarks.load import CONNECTIONS, Load, post, run
from benchmarks.place import SECRET, Place, tell
from gateway.settings import Settings
from gateway.store.schema import phone
from gateway.wiring import Runtime

CODE = "*384*257#"
# What a member does most: looks at the cover, goes back, begins to pay and stops before the effect.
COVER_AND_PAY = ("1", "0", "2", "3", "500")
# A registration up to its confirmation: nearly every hop is text, and none is written to the database.
REGISTER = ("1", "Aline Bahati", "1", "1988", "Kanyosha", "1", "Jean Bahati", "1985", "2", "Eric Bahati", "2012", "8")
SECONDS = 6.0
TOLD = 800  # families in a round
ROUNDS = 3


def phones(settings: Settings, count: int) -> list[str]:
    """Numbers of households, spread over the whole network."""
    with Runtime(settings, patient=True).store.read() as connection:
        total = connection.scalar(select(func.count()).select_from(phone)) or 0
        step = max(1, total // count)
        ordered = select(phone.c.msisdn, func.row_number().over(order_by=phone.c.msisdn).label("n")).subquery()
        return list(connection.scalars(select(ordered.c.msisdn).where(ordered.c.n % step == 0).limit(count)))


def sessions(path: str, callers: list[str], answers: tuple[str, ...]) -> Callable[[int], Iterator[bytes]]:
    """Endless sessions of one dialogue, each by another caller, for the n-th connection.

    The next round goes on with the next callers: whoever dials again is offered to go on, which is another dialogue.
    """
    numbers = itertools.count()
    turns: dict[int, Iterator[str]] = {}

    def requests(connection: int) -> Iterator[bytes]:
        own = turns.setdefault(connection, itertools.cycle(callers[connection::CONNECTIONS] or callers))
        while True:
            caller, session = next(own), f"bench-{next(numbers)}"
            text = ""
            for answer in ("", *answers):
                text = f"{text}*{answer}" if text else answer
                yield _hop(path, session, caller, text)

    return requests


def _hop(path: str, session: str, caller: str, text: str) -> bytes:
    form = {"sessionId": session, "phoneNumber": caller, "networkCode": "99999", "serviceCode": CODE, "text": text}
    return post(path, form)


def strangers(count: int) -> list[str]:
    """Numbers that nobody is registered with; the language is asked at the first hop."""
    return [f"+2577{9_000_000 + number}" for number in range(count)]


def measure(place: Place, settings: Settings) -> list[str]:
    """Hops against (a) one SELECT and a Redis GET and SET, and (b) a bare view; medians of interleaved rounds."""
    callers = phones(settings, 20_000)
    hop = f"/ussd/africastalking/{SECRET}"
    register = ("1", *REGISTER)
    found: dict[str, list[Load]] = {}
    with place.gateway(settings) as gateway, place.baselines(settings) as plain:
        kinds = {
            "cover and pay": (gateway, sessions(hop, callers, COVER_AND_PAY), b"CON"),
            "register": (gateway, sessions(hop, strangers(60_000), register), b"CON"),
            "(a) select, get, set": (plain, sessions("/select", callers, COVER_AND_PAY), b"CON"),
            "(b) bare": (plain, sessions("/bare", callers, COVER_AND_PAY), b"CON"),
        }
        for port, requests, expect in kinds.values():
            run(port, requests, 1.0, expect)  # warm up
        for _ in range(ROUNDS):
            for name, (port, requests, expect) in kinds.items():
                found.setdefault(name, []).append(run(port, requests, SECONDS, expect))
    lines = []
    base = found["(a) select, get, set"]
    for name, loads in found.items():
        per_second, p99 = median(one.per_second for one in loads), median(one.p99_ms for one in loads)
        ratio = median(one.per_second / other.per_second for one, other in zip(loads, base, strict=True))
        slow = median(one.p99_ms / other.p99_ms for one, other in zip(loads, base, strict=True))
        wrong = sum(one.wrong for one in loads)
        lines.append(f"| {name} | {per_second:.0f} | {p99:.1f} | {ratio:.2f} | {slow:.2f} | {wrong} |")
        tell(lines[-1])
    return [
        "| hop | per second | p99 ms | rate ÷ (a) | p99 ÷ (a) | wrong |",
        "| --- | --: | --: | --: | --: | --: |",
        *lines,
    ]


# A family of six being told: the first part asks the database, the second does not.
BEFORE = ("", "1", "1", "Aline Bahati", "2", "1988", "Kanyosha", "1")
CHILDREN = tuple(answer for name in ("Eric", "Aimee", "Jean", "Rose") for answer in ("2", f"{name} Bahati", "2012"))
TELLING = ("1", "Jeanne Bahati", "1990", *CHILDREN)


def without_sql(place: Place, settings: Settings) -> list[str]:
    """Hops that need no SQL, against a plain view that does one Redis GET and SET: medians of interleaved rounds.

    The sessions are brought to the place where they need none before the clock starts.
    """
    hop = f"/ussd/africastalking/{SECRET}"
    ratios, ours, plains = [], [], []
    numbers = itertools.count()

    def told(
        path: str, names: list[int], answers: tuple[str, ...], before: tuple[str, ...] = ()
    ) -> Callable[[int], Iterator[bytes]]:
        def requests(connection: int) -> Iterator[bytes]:
            for name in names[connection::CONNECTIONS]:
                text = "*".join(before[1:])
                for answer in answers:
                    text = f"{text}*{answer}" if text else answer
                    yield _hop(path, f"told-{name}", f"+25779{name:06d}", text)

        return requests

    with place.gateway(settings) as gateway, place.baselines(settings) as plain:
        for _ in range(ROUNDS):
            names = [next(numbers) for _ in range(TOLD)]
            run(gateway, told(hop, names, BEFORE), 120.0)
            ours.append(run(gateway, told(hop, names, TELLING, BEFORE), 60.0, b"CON"))
            plains.append(run(plain, told("/session", names, TELLING, BEFORE), 60.0, b"CON"))
            ratios.append(ours[-1].per_second / plains[-1].per_second)
    lines = []
    for name, loads in (("hop without SQL", ours), ("(c) get, set", plains)):
        per_second, p99 = median(one.per_second for one in loads), median(one.p99_ms for one in loads)
        ratio = median(ratios) if loads is ours else 1
        lines.append(f"| {name} | {per_second:.0f} | {p99:.1f} | {ratio:.2f} | {sum(one.wrong for one in loads)} |")
    return ["| hop | per second | p99 ms | rate ÷ (c) | wrong |", "| --- | --: | --: | --: | --: |", *lines]


def growth(place: Place, small: Settings, large: Settings) -> list[str]:
    """The cost of a hop in a small and in a large network: interleaved rounds of the same dialogue."""
    hop = f"/ussd/africastalking/{SECRET}"
    few, many = phones(small, 900), phones(large, 20_000)
    ratios, at_few, at_many = [], [], []
    for _ in range(ROUNDS):
        with place.gateway(small) as port:
            run(port, sessions(hop, few, COVER_AND_PAY), 1.0)
            at_few.append(run(port, sessions(hop, few, COVER_AND_PAY), SECONDS, b"CON"))
        with place.gateway(large) as port:
            run(port, sessions(hop, many, COVER_AND_PAY), 1.0)
            at_many.append(run(port, sessions(hop, many, COVER_AND_PAY), SECONDS, b"CON"))
        ratios.append(at_few[-1].per_second / at_many[-1].per_second)
    return [
        "| network | hops per second | p99 ms |",
        "| --- | --: | --: |",
        f"| small | {median(one.per_second for one in at_few):.0f} | {median(one.p99_ms for one in at_few):.1f} |",
        f"| large | {median(one.per_second for one in at_many):.0f} | {median(one.p99_ms for one in at_many):.1f} |",
        f"| cost of a hop, large ÷ small | {median(ratios):.2f} | |",
    ]
