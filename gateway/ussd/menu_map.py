"""The map of the menu, drawn from the screens' own annotations; a screen without entry or exit is a defect."""

from __future__ import annotations

from collections.abc import Iterable

import gateway.ussd.screens  # noqa: F401  (importing them makes them known)
from gateway.kernel.faults import Fault
from gateway.ussd.screen import Again, GoHome, GoOn, GoThrough, kind, screens

ENTRIES = ("Home", "Language", "Resume", "AskPin")  # where the engine leads by itself
# These lead on to where the engine knows.
ONWARD = {
    "Resume": "cut((where the call was cut))",
    "AskPin": "locked((what the PIN stood before))",
    "RepeatPin": "locked((what the PIN stood before))",
}


def edges() -> dict[str, list[str]]:
    """Where each screen leads, by name; endings lead nowhere."""
    found = {}
    for name in screens():
        known = kind(name)
        assert known is not None
        ways = [way for way in known.destinations if way not in (Again, GoOn, GoThrough)]
        found[name] = sorted({"Home" if way is GoHome else way.__name__ for way in ways})
    return found


def check(ways: dict[str, list[str]]) -> None:
    """Raises :class:`Fault` when a screen can't be reached, or can't be left."""
    reached = set(ENTRIES)
    todo = list(ENTRIES)
    while todo:
        for way in ways[todo.pop()]:
            if way not in reached:
                reached.add(way)
                todo.append(way)
    lost = sorted(set(ways) - reached)
    if lost:
        raise Fault(f"screens that nothing leads to: {', '.join(lost)}")
    stuck = sorted(
        name for name, to in ways.items() if not to and hasattr(screens()[name], "take") and name not in ONWARD
    )
    if stuck:
        raise Fault(f"screens that lead nowhere: {', '.join(stuck)}")


def drawing() -> str:
    """The map in Mermaid: double borders are endings, dashed arrows lead where the engine knows."""
    ways = edges()
    check(ways)
    lines = ["flowchart LR"]
    for journey, names in _journeys(ways).items():
        lines.append(f"    subgraph {journey}")
        lines += [
            f"        {name}" if hasattr(screens()[name], "take") else f"        {name}[[{name}]]" for name in names
        ]
        lines.append("    end")
    lines += [f"    {name} --> {way}" for name, to in sorted(ways.items()) for way in to]
    lines += [f"    {name} -.-> {place}" for name, place in ONWARD.items()]
    return "\n".join(lines)


def _drawn(name: str) -> str:
    return name if hasattr(screens()[name], "take") else f"{name}[[{name}]]"


def _journeys(names: Iterable[str]) -> dict[str, list[str]]:
    """The screens by the file that they stand in."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(screens()[name].__module__.rsplit(".", 1)[-1], []).append(name)
    return dict(sorted(found.items()))
