"""Commands about the registers of members: from a file and undone, to a file, on paper, and the members' cards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import counted, limit_option, parts_of, path_of, under_option
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name
from gateway.locale import NAMES, Say, show_money

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.membership.importing.checking import Told
    from gateway.membership.importing.keeping import Import, Preview
    from gateway.network.organisations import Organisation
    from gateway.wiring import Runtime

SHOWN = 50  # lines of what is wrong that are told on a screen; the file of faults has all

_FILE = click.Path(dir_okay=False, path_type=Path)
_at = click.option("--at", "code", required=True, metavar="CODE", help="The mutuelle, or one of its sections.")
_language = click.option("--language", type=click.Choice(sorted(NAMES)), help="Else the organisation's first.")
_by = click.option("--by", "name", required=True, metavar="NAME", help="Who decides: it is kept.")
_out = click.option("--out", required=True, type=_FILE, help="The file; whole, or left as it was.")


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_at
@click.option("--plan", "plan_code", metavar="CODE", help="The plan of who has none in the file.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=HEADING",
    help="A column whose heading doesn't say what it is: family, card, name, first_name, sex, born, age, relation, "
    "phone, section, plan, language.",
)
@click.option("--tell", is_flag=True, help="With --yes: write each household an SMS with its card.")
@click.option("--yes", is_flag=True, help="Take the good households in; without it nothing is written.")
@click.option("--by", "name", metavar="NAME", help="Who decides: it is kept.")
@json_option
def import_register(
    file: Path,
    code: str,
    plan_code: str | None,
    columns: tuple[str, ...],
    tell: bool,
    yes: bool,
    name: str | None,
    as_json: bool,
) -> None:
    """Look at the register in a CSV or XLSX FILE, one row a person; --yes --by NAME lets a worker take it in.

    docs/registers.md has an example. Households that are wrong stay out; what is wrong is told by row.
    """
    from gateway.membership.importing import keeping
    from gateway.membership.importing.reading import MOST_BYTES, read_register
    from gateway.payments.statements.plain_tables import tables

    if yes and not name:
        raise Fault("say who decides: --by NAME")
    parts = parts_of()
    tree = parts.network.tree()
    at = tree.named(code)
    content = file.read_bytes()
    register = read_register(tables(content, MOST_BYTES), _chosen(columns))
    with parts.store.read() as connection:
        now = parts.clock.now()
        checked, preview = keeping.check(connection, tree, at, register, now, plan_code=plan_code)
        before = keeping.same_file(connection, at, content)
    counts: dict[str, int] = {}
    for one in checked:
        counts[one.state] = counts.get(one.state, 0) + 1
    told = [(one.number, each) for one in checked for each in one.told]
    say = Say("en")
    its_id = None
    if yes and name:
        if before is not None:
            raise Fault(f"this very file was taken in before, as import {before.id}")
        with parts.store.write() as unit:
            its_id = keeping.keep(unit, at, file.name, content, register, checked, name)
            keeping.start(unit, its_id, tell)

    def as_text() -> str:
        lines = _told_lines(told, say)
        reasons = [(heading, say(why) if why else "not read") for heading, why in register.left_out]
        lines += [f"column {heading}: {reason}" for heading, reason in reasons]
        if before is not None:
            lines.append(f"this very file was taken in before, as import {before.id}")
        lines.append(_counted(counts))
        lines.append(_previewed(preview, tell))
        lines.append(
            f"import {its_id} is taken in by a worker; next: gateway households imports show {its_id}"
            if its_id is not None
            else "nothing is written; --yes --by NAME takes the good households in"
        )
        return "\n".join(lines)

    def as_value() -> dict[str, Any]:
        return {
            "import": its_id,
            "counts": counts,
            "people": preview.people,
            "dues": [{"minor": one.minor, "currency": one.currency} for one in preview.dues],
            "messages": preview.messages if tell else 0,
            "left_out": [heading for heading, _ in register.left_out],
            "told": [{"row": each.row or row, "warns": each.warns, "why": _said(each, say)} for row, each in told],
        }

    show(as_json, as_value, as_text)


def _chosen(columns: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for one in columns:
        field, equals, heading = one.partition("=")
        if not equals:
            raise Fault("write --column FIELD=HEADING: --column relation=Rang")
        found[field] = heading
    return found


def _told_lines(told: list[tuple[int, Told]], say: Say) -> list[str]:
    lines = [f"row {each.row or row}: {'(warning) ' if each.warns else ''}{_said(each, say)}" for row, each in told]
    if len(lines) > SHOWN:
        return [*lines[:SHOWN], f"and {len(lines) - SHOWN} more: --json tells all"]
    return lines


def _said(told: Told, say: Say) -> str:
    """What is told; of a household that is registered already without its name."""
    if told.warns and "name" in told.values:
        told = replace(told, values={**told.values, "name": mask_name(told.values["name"])})
    return told.said(say)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts.get(state, 0)} {state}" for state in ("good", "wrong", "known"))


def _previewed(preview: Preview, tells: bool) -> str:
    dues = " and ".join(show_money(one, "en") for one in preview.dues) or "nothing"
    sms = counted(preview.messages, "SMS") if tells else "no SMS"
    return f"{counted(preview.households, 'household')} with {preview.people} people; due in all: {dues}; {sms}"


# --- imports ----------------------------------------------------------------------------------------------------------


@click.group()
def imports() -> None:
    """Registers that were imported."""


@imports.command("list")
@under_option
@limit_option
@json_option
def list_imports(under: str | None, limit: int, as_json: bool) -> None:
    """The newest imports and how far each has come."""
    from gateway.membership.importing.keeping import newest

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = newest(connection, tree, path_of(parts, under), limit)

    def as_text() -> str:
        rows = [
            (one.id, f"{one.at:%Y-%m-%d %H:%M}", tree[one.organisation_id].code, one.state, one.by_name, _states(one),
             one.file_name)
            for one in found
        ]  # fmt: skip
        return table(rows, ("import", "at (UTC)", "for", "state", "by", "households", "file"), numbers=(0,))

    show(as_json, lambda: [_value(one) for one in found], as_text)


@imports.command("show")
@click.argument("number", type=int)
@click.option("--faults", type=_FILE, help="Write the rows that are wrong to this CSV file, with why.")
@_language
@json_option
def show_import(number: int, faults: Path | None, language: str | None, as_json: bool) -> None:
    """One import: how far it has come, what is wrong, and who was kept when it was undone; names stay hidden."""
    from gateway.ledger.exports import write
    from gateway.membership.importing.keeping import by_id, rows_of, wrong_rows

    parts = parts_of()
    with parts.store.read() as connection:
        one = by_id(connection, number)
        rows = rows_of(connection, number, ("wrong", "known", "kept"), limit=SHOWN)
        if faults is not None:
            at = parts.network.tree()[one.organisation_id]
            write(wrong_rows(connection, one, Say(language or at.languages[0])), faults, "csv", bom=True)
    say = Say(language or "en")

    def as_text() -> str:
        lines = [f"import {one.id}, {one.file_name}, by {one.by_name}: {one.state}", _states(one)]
        lines += [
            f"row {each.row or row.number}, {row.state}: {_said(each, say)}" for row in rows for each in row.told
        ]  # fmt: skip
        return "\n".join(lines)

    def as_value() -> dict[str, Any]:
        told = [
            {"row": each.row or row.number, "state": row.state, "why": _said(each, say)}
            for row in rows
            for each in row.told
        ]
        return _value(one) | {"told": told}

    show(as_json, as_value, as_text)


@imports.command("undo")
@click.argument("number", type=int)
@_by
def undo_import(number: int, name: str) -> None:
    """Let the households of an import leave again that have had nothing since, and their dues be cancelled."""
    from gateway.membership.importing.keeping import undo

    parts = parts_of()
    with parts.store.write() as unit:
        one = undo(unit, number, name)
    click.echo(
        f"import {one.id} is undone by a worker, {counted(one.to_do, 'household')}; "
        f"next: gateway households imports show {one.id}"
    )


def _states(one: Import) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(one.counts.items())) or "none"


def _value(one: Import) -> dict[str, Any]:
    return {
        "import": one.id,
        "organisation_id": one.organisation_id,
        "file": one.file_name,
        "state": one.state,
        "by": one.by_name,
        "at": one.at.isoformat(),
        "tells": one.tells,
        "counts": dict(one.counts),
    }


# --- to a file, and on paper ------------------------------------------------------------------------------------------


@click.command("export")
@_at
@_out
@click.option(
    "--what",
    type=click.Choice(["register", "memberships", "beneficiaries"]),
    default="register",
    show_default=True,
    help="register: a row a person, for another system or for households import; or one of the two registers.",
)
@click.option("--format", "form", type=click.Choice(["csv", "xlsx", "pdf"]), help="Else by the file's name.")
@click.option("--bom", is_flag=True, help="For csv: mark it as UTF-8, as Excel wants it.")
@_language
def export_register(
    code: str, out: Path, what: str, form: Literal["csv", "xlsx", "pdf"] | None, bom: bool, language: str | None
) -> None:
    """Write the register of members to a file, names and phone numbers in full: it is its owner's alone to read."""
    from gateway.ledger.exports import whole, write
    from gateway.membership import registers
    from gateway.membership.paper import register_pdf

    kind = form or out.suffix.lower().removeprefix(".")
    if kind not in ("csv", "xlsx", "pdf"):
        raise Fault(f"{out}: name the file .csv, .xlsx or .pdf, or say --format")
    if kind == "pdf" and what == "register":
        raise Fault("on paper there are --what memberships and --what beneficiaries")
    parts = parts_of()
    tree = parts.network.tree()
    at = tree.named(code)
    say = Say(language or at.languages[0])
    with parts.store.read() as connection:
        found = registers.members(connection, tree, at, also_left=what == "memberships")
        if what == "register":
            sheet = registers.exchange_sheet(found, say)
        elif what == "memberships":
            sheet = registers.memberships_sheet(found, say)
        else:
            sheet = registers.beneficiaries_sheet(found, say)
        if kind == "pdf":
            today = day_in(at.time_zone, parts.clock.now())
            paper = register_pdf(sheet, registers.SHARES[what], at.name, today, say)
            with whole(out) as part:
                part.write_bytes(paper)
            click.echo(f"{out}: written")
        else:
            count = write(sheet, out, "csv" if kind == "csv" else "xlsx", bom)
            click.echo(f"{out}: {counted(count, 'row')}")


