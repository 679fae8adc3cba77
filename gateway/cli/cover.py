"""Commands about everybody's cover: how many are covered, who isn't, and what is left to pay. No names are shown."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import counting, json_option, show, table
from gateway.cli.given import parts_of, path_of
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import NAMES, Say, mark, show_money
from gateway.membership.rules import State
from gateway.network.organisations import Tree

if TYPE_CHECKING:
    from gateway.ledger.exports import Cell, Sheet
    from gateway.membership.everyone import Count, Counts, HouseholdCover, Share
    from gateway.membership.rules import Cover
    from gateway.wiring import Runtime

SHARES_EACH = 8  # parts of the work for each process, as some have more to do than others

at_option = click.option("--at", "--under", "at", metavar="CODE", help="An organisation: its own and those below it.")
on_option = click.option(
    "--on", "on", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="A day; today unless given."
)


@click.group()
def cover() -> None:
    """The cover of all households, computed anew from the ledger, the plans and the day."""


# --- how many ---------------------------------------------------------------------------------------------------------


@cover.command("count")
@at_option
@on_option
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64), help="How many count at once.")
@json_option
def count_cover(at: str | None, on: datetime | None, processes: int, as_json: bool) -> None:
    """How many households and people there are in each state, for each organisation directly below.

    A day that has passed is counted as it was: later years and payments are left out.
    """
    parts = parts_of()
    path, day = path_of(parts, at), _day(parts, at, on)
    rows = _rows(parts.network.tree(), at, _counted(parts, path, day, processes))
    show(as_json, lambda: _as_value(rows, at, day), lambda: _as_text(rows))


def _day(parts: Runtime, at: str | None, on: datetime | None) -> date:
    """The day that is asked about; without one today, where the organisation is."""
    zone = parts.network.tree().named(at).time_zone if at else parts.defaults.time_zone
    return on.date() if on else day_in(zone, parts.clock.now())


def _counted(parts: Runtime, path: str, day: date, processes: int) -> Counts:
    from gateway.membership.everyone import added, shares

    with parts.store.read() as connection:
        each = shares(connection, processes * SHARES_EACH)
    total: Counts = {}
    with _at_once(processes) as run, counting("households") as tell:
        for part in run(_count, repeat(path), repeat(day), each):
            total = added((total, part))
            tell(sum(one.households for one in total.values()))
    return total


@contextmanager
def _at_once(processes: int) -> Iterator[Callable[..., Iterable[Counts]]]:
    """``map`` in so many processes."""
    if processes == 1:
        yield map
        return
    # Started anew, not copied: no two processes can use one connection to the database.
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        yield pool.map


def _count(path: str, day: date, share: Share) -> Counts:
    from gateway.membership.everyone import count, everyone

    parts = parts_of()
    with parts.store.read() as connection:
        return count(everyone(connection, parts.network.tree(), day, path, share))


@dataclass(frozen=True)
class _Row:
    """An organisation and what was counted at or below it, by state."""

    code: str
    name: str
    states: dict[State, Count]

    @property
    def all(self) -> Count:
        from gateway.membership.everyone import Count

        return sum(self.states.values(), start=Count())


def _rows(tree: Tree, at: str | None, counts: Counts) -> list[_Row]:
    """Those directly below the organisation that was asked about, or the roots; and the total.

    It stands there itself where it has households of its own, as a section does.
    """
    top = tree.named(at) if at else None
    below = [one for one in tree.by_id.values() if one.parent_id == (top.id if top else None)]
    rows = [
        _Row(one.code, one.name, _by_state(counts, {each.id for each in tree.by_id.values() if each.under(one)}))
        for one in below
    ]
    if top is not None and any(section_id == top.id for section_id, _ in counts):
        rows.append(_Row(top.code, top.name, _by_state(counts, {top.id})))
    return [*rows, _Row("", "all", _by_state(counts, {section_id for section_id, _ in counts}))]


def _by_state(counts: Counts, section_ids: Set[int]) -> dict[State, Count]:
    from gateway.membership.everyone import Count

    found = {state: Count() for state in State}
    for (section_id, state), one in counts.items():
        if section_id in section_ids:
            found[state] += one
    return found


def _as_value(rows: list[_Row], at: str | None, day: date) -> dict[str, object]:
    *parts, total = [
        {
            "code": row.code,
            "name": row.name,
            "states": {state.value: asdict(one) for state, one in row.states.items()},
            **asdict(row.all),
        }
        for row in rows
    ]
    del total["code"], total["name"]
    return {"at": at, "on": str(day), "organisations": parts, "total": total}


def _as_text(rows: list[_Row]) -> str:
    seen = [state for state in State if rows[-1].states[state].households]
    cells = [
        (
            row.code or row.name,
            *(_households_and_people(row.states[state]) for state in seen),
            _households_and_people(row.all),
            row.all.covered,
            ", ".join(_money(minor, currency) for currency, minor in sorted(row.all.left_minor.items()) if minor),
        )
        for row in rows
    ]
    heads = ("organisation", *(state.value for state in seen), "households (people)", "covered", "left to pay")
    return table(cells, heads, numbers=range(1, len(heads)))


def _households_and_people(one: Count) -> str:
    return f"{one.households} ({one.people})" if one.households else "0"


def _money(minor: int, currency: str) -> str:
    return show_money(Money(minor, currency), "en")


# --- who --------------------------------------------------------------------------------------------------------------

# The words of a file for people; elsewhere the states' own words stand, which scripts may rely on.
_STATES = {
    "none": mark("no membership"),
    "unpaid": mark("not paid"),
    "waiting": mark("waiting period"),
    "active": mark("covered"),
    "grace": mark("covered, overdue"),
    "suspended": mark("suspended"),
    "lapsed": mark("ended"),
}


@cover.command("list")
@at_option
@on_option
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only households in this state; may be given several times.",
)
@click.option("--csv", "out", type=click.Path(path_type=Path), help="Write to this file; whole, or left as it was.")
@click.option("--language", type=click.Choice(sorted(NAMES)), help="Of the file; else the organisation's first.")
@json_option
def list_cover(
    at: str | None, on: datetime | None, states: tuple[str, ...], out: Path | None, language: str | None, as_json: bool
) -> None:
    """The households, one a line, in the order in which they registered; written while they are read."""
    from gateway.membership.everyone import everyone

    if out is not None and as_json:
        raise Fault("either --json, or --csv")
    parts = parts_of()
    tree, day = parts.network.tree(), _day(parts, at, on)
    with parts.store.read() as connection:
        every = everyone(connection, tree, day, path_of(parts, at))
        found = (one for one in every if not states or one.cover.state.value in states)
        if out is not None:
            from gateway.ledger.exports import write

            first = tree.named(at).languages[0] if at else parts.defaults.language
            written = write(_sheet(found, tree, Say(language or first)), out, "csv")
            click.echo(f"{out}: {written} households, as of {day}")
        elif as_json:
            _echo_json(found, tree)
        else:
            _echo_text(found, tree)


def _sheet(found: Iterable[HouseholdCover], tree: Tree, say: Say) -> Sheet:
    from gateway.ledger.exports import Sheet, figure

    heads = (
        say("Card"),
        say("Section"),
        say("Cover"),
        say("Covered from"),
        say("Covered until"),
        say("Left to pay"),
        say("Currency"),
        say("People"),
        say("People covered"),
    )

    def row(one: HouseholdCover) -> tuple[Cell, ...]:
        return (
            one.card,
            tree[one.section_id].name,
            say(_STATES[one.cover.state.value]),
            *_days(one.cover),
            figure(one.left.minor, one.left.currency),
            one.left.currency,
            one.people,
            one.covered,
        )

    return Sheet(say("Cover"), heads, map(row, found))


def _days(one: Cover) -> tuple[date | None, date | None]:
    """The first and last day of cover; none for who was overdue before it could begin."""
    begins_on, until = one.begins_on, one.until
    return (None, None) if begins_on and until and until < begins_on else (begins_on, until)


def _echo_json(found: Iterable[HouseholdCover], tree: Tree) -> None:
    """A JSON array, a household a line, without ever holding all of it."""
    before = "["
    for one in found:
        click.echo(f"{before}\n{json.dumps(_one_as_value(one, tree), ensure_ascii=False, default=str)}", nl=False)
        before = ","
    click.echo("\n]" if before == "," else "[]")


def _one_as_value(one: HouseholdCover, tree: Tree) -> dict[str, Any]:
    return {
        "card": one.card,
        "section": tree[one.section_id].code,
        "cover": asdict(one.cover) | {"state": one.cover.state.value},
        "left_minor": one.left.minor,
        "currency": one.left.currency,
        "people": one.people,
        "covered": one.covered,
    }


def _echo_text(found: Iterable[HouseholdCover], tree: Tree) -> None:
    line = "{:<11}  {:<9}  {:<10}  {:<10}  {:>14}  {:>6}  {}"
    click.echo(line.format("card", "cover", "from", "until", "left to pay", "people", "section"))
    for one in found:
        days = (str(day or "") for day in _days(one.cover))
        section = tree[one.section_id].name
        cells = (show_card(one.card), one.cover.state.value, *days, show_money(one.left, "en"), one.people, section)
        click.echo(line.format(*cells))
