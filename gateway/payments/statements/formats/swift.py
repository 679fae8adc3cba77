"""Bank statements in SWIFT's MT940, one or several in a file: every entry, and balances that lead to each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import IO, Any

import mt940
from mt940.models import Transactions

from gateway.locale import mark
from gateway.payments.statements.formats.entries import (
    OTHER_CURRENCY,
    Entry,
    Stretch,
    check_stretches,
    midnight,
    minor_units,
    parts_of,
)
from gateway.payments.statements.hints import Hints
from gateway.payments.statements.lines import BadStatement, Heading, Read
from gateway.payments.statements.running import finished

MAX_BYTES = 64 * 2**20
_MAX_BLOCK = 2**20  # of one statement: a page of SWIFT's has two thousand characters, a bank's file a day or a month
_BEGIN = re.compile(r"^\s*(?:\{1:.*)?(?:\{4:\s*)?:20:", re.MULTILINE)
_ENTRY = re.compile(r"^:61:", re.MULTILINE)
_OPENING = ("final_opening_balance", "intermediate_opening_balance", "opening_balance")
_CLOSING = ("final_closing_balance", "intermediate_closing_balance", "closing_balance")
_NOTHING = ("NONREF", "NOTPROVIDED", "")


@dataclass(frozen=True)
class _Block:
    text: str
    row: int  # of its first line, from 1


def read_mt940(text: IO[bytes], hints: Hints) -> Read:
    """The statement, or several of one account after each other; raises :class:`BadStatement`."""
    given = text.read(MAX_BYTES + 1)
    if len(given) > MAX_BYTES:
        raise BadStatement(mark("an MT940 file of more than {most} MB: ask for shorter periods"), most=MAX_BYTES >> 20)
    whole = given.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    entries: list[Entry] = []
    stretches: list[Stretch] = []
    accounts: set[str] = set()
    for block in _blocks(whole):
        parsed = _parsed(block)
        if account := parsed.data.get("account_identification"):
            accounts.add(str(account).strip())
        found = list(_entries(block, parsed, hints))
        entries += found
        moved = sum(one.amount for one in found)
        opening, closing = _balance(parsed, _OPENING, block, hints), _balance(parsed, _CLOSING, block, hints)
        if closing is None:
            raise BadStatement(mark("the closing balance (:62F:) isn't there: the file was cut"), block.row)
        stretches.append(Stretch(block.row, opening, closing, moved))
    if len(accounts) > 1:
        raise BadStatement(
            mark("the file has statements of {count} accounts: give one account at a time"), count=len(accounts)
        )
    opening, closing = check_stretches(stretches)
    account = min(accounts, default=None)
    heading = Heading("MT940", hints.currency, account and account[:40], opening, closing)
    return finished(heading, parts_of(entries))


def _blocks(whole: str) -> Iterator[_Block]:
    starts = [found.start() for found in _BEGIN.finditer(whole)]
    row = 1 + whole.count("\n", 0, starts[0])
    for start, end in zip(starts, [*starts[1:], len(whole)], strict=True):
        if end - start > _MAX_BLOCK * 16:
            raise BadStatement(mark("a statement this long isn't one: the file is damaged"), row)
        yield _Block(whole[start:end], row)
        row += whole.count("\n", start, end)


def _parsed(block: _Block) -> Transactions:
    try:
        parsed = Transactions(options=mt940.Options.all())
        parsed.parse(_inner(block.text))
    except (RuntimeError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError):
        raise BadStatement(mark("this isn't as MT940 has it"), _wrong_row(block)) from None
    if len(parsed.transactions) != len(_rows(block)):
        raise BadStatement(mark("this isn't as MT940 has it"), block.row)
    return parsed


def _inner(text: str) -> str:
    """A block without what SWIFT's network puts around it."""
    return re.sub(r"^\s*(?:\{1:.*)?\{4:\s*", "", text).replace("\n-}", "\n")


def _rows(block: _Block) -> list[int]:
    """The row of each entry."""
    return [block.row + block.text.count("\n", 0, found.start()) for found in _ENTRY.finditer(block.text)]


def _wrong_row(block: _Block) -> int:
    """The row of the first field that can't be read by itself."""
    fields = re.split(r"^(?=:[0-9]{2}[A-Z]?:)", block.text, flags=re.MULTILINE)
    row = block.row
    for field in fields:
        try:
            Transactions(options=mt940.Options.all()).parse(_inner(field))
        except Exception:
            return row
        row += field.count("\n")
    return block.row


def _entries(block: _Block, parsed: Transactions, hints: Hints) -> Iterator[Entry]:
    for row, one in zip(_rows(block), parsed.transactions, strict=True):
        data: dict[str, Any] = one.data
        day = data.get("entry_date") or data.get("date")
        if day is None or "amount" not in data:
            raise BadStatement(mark("this isn't as MT940 has it"), row)
        _check_currency(data.get("currency"), hints, row)
        amount = minor_units(_plain(data["amount"].amount), hints.currency, row)
        said = [data.get(name) for name in ("transaction_details", "posting_text", "purpose", "additional_purpose")]
        said += [data.get(name) for name in ("applicant_name", "recipient_name", "extra_details")]
        reversed_ = str(data.get("status")).upper().startswith("R")
        yield Entry(
            row,
            midnight(day, hints.time_zone),
            amount,
            " · ".join(words for words in said if words),
            _named(data.get("bank_reference")) or _named(data.get("customer_reference")),
            _named(data.get("end_to_end_reference")) or _named(data.get("customer_reference")),
            kind="reversal" if reversed_ else None,
        )


def _named(reference: object) -> str | None:
    text = str(reference or "").strip()
    return None if text.upper() in _NOTHING else text


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _balance(parsed: Transactions, names: tuple[str, ...], block: _Block, hints: Hints) -> int | None:
    found = next((parsed.data[name] for name in names if name in parsed.data), None)
    if found is None or found.amount is None:
        return None
    _check_currency(found.amount.currency, hints, block.row)
    return minor_units(_plain(found.amount.amount), hints.currency, block.row)


def _check_currency(currency: object, hints: Hints, row: int) -> None:
    if currency is not None and currency != hints.currency:
        raise BadStatement(OTHER_CURRENCY, row, word=currency, currency=hints.currency)
