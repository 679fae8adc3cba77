"""A value as the text of a CSV cell, and back: the same value, whatever database it came from.

Nothing is an empty cell, and so is empty text in a column that must have one. Text that a spreadsheet would take for a
formula has an apostrophe before it; a phone number (+ and figures) hasn't. Money is minor units, days are ISO, moments
are UTC with microseconds and Z, JSON is compact, bytes are base64.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Date, Integer, LargeBinary, Uuid

from gateway.kernel.faults import Fault
from gateway.store.types import Instant

_RISKY = ("=", "+", "-", "@", "\t", "\r", "'")
_NUMBER = re.compile(r"\+\d{1,15}")
_WHOLE = re.compile(r"-?\d{1,19}")


def kind_of(column: Column[Any]) -> str:
    """What stands in a column, in a word of the data dictionary."""
    kinds: tuple[tuple[type, str], ...] = (
        (Boolean, "true or false"), (Date, "day"), (Instant, "moment"), (JSON, "JSON"), (LargeBinary, "base64"),
        (Uuid, "UUID"), (Integer, "whole number"), (BigInteger, "whole number"),
    )  # fmt: skip
    return next((word for kind, word in kinds if isinstance(column.type, kind)), "text")


def show_cell(value: Any, is_json: bool = False) -> str:
    """A value of the database as the text of a cell."""
    if value is None:
        return ""
    if is_json:
        # In the order of the names: the two kinds of database keep them in orders of their own.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | uuid.UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    text = str(value)
    return f"'{text}" if text.startswith(_RISKY) and not _NUMBER.fullmatch(text) else text


def read_cell(column: Column[Any], cell: str) -> Any:
    """What :func:`show_cell` wrote; raises :class:`Fault` for what can't stand in that column."""
    kind = kind_of(column)
    if cell == "":
        if column.nullable:
            return None
        if kind == "text":
            return ""
        raise Fault(f"{column.name} is empty")
    try:
        return _read(kind, cell, column)
    except (ValueError, OverflowError, RecursionError) as wrong:
        raise Fault(f"{column.name} is no {kind}") from wrong


def _read(kind: str, cell: str, column: Column[Any]) -> Any:
    match kind:
        case "true or false":
            return {"true": True, "false": False}[cell] if cell in ("true", "false") else _refuse()
        case "day":
            return date.fromisoformat(cell)
        case "moment":
            return datetime.strptime(cell, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        case "JSON":
            return json.loads(cell)
        case "base64":
            return base64.b64decode(cell, validate=True)
        case "UUID":
            return uuid.UUID(cell)
        case "whole number":
            number = int(cell) if _WHOLE.fullmatch(cell) else _refuse()
            row_id = column.primary_key or bool(column.foreign_keys)
            return number if -(2**63) <= number < 2**63 and (number > 0 or not row_id) else _refuse()
    text = cell[1:] if cell.startswith("'") else cell
    longest = getattr(column.type, "length", None)
    return text if "\x00" not in text and (longest is None or len(text) <= longest) else _refuse()


def _refuse() -> Any:
    raise ValueError
