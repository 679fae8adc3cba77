"""The map of the menu, drawn from the screens' own annotations; a screen without entry or exit is a defect."""

from __future__ import annotations

import gateway.ussd.screens  # noqa: F401  (importing them makes them known)
from gateway.kernel.faults import Fault
from gateway.ussd.screen import Again, GoHome, GoOn, kind, screens

ENTRIES = ("Home", "Language", "Resume")  # where the engine begins a call


def edges() -> dict[str, list[str]]:
    """Where each screen leads, by name; endings lead nowhere."""
    found = {}
    for name in screens():
        known = kind(name)
        assert known is not None
        ways = ["Home" if way is GoHome else way.__name__ for way in known.destinations if way not in (Again, GoOn)]
        found[name] = sorted(set(ways))
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
    stuck = sorted(name for name, to in ways.items() if not to and "take" in vars(screens()[name]) and name != "Resume")
    if stuck:
        raise Fault(f"screens that lead nowhere: {', '.join(stuck)}")


def drawing() -> str:
    """The map in Mermaid; double borders are endings, the dashed arrow is going on after a dropped call."""
    ways = edges()
    check(ways)
    lines = ["flowchart TD"]
    lines += [f"    {name}[[{name}]]" if not to and name != "Resume" else f"    {name}" for name, to in ways.items()]
    lines += [f"    {name} --> {way}" for name, to in sorted(ways.items()) for way in to]
    lines.append("    Resume -.-> anywhere((where the call was cut))")
    return "\n".join(lines)
