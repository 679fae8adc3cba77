"""Every act that the office writes down is said in words, and what the words name is there."""

from __future__ import annotations

import re
from pathlib import Path

import gateway
from gateway.console.areas import AREAS
from gateway.console.pages.event_words import ACTS, THINGS
from gateway.console.pages.event_words import AREAS as KINDS

CONSOLE = Path(gateway.__file__).parent / "console"
# How an act is named where it is done: visit.do("…"), trace(unit, "…") and what="…".
NAMED = re.compile(r'(?:\.do\(\s*|trace\(\s*unit,\s*|what=)"([a-z_]+\.[a-z_]+)"')


def acts() -> set[str]:
    return {name for one in CONSOLE.rglob("*.py") for name in NAMED.findall(one.read_text(encoding="utf-8"))}


def test_every_act_has_words_and_a_kind() -> None:
    named = acts()
    assert len(named) > 60
    assert sorted(named - ACTS.keys()) == []
    assert sorted({name.partition(".")[0] for name in named} - KINDS.keys()) == []


def test_every_thing_leads_to_a_page() -> None:
    doors = {re.sub(r"<\w+>", "{id}", door.path) for area in AREAS for door in area.doors if door.method == "GET"}
    assert sorted(where for _, where in THINGS.values() if where not in doors) == []
