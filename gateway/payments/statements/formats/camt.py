"""Bank statements in ISO 20022's CAMT.053, of any version: every booked entry, or the transactions that it gathers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import IO
from xml.etree.ElementTree import Element, ParseError
from zoneinfo import ZoneInfo

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from gateway.locale import mark
from gateway.payments.statements.formats.entries import (
    NO_MOMENT,
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

_DEEPEST = 40  # elements within each other; the format has about twenty
_BOOKED, _NOT_BOOKED = frozenset(("BOOK",)), frozenset(("PDNG", "INFO", "FUTR"))
_NOTHING = frozenset(("NOTPROVIDED", "NONREF", ""))
_CUT = mark("the file was cut or damaged: download it again")


@dataclass
class _Statement:
    """One statement of the file while it is read."""

    row: int
    account: str | None = None
    balances: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    said_entries: int | None = None
    moved: int = 0
    from_at: datetime | None = None
    until_at: datetime | None = None


def read_camt(file: IO[bytes], hints: Hints) -> Read:
    """The statement, or several of one account after each other; raises :class:`BadStatement`."""
    statements: list[_Statement] = []
    parts = list(parts_of(_entries(file, hints, statements)))
    if not statements:
        raise BadStatement(mark("this XML is no CAMT.053 statement"))
    accounts = {one.account for one in statements if one.account}
    if len(accounts) > 1:
        raise BadStatement(
            mark("the file has statements of {count} accounts: give one account at a time"), count=len(accounts)
        )
    for one in statements:
        if one.said_entries not in (None, one.entries):
            raise BadStatement(
                mark("entries are missing: {said} are announced, {count} are there"),
                one.row,
                said=one.said_entries,
                count=one.entries,
            )
    stretches = [
        Stretch(one.row, one.balances.get("OPBD", one.balances.get("PRCD")), one.balances.get("CLBD"), one.moved)
        for one in statements
    ]
    opening, closing = check_stretches(stretches)
    account = min(accounts, default=None)
    heading = Heading(
        "CAMT.053",
        hints.currency,
        account and account[:40],
        opening,
        closing,
        min((one.from_at for one in statements if one.from_at), default=None),
        max((one.until_at for one in statements if one.until_at), default=None),
    )
    return finished(heading, parts)


def _entries(file: IO[bytes], hints: Hints, statements: list[_Statement]) -> Iterator[Entry]:
    """The entries of all statements, numbered from 1; what has been read of the tree is let go of at once."""
    line = 0
    path: list[Element] = []
    try:
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=True):
            if event == "start":
                path.append(element)
                if len(path) > _DEEPEST:
                    raise BadStatement(mark("this XML is no CAMT.053 statement"))
                if _name(element) == "Stmt":
                    statements.append(_Statement(line + 1))
                continue
            path.pop()
            name = _name(element)
            if not statements or len(path) < 1:
                continue
            now = statements[-1]
            if _name(path[-1]) == "Stmt":
                if name == "Ntry":
                    for one in _of_entry(element, line, hints):
                        line = one.line
                        now.moved += one.amount
                        yield one
                    now.entries += 1
                elif name == "Acct":
                    now.account = _text(element, "Id/IBAN") or _text(element, "Id/Othr/Id")
                elif name == "Bal":
                    kind, balance = _balance(element, hints, line + 1)
                    now.balances.setdefault(kind, balance)
                elif name == "FrToDt":
                    start, end = _text(element, "FrDtTm"), _text(element, "ToDtTm")
                    now.from_at = _read_moment(start, hints, line + 1) if start else None
                    now.until_at = _read_moment(end, hints, line + 1) if end else None
                elif name == "TxsSummry":
                    count = _text(element, "TtlNtries/NbOfNtries")
                    now.said_entries = int(count) if count and count.isdecimal() and len(count) < 10 else None
                path[-1].remove(element)
    except ParseError:
        raise BadStatement(_CUT, line + 1) from None
    except DefusedXmlException:
        raise BadStatement(mark("this XML defines things of its own, which no statement does")) from None
    except (LookupError, UnicodeError, ValueError):
        raise BadStatement(_CUT, line + 1) from None


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _all(element: Element, path: str) -> list[Element]:
    """The elements at a path of names, whatever their namespaces."""
    found = [element]
    for name in path.split("/"):
        found = [child for one in found for child in one if _name(child) == name]
    return found


def _text(element: Element, path: str) -> str | None:
    for one in _all(element, path):
        if text := (one.text or "").strip():
            return text
    return None


def _of_entry(entry: Element, line: int, hints: Hints) -> Iterator[Entry]:
    row = line + 1
    status = _text(entry, "Sts") or _text(entry, "Sts/Cd") or "BOOK"
    if status in _NOT_BOOKED:
        return
    if status not in _BOOKED:
        raise BadStatement(mark("{word} is no status that we know"), row, "Sts", word=repr(status[:20]))
    amount = _amount(entry, hints, row)
    if amount is None:
        raise BadStatement(mark("there is no amount"), row, "Amt")
    at = _moment(entry, hints, row)
    gathered = _all(entry, "NtryDtls/TxDtls")
    amounts = [_amount_within(one, entry, hints, row) for one in gathered]
    told = [one for one in amounts if one is not None]
    parts = list(zip(gathered, told, strict=True)) if len(told) == len(gathered) > 1 and sum(told) == amount else None
    if parts is None:
        parts = [(gathered[0] if len(gathered) == 1 else entry, amount)]
    for number, (one, its_amount) in enumerate(parts):
        yield _entry(entry, one, row + number, at, its_amount, f"/{number + 1}" if len(parts) > 1 else "")


def _entry(entry: Element, one: Element, line: int, at: datetime, amount: int, suffix: str) -> Entry:
    own = _reference(one, "Refs/AcctSvcrRef") or _reference(one, "Refs/TxId")
    whole = _reference(entry, "AcctSvcrRef") or _reference(entry, "NtryRef")
    returned = _text(entry, "RvslInd") == "true" or bool(_all(one, "RtrInf"))
    words = [_text(one, path) for path in ("RltdPties/Dbtr/Nm", "RltdPties/Dbtr/Pty/Nm", "RltdPties/Cdtr/Nm")]
    told = _all(one, "RmtInf/Ustrd") or _all(one, "NtryDtls/TxDtls/RmtInf/Ustrd")
    words = [" ".join((text.text or "") for text in told), *words]
    words += [_text(one, "RmtInf/Strd/CdtrRefInf/Ref"), _text(one, "AddtlTxInf"), _text(entry, "AddtlNtryInf")]
    end_to_end = _reference(one, "Refs/EndToEndId")
    return Entry(
        line,
        at,
        amount,
        " · ".join(dict.fromkeys(text.strip() for text in words if text and text.strip())),
        own or (whole and whole + suffix),
        end_to_end or _reference(one, "Refs/InstrId"),
        end_to_end if returned else None,
        "reversal" if returned else None,
    )


def _reference(element: Element, path: str) -> str | None:
    text = _text(element, path)
    return None if text is None or text.upper() in _NOTHING else text[:64]


def _amount(element: Element, hints: Hints, row: int, path: str = "Amt", sign: Element | None = None) -> int | None:
    found = next(iter(_all(element, path)), None)
    if found is None:
        return None
    currency = found.get("Ccy", hints.currency)
    if currency != hints.currency:
        raise BadStatement(OTHER_CURRENCY, row, "Amt", word=currency[:8], currency=hints.currency)
    amount = minor_units(found.text or "", currency, row)
    way = _text(element, "CdtDbtInd") or (None if sign is None else _text(sign, "CdtDbtInd"))
    if way not in ("CRDT", "DBIT"):
        raise BadStatement(mark("nothing says whether money came or left"), row, "CdtDbtInd")
    return amount if way == "CRDT" else -amount


def _amount_within(one: Element, entry: Element, hints: Hints, row: int) -> int | None:
    """What one of an entry's transactions says it moved; None where it doesn't, or says it in another currency."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt", "AmtDtls/InstdAmt/Amt"):
        found = next(iter(_all(one, path)), None)
        if found is not None:
            return None if found.get("Ccy") != hints.currency else _amount(one, hints, row, path, entry)
    return None


def _balance(element: Element, hints: Hints, row: int) -> tuple[str, int]:
    amount = _amount(element, hints, row)
    if amount is None:
        raise BadStatement(mark("a balance has no amount"), row, "Bal")
    return _text(element, "Tp/CdOrPrtry/Cd") or "", amount


def _moment(entry: Element, hints: Hints, row: int) -> datetime:
    for path in ("BookgDt", "ValDt"):
        for kind in ("DtTm", "Dt"):
            if text := _text(entry, f"{path}/{kind}"):
                return _read_moment(text, hints, row)
    raise BadStatement(mark("there is no date"), row, "BookgDt")


def _read_moment(text: str, hints: Hints, row: int) -> datetime:
    try:
        if "T" not in text:
            read = midnight(date.fromisoformat(text[:10]), hints.time_zone)
        else:
            found = datetime.fromisoformat(text)
            read = (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(hints.time_zone))).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadStatement(NO_MOMENT, row, "BookgDt", word=repr(text[:40])) from None
    if not 2000 <= read.year < 2100:
        raise BadStatement(NO_MOMENT, row, "BookgDt", word=repr(text[:40]))
    return read
