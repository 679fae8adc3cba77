"""The data dictionary of a dump, made of the schema and of what is written there beside each table and column."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Column

from gateway.exchange.leaving.cells import kind_of
from gateway.exchange.leaving.tables import COLUMNS_LEFT_OUT, DUMPED, LEFT_OUT, columns_of, file_of, table_of, target_of
from gateway.store import schema

BEGINS = "<!-- made by python -m gateway.exchange.leaving.dictionary: don't write below -->\n"

# What names mean wherever they stand; what is said of one column in the schema comes before it.
_NAMES = {
    "key": "what makes it happen once: never twice the same", "code": "its code, by which people name it",
    "name": "its name", "state": "how far it is", "kind": "what it is", "currency": "ISO 4217", "card": "card number",
    "msisdn": "phone number, with + and country", "language": "fr, en, rn, sw: in which it is spoken or written to",
    "reason": "why", "by_name": "who did it", "at": "when", "month": "first day of the month", "day": "the day",
    "on": "the day", "since": "from when", "note": "what was noted", "said": "what was said of it",
    "people": "how many", "households": "how many",
    "covered": "how many people", "text": "the words", "category": "about what",
    "district": "health district", "country": "ISO 3166", "operator_id": "the operator's own number of it",
    "payer": "the phone number that paid", "version": "the highest counts", "what": "what happened",
}  # fmt: skip
_ENDS = (
    ("_minor", "amount in minor units of its currency"), ("_at", "when"), ("_on", "on which day"),
    ("_by", "who did it"),
        ("_percent", "per cent"), ("_days", "how many days"), ("_people", "how many people"), ("_name", "name"),
    ("_digest", "SHA-256"), ("_state", "how far it was"), ("_currency", "ISO 4217"), ("_month", "month, 1 to 12"),
    ("_max", "at most so many"), ("_key", "what makes it happen once"), ("_path", "ids from the root down"),
)  # fmt: skip


def _notes() -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """What the schema's comments say: of each table (above it), of each column (behind it)."""
    source = inspect.getsource(schema)
    lines = source.splitlines()
    tables: dict[str, str] = {}
    columns: dict[tuple[str, str], str] = {}
    for node in ast.parse(source).body:
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
            continue
        if not (isinstance(node.value.func, ast.Name) and node.value.func.id == "Table"):
            continue
        name = str(ast.literal_eval(node.value.args[0]))
        above = node.lineno - 2
        said: list[str] = []
        while lines[above].startswith("# ") and not lines[above].startswith("# ---"):
            said.insert(0, lines[above][2:])
            above -= 1
        tables[name] = " ".join(said)
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            if found := re.match(r'\s*(?:Column|_ref)\("(\w+)".*\),\s+# (.*)$', lines[number]):
                columns[name, found[1]] = found[2]
    return tables, columns


def _meaning(table: str, column: Column[object], notes: dict[tuple[str, str], str]) -> str:
    said = notes.get((table, column.name)) or _NAMES.get(column.name)
    if said is None and column.name == "id":
        said = "number of the row"
    if said is None and target_of(column) is None:
        said = next((word for end, word in _ENDS if column.name.endswith(end)), column.name.replace("_", " "))
    leads = target_of(column)
    to = f"→ `{file_of(leads)}`" if leads is not None else ""
    return "; ".join(part for part in (to, said) if part).replace("|", "\\|")


def _parts() -> Iterator[str]:
    tables, notes = _notes()
    for name in DUMPED:
        yield f"\n### {file_of(name)}\n\n"
        if tables.get(name):
            yield f"{tables[name]}\n\n"
        yield "| column | holds | may be empty | meaning |\n| --- | --- | --- | --- |\n"
        for column in columns_of(table_of(name)):
            empty = "yes" if column.nullable else ""
            yield f"| `{column.name}` | {kind_of(column)} | {empty} | {_meaning(name, column, notes)} |\n"
    yield "\n## What stays behind\n\n| table | why |\n| --- | --- |\n"
    for name, why in sorted(LEFT_OUT.items()):
        yield f"| `{name}` | {why} |\n"
    for (name, column_name), why in COLUMNS_LEFT_OUT.items():
        yield f"| `{name}.{column_name}` | {why} |\n"


def dictionary() -> str:
    """Every file of a dump with all its columns, and what isn't in a dump, as Markdown."""
    return "".join(_parts())


if __name__ == "__main__":
    page = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/dump.md")
    page.write_text(page.read_text(encoding="utf-8").split(BEGINS)[0] + BEGINS + dictionary(), encoding="utf-8")