@click.command("cards")
@_at
@_out
@click.option("--card", "only", multiple=True, metavar="CARD", help="These cards alone.")
@click.option("--year", type=click.IntRange(2000, 2100), help="Those whose membership year began in this year.")
@_language
def print_cards(code: str, out: Path, only: tuple[str, ...], year: int | None, language: str | None) -> None:
    """Write the members' cards as a PDF: eight to a page of A4, to be cut; of those whose year hasn't ended."""
    from gateway.ledger.exports import whole
    from gateway.membership.cards import card_of, cards_pdf
    from gateway.membership.registers import members
    from gateway.words.names import CHECK

    parts = parts_of()
    tree = parts.network.tree()
    at = tree.named(code)
    say = Say(language or at.languages[0])
    today = day_in(at.time_zone, parts.clock.now())
    ids = _households(parts, at, only)
    with parts.store.read() as connection:
        found = (
            card_of(tree, one, CHECK[say.language][0])
            for one in members(connection, tree, at, only=ids)
            if one.starts_on is not None
            and one.ends_on is not None
            and (one.starts_on.year == year if year is not None else one.ends_on >= today)
        )
        pdf = cards_pdf(found, say)
    with whole(out) as part:
        part.write_bytes(pdf)
    click.echo(f"{out}: written")


def _households(parts: Runtime, at: Organisation, only: Iterable[str]) -> list[int]:
    from gateway.cli.given import family_of

    found = [family_of(parts, each) for each in only]
    tree = parts.network.tree()
    for one in found:
        if not tree[one.section_id].under(at):
            raise Fault(f"a card is not of {at.code}: name the organisation above both")
    return [one.id for one in found]


COMMANDS: tuple[click.Command, ...] = (import_register, imports, export_register, print_cards)
