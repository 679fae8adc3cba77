"""``gateway indicators``: figures of any place and period, their source rows, target populations, the monthly SMS."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import NUMBER, by_option, parts_of
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import Say

if TYPE_CHECKING:
    from gateway.indicators.keeping import Standing
    from gateway.indicators.letters import Letter
    from gateway.indicators.periods import Period
    from gateway.network.organisations import Tree

_FILE = click.Path(path_type=Path, dir_okay=False)
period_option = click.option(
    "--period", "written", required=True, metavar="PERIOD", help="A year (2026), quarter (2026Q3) or month (2026-11)."
)
language_option = click.option("--language", type=click.Choice(["fr", "en"]), default="en", show_default=True)


@click.group()
def indicators() -> None:
    """What a network reports of itself, for any tier and period."""


def _period(written: str) -> Period:
    from gateway.indicators.periods import Period

    return Period.read(written)


@indicators.command("show")
@click.argument("place")
@period_option
@language_option
@click.option("--trend", is_flag=True, help="With --json: the twelve months or five years until then, too.")
@click.option("--csv", "csv_file", type=_FILE, help="Write a file for a spreadsheet.")
@click.option("--xlsx", "xlsx_file", type=_FILE, help="The same as XLSX.")
@click.option("--pdf", "pdf_file", type=_FILE, help="Write the report with charts.")
@json_option
def show_figures(
    place: str,
    written: str,
    language: str,
    trend: bool,
    csv_file: Path | None,
    xlsx_file: Path | None,
    pdf_file: Path | None,
    as_json: bool,
) -> None:
    """The indicators of PLACE (an organisation's code) and everything below it, counted now."""
    from gateway.indicators.keeping import counted
    from gateway.indicators.sheets import as_json as value
    from gateway.indicators.sheets import figures_sheet
    from gateway.ledger.exports import whole, write

    parts, say, period = parts_of(), Say(language), _period(written)
    tree = parts.network.tree()
    files = [each for each in (csv_file, xlsx_file, pdf_file) if each is not None]
    with parts.store.read() as connection:
        found = counted(connection, tree, tree.named(place), period, trend or bool(files))
    if csv_file is not None:
        write(figures_sheet(found, say), csv_file, "csv", bom=True)
    if xlsx_file is not None:
        write(figures_sheet(found, say), xlsx_file, "xlsx")
    if pdf_file is not None:
        from gateway.indicators.paper import report_pdf

        with whole(pdf_file) as part:
            part.write_bytes(report_pdf(found, day_in(found.place.time_zone, parts.clock.now()), say))
    for each in files:
        click.echo(f"written: {each}", err=True)
    if as_json or not files:
        show(as_json, lambda: value(found), lambda: _as_text(found, say))


def _as_text(found: Standing, say: Say) -> str:
    from gateway.indicators.wording import heading, made_from, shown, title

    rows = [(one.code, title(one, say), shown(one, say), made_from(one, say)) for one in found.figures or ()]
    heads = (say("Code"), say("Indicator"), say("Value"), say("Numerator and denominator"))
    return f"{heading(found.place, found.period, say)}\n\n{table(rows, heads, (2, 3))}"


@indicators.command("list")
@language_option
@json_option
def list_indicators(language: str, as_json: bool) -> None:
    """Every indicator: its code, its formula, and where that is from."""
    from gateway.indicators.catalogue import INDICATORS

    say = Say(language)
    rows = [(one.code, say(one.name), one.unit, say(one.formula), one.source) for one in INDICATORS.values()]
    names = ("code", "name", "unit", "formula", "source")
    show(as_json, lambda: [dict(zip(names, row, strict=True)) for row in rows], lambda: table(rows, names))


@indicators.command("rows")
@click.argument("code")
@click.argument("place")
@period_option
@language_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Of what is printed.")
@click.option("--csv", "csv_file", type=_FILE, help="Write all of them to a file.")
@click.option("--xlsx", "xlsx_file", type=_FILE, help="The same as XLSX.")
@json_option
def show_rows(
    code: str,
    place: str,
    written: str,
    language: str,
    limit: int,
    csv_file: Path | None,
    xlsx_file: Path | None,
    as_json: bool,
) -> None:
    """The source rows of the indicator CODE: which households, payments, costs or complaints it was counted from."""
    from itertools import islice

    from gateway.indicators.rows import source_rows
    from gateway.ledger.exports import Format, write

    parts, say, period = parts_of(), Say(language), _period(written)
    tree = parts.network.tree()
    wanted: tuple[tuple[Path | None, Format], ...] = ((csv_file, "csv"), (xlsx_file, "xlsx"))
    with parts.store.read() as connection:
        files = [(path, form) for path, form in wanted if path is not None]
        for path, form in files:
            count = write(
                source_rows(connection, tree, tree.named(place), period, code, say), path, form, bom=form == "csv"
            )
            click.echo(f"written: {path}, {count} rows", err=True)
        if files and not as_json:
            return
        sheet = source_rows(connection, tree, tree.named(place), period, code, say)
        rows = list(islice(sheet.rows, limit))
    show(
        as_json,
        lambda: [dict(zip(sheet.heads, row, strict=True)) for row in rows],
        lambda: table([["" if cell is None else cell for cell in row] for row in rows], sheet.heads),
    )


# --- target populations -----------------------------------------------------------------------------------------------


@indicators.group()
def population() -> None:
    """How many people could be members, by area: what penetration is measured against."""


@population.command("set")
@click.argument("place")
@click.argument("people", type=click.IntRange(1, 2_000_000_000))
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="YYYY-MM-DD", help="From which day.")
@click.option("--source", required=True, help="Where the number is from: a census, a health district.")
@by_option
def set_people(place: str, people: int, since: datetime, source: str, name: str) -> None:
    """PLACE has so many PEOPLE who could be members, from a day on. Places above it without a number add up theirs."""
    from gateway.indicators.populations import set_population

    parts = parts_of()
    one = parts.network.tree().named(place)
    with parts.store.write() as unit:
        set_population(unit, one, since.date(), people, source, name)
    click.echo(f"{one.code}: {people} people from {since.date()} on")


