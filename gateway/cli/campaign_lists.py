"""A campaign from a file of phone numbers: every row is checked, and nothing is kept while one is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show
from gateway.cli.given import by_option, counted, parts_of
from gateway.kernel.faults import Fault
from gateway.locale import Say
from gateway.settings import LANGUAGES
from gateway.sms.costs import about_cost

if TYPE_CHECKING:
    from gateway.sms.campaigns.lists import Checked

SHOWN = 50  # wrong rows that are told of on a screen; --json tells all


@click.command("from-file")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--at", "code", required=True, metavar="CODE", help="The organisation that writes.")
@click.option("--text", required=True, help="The text; {column} stands for what the row says in that column.")
@click.option("--title", help="What people in the office call it; else the file's name.")
@click.option("--language", type=click.Choice(LANGUAGES), help="Of the text; else the organisation's own.")
@click.option(
    "--phone-column", metavar="HEADING", help="The column of phone numbers, where its heading doesn't say so."
)
@click.option("--without-wrong-rows", is_flag=True, help="With --yes: leave out the rows that are wrong.")
@click.option("--yes", is_flag=True, help="Keep it without asking.")
@by_option
@json_option
def list_command(
    file: Path,
    code: str,
    text: str,
    title: str | None,
    language: str | None,
    phone_column: str | None,
    without_wrong_rows: bool,
    yes: bool,
    name: str,
    as_json: bool,
) -> None:
    """A campaign to the phone numbers of a CSV or XLSX FILE, kept as a draft; gateway campaign start sends it.

    Rows that are wrong are all told, and then nothing is kept; --yes --without-wrong-rows goes on without them.
    """
    from gateway.payments.statements.lists import read_table
    from gateway.sms.campaigns.letters import values_of_place
    from gateway.sms.campaigns.lists import check_list, keep_list
    from gateway.sms.campaigns.preview import price_of_part

    parts = parts_of()
    tree = parts.network.tree()
    place = tree.named(code)
    speaks = language or place.languages[0]
    headings, phones, rows = read_table(file, phone_column)
    checked = check_list(headings, rows, text, Say(speaks), place.country, phones, values_of_place(tree, place))
    with parts.store.read() as connection:
        price_e4 = price_of_part(connection, place.currency, parts.settings.sms_price, parts.settings.currency)
    kept = None
    if checked.rows and (not checked.wrong or (yes and without_wrong_rows)):
        if not as_json:
            click.echo(_text(checked, price_e4, place.currency))
        if not yes:
            click.confirm("keep it as a draft?", abort=True, err=as_json)
        with parts.store.write() as unit:
            kept = keep_list(unit, tree, place.id, title or file.stem[:60], text, speaks, checked.rows, name)
    if as_json:
        show(True, lambda: _value(checked, price_e4, place.currency, kept), str)
    elif kept is not None:
        click.echo(f"campaign {kept} is a draft; next: gateway campaign preview {kept}")
    else:
        click.echo(_text(checked, price_e4, place.currency))
    if kept is None:
        count = len(checked.wrong)
        are = f"{count} {'row is' if count == 1 else 'rows are'} wrong" if count else "there are no rows"
        raise Fault(f"{are}: nothing is kept, and nobody is written to{_way_on(checked)}")


def _way_on(checked: Checked) -> str:
    if not checked.rows:
        return ""
    return f"; correct the file, or go on with the other {len(checked.rows)}: --yes --without-wrong-rows"


def _value(checked: Checked, price_e4: int, currency: str, kept: int | None) -> dict[str, Any]:
    return {
        "campaign": kept,
        "messages": len(checked.rows),
        "parts": checked.parts,
        "cost_e4": checked.parts * price_e4,
        "currency": currency,
        "wrong": [{"row": one.row, "why": one.why} for one in checked.wrong],
    }


def _text(checked: Checked, price_e4: int, currency: str) -> str:
    cost = about_cost(checked.parts * price_e4, currency) if price_e4 else "unknown (set SMS_PRICE)"
    lines = [f"row {one.row}: {one.why}" for one in checked.wrong[:SHOWN]]
    if len(checked.wrong) > SHOWN:
        lines.append(f"and {len(checked.wrong) - SHOWN} more rows: --json tells all")
    lines.append(f"{counted(len(checked.rows), 'message')}, {counted(checked.parts, 'part')}, cost about {cost}")
    if checked.rows:
        lines.append(f"example: {checked.rows[0].text}")
    return "\n".join(lines)