@population.command("list")
@click.argument("place")
@json_option
def list_people(place: str, as_json: bool) -> None:
    """What was written down for PLACE and everything below it, the newest first."""
    from gateway.indicators.populations import history

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = history(connection, tree.named(place).path)
    rows = [(tree[one.organisation_id].code, one.since, one.people, one.source, one.by_name) for one in found]
    names = ("organisation", "since", "people", "source", "by")
    show(
        as_json,
        lambda: [dict(zip(names, row, strict=True)) for row in rows],
        lambda: table(rows, names, (2,)) if rows else "none: gateway indicators population set",
    )


# --- the monthly SMS --------------------------------------------------------------------------------------------------


@indicators.group()
def letter() -> None:
    """Five figures by SMS, once a month, to those whom an organisation has chosen."""


@letter.command("set")
@click.argument("place")
@click.option("--day", required=True, type=click.IntRange(1, 28), help="The day of the month.")
@click.option("--role", default="", help="All who have a role there: administrator, treasurer, animator.")
@click.option("--member", type=NUMBER, help="One member of staff, by the number in gateway staff list.")
@by_option
def set_letter(place: str, day: int, role: str, member: int | None, name: str) -> None:
    """Send the figures of PLACE of the month before, on a day of each month; a day chosen before is changed."""
    from gateway.indicators.letters import set_letter as choose

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.write() as unit:
        number = choose(unit, tree, tree.named(place), day, name, staff_id=member, role=role)
    click.echo(f"letter {number}: on day {day} of each month; see gateway indicators letter preview {place}")


@letter.command("list")
@click.argument("place")
@click.option("--ended", is_flag=True, help="Also those that were ended.")
@json_option
def list_letters(place: str, ended: bool, as_json: bool) -> None:
    """Who gets the figures of PLACE and of everything below it."""
    from gateway.indicators.letters import letters

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        rows = [_letter(connection, tree, one) for one in letters(connection, tree, tree.named(place), ended)]
    names = ("letter", "organisation", "who", "day", "since", "by", "ended")
    show(
        as_json,
        lambda: [dict(zip(names, row, strict=True)) for row in rows],
        lambda: table(rows, names, (0, 3)) if rows else "nobody: gateway indicators letter set",
    )


def _letter(connection: Any, tree: Tree, one: Letter) -> tuple[object, ...]:
    from gateway.indicators.letters import named

    place, person = tree[one.organisation_id], named(connection, one)
    who = person.name if person is not None else one.role
    since, ended = (day_in(place.time_zone, at) if at else "" for at in (one.since, one.ended_at))
    return one.id, place.code, who, one.day, since, one.by_name, ended


@letter.command("preview")
@click.argument("place")
@click.option("--language", type=click.Choice(["fr", "en", "rn", "sw"]), help="The place's first one by default.")
@json_option
def preview_letter(place: str, language: str | None, as_json: bool) -> None:
    """The SMS as it would leave now, of the month before. Nothing is sent."""
    from gateway.indicators.letters import preview
    from gateway.sms.gsm7 import parts as parts_in
    from gateway.sms.gsm7 import septets

    parts = parts_of()
    tree = parts.network.tree()
    one = tree.named(place)
    with parts.store.read() as connection:
        text = preview(connection, tree, one, parts.clock.now(), language or one.languages[0], patient=True)
    value = {"text": text, "septets": septets(text), "parts": parts_in(text)}
    show(as_json, lambda: value, lambda: f"{text}\n({value['septets']} septets, {value['parts']} part)")


@letter.command("end")
@click.argument("number", type=NUMBER)
@by_option
def end(number: int, name: str) -> None:
    """End a letter: nothing more is sent by it."""
    from gateway.indicators.letters import end_letter

    parts = parts_of()
    with parts.store.write() as unit:
        done = end_letter(unit, number, name)
    if not done:
        raise Fault(f"there is no letter {number}, or it was ended before: gateway indicators letter list")
    click.echo(f"letter {number} is ended")
