"""Statements' files: dropped, read and shown before anything is kept, then taken in; and tables that nobody knows."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from gateway.console.answers import Answer, Done, Go, NotThere, Page, Refused
from gateway.console.pages.reconciliation.common import (
    AREA,
    HOWS,
    KINDS,
    MOVED,
    called,
    moment,
    money,
    own_wallets,
)
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_text
from gateway.locale import mark
from gateway.payments.reconciliation.handed_in import (
    MOST_BYTES,
    Handling,
    How,
    Upload,
    ask_to_take,
    drop_upload,
    hand_in,
    is_small,
    read_again,
    upload_with,
)
from gateway.payments.reconciliation.wallets import Wallet, wallet_with
from gateway.store.schema import statement_profile, statement_upload
from gateway.store.unit import Unit

if TYPE_CHECKING:
    from gateway.payments.statements.raw import RawColumn

_FORM_BYTES = 256 * 1024  # what a browser sends around a file
KINDS_OF_FILES = ".csv,.txt,.xlsx,.xml,.sta,.mt940,.940,.gz"
DATES = {
    "dmy": mark("Day, month, year"),
    "mdy": mark("Month, day, year"),
    "ymd": mark("Year, month, day"),
}
PROFILE_CHARACTERS = 40


# --- dropping a file --------------------------------------------------------------------------------------------------


@AREA.get("/reconciliation/drop", Right.RECONCILE)
def drop_page(visit: Visit) -> Answer:
    """A field for a file."""
    with visit.store.read() as connection:
        values = _ways(visit, connection)
    asked = visit.asked.get("wallet")
    values |= {"kinds": KINDS_OF_FILES, "chosen": asked if asked in dict(values["wallets"]) else ""}
    return Page("reconciliation/drop.html", visit.say("Take a statement in"), values)


@AREA.post("/reconciliation/drop", Right.RECONCILE, largest=MOST_BYTES + _FORM_BYTES)
def drop(visit: Visit) -> Answer:
    """Keep the file as it came, and read it: at once where it is small."""
    file = visit.upload("file")
    with visit.store.read() as connection:
        wallet_id = _wallet_chosen(visit, connection)
    how = _how(visit)
    place = visit.at.id

    def act(unit: Unit) -> Done:
        its_id = hand_in(unit, place, file.name or "statement", file.content, visit.who.name, how, wallet_id)
        return Done(
            f"/reconciliation/uploads/{its_id}",
            after={"bytes": len(file.content)},
            about=f"upload:{its_id}",
            place=place,
        )

    return _worked_on(visit, visit.do("statement.handed_in", act))


def _worked_on(visit: Visit, go: Go) -> Go:
    """Do what waits to be done with a small file now, while its page is on its way."""
    its_id = int(go.to.split("/")[3])
    with visit.store.read() as connection:
        at_once = is_small(connection, its_id)
    if at_once:
        services = visit.parts.services
        Handling(visit.store, services.network, services.chart).go_on(its_id)
    return go


def _wallet_chosen(visit: Visit, connection: Connection) -> int | None:
    typed = visit.sent.get("wallet")
    if not typed:
        return None
    own = {str(one.id): one.id for one in own_wallets(visit, connection)}
    if typed not in own:
        raise Refused(visit.say("Choose one of the list."), "wallet")
    return own[typed]


def _how(visit: Visit) -> How:
    profile = visit.text("profile", most=PROFILE_CHARACTERS, needed=False) or None
    dates = visit.sent.get("dates")
    if dates and dates not in DATES:
        raise Refused(visit.say("Choose one of the list."), "dates")
    first = visit.day("first") if visit.sent.get("first") else None
    last = visit.day("last") if visit.sent.get("last") else None
    if (first is None) != (last is None) or (first and last and first > last):
        raise Refused(visit.say("The first day and the last go together."), "first")
    return How(profile, dates or None, first, last)


def _ways(visit: Visit, connection: Connection) -> dict[str, Any]:
    """What can be said of a file beside itself."""
    names = connection.scalars(select(statement_profile.c.name).order_by(statement_profile.c.name).limit(200)).all()
    return {
        "wallets": [(str(one.id), called(visit, one)) for one in own_wallets(visit, connection)],
        "profiles": [(name, name) for name in names],
        "orders": [(word, visit.say(text)) for word, text in DATES.items()],
    }


# --- a file that was dropped ------------------------------------------------------------------------------------------


@AREA.get("/reconciliation/uploads/<upload>", Right.RECONCILE)
def upload_page(visit: Visit, one: Upload) -> Answer:
    """What is in a file; how far the work on it is; what came of it."""
    with visit.store.read() as connection:
        one = upload_with(connection, one.id) or one  # as it is now, where the page is shown again
        whose = wallet_with(connection, one.wallet_id) if one.wallet_id is not None else None
        values: dict[str, Any] = _ways(visit, connection)
    if whose is not None and not visit.may(Right.RECONCILE, whose.organisation_id):
        raise NotThere
    place = whose.organisation_id if whose is not None else one.organisation_id
    values |= {
        "one": one,
        "named": mask_text(one.file_name),
        "whose": called(visit, whose) if whose is not None else "",
        "wallet_id": one.wallet_id,
        "chosen": str(one.wallet_id or ""),
        "at": moment(visit, one.at, place),
        "how": one.how,
    }
    if one.state == "read":
        values |= _shown(visit, one, whose)
    elif one.state == "wrong":
        values["faults"] = [_fault(visit, each) for each in one.found.get("faults", [])]
        values["headings"] = any(each.get("headings") for each in one.found.get("faults", []))
    elif one.state == "taken":
        values |= _came(visit, one)
    return Page("reconciliation/upload.html", visit.say("Statement: {file}", file=values["named"]), values)


def _shown(visit: Visit, one: Upload, whose: Wallet | None) -> dict[str, Any]:
    found, currency = one.found, one.found["currency"]
    place = whose.organisation_id if whose is not None else one.organisation_id

    def amount(minor: int | None) -> Any:
        return money(minor, currency) if minor is not None else None

    return {
        "period": (
            moment(visit, datetime.fromisoformat(found["from"]), place),
            moment(visit, datetime.fromisoformat(found["until"]), place),
        ),
        "came": amount(sum(each[2] for each in found["moved"])),
        "left": amount(sum(each[3] for each in found["moved"])),
        "fees": amount(found["fees"]),
        "opening": amount(found["opening"]),
        "closing": amount(found["closing"]),
        "moved": [
            (visit.say(MOVED[kind]), count, amount(came), amount(left)) for kind, count, came, left in found["moved"]
        ],
        "first_lines": [
            {
                **row,
                "at": moment(visit, datetime.fromisoformat(row["at"]), place),
                "kind": visit.say(MOVED[row["kind"]]),
                "amount": amount(row["amount"]),
                "fee": amount(row["fee"]) if row["fee"] else None,
            }
            for row in found["first"]
        ],
    }


def _fault(visit: Visit, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Why a file can't be read: where, why, and the row as it is written."""
    return {
        "row": kept.get("row"),
        "column": kept.get("column") or "",
        "why": _capital(visit.say(kept["why"], **kept["values"])),
        "cells": kept.get("cells") or [],
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _came(visit: Visit, one: Upload) -> dict[str, Any]:
    found, currency = one.found, one.found["currency"]
    return {
        "hows": [(visit.say(HOWS[how]), count) for how, count in sorted(found["hows"].items(), key=lambda it: -it[1])],
        "open": [
            (kind, visit.say(KINDS[kind]), count, money(minor, currency))
            for kind, (count, minor) in sorted(found["open"].items())
        ],
        "open_count": sum(count for count, _ in found["open"].values()),
        "unmatched": found["lines"] - found["matched"],
    }


@AREA.post("/reconciliation/uploads/<upload>/take", Right.RECONCILE, shown_by=upload_page)
def take(visit: Visit, one: Upload) -> Answer:
    """What was shown is taken in and reconciled."""

    def act(unit: Unit) -> Done:
        if not ask_to_take(unit, one.id):
            raise Refused(visit.say("This file isn't waiting to be taken in. Look at it again."))
        return Done(f"/reconciliation/uploads/{one.id}")

    place = one.organisation_id
    return _worked_on(visit, visit.do("statement.taken_in", act, about=f"upload:{one.id}", place=place))


@AREA.post("/reconciliation/uploads/<upload>/how", Right.RECONCILE, shown_by=upload_page)
def other_way(visit: Visit, one: Upload) -> Answer:
    """Read it otherwise, or as another wallet's."""
    with visit.store.read() as connection:
        wallet_id = _wallet_chosen(visit, connection)
    how = _how(visit)

    def act(unit: Unit) -> Done:
        if not read_again(unit, one.id, how, wallet_id):
            raise Refused(visit.say("This file isn't waiting to be taken in. Look at it again."))
        return Done(f"/reconciliation/uploads/{one.id}")

    place = one.organisation_id
    return _worked_on(visit, visit.do("statement.read_again", act, about=f"upload:{one.id}", place=place))


@AREA.post("/reconciliation/uploads/<upload>/drop", Right.RECONCILE, shown_by=upload_page)
def forget(visit: Visit, one: Upload) -> Answer:
    """Nobody wants it: the file is thrown away, and nothing of it was kept."""

    def act(unit: Unit) -> Done:
        if not drop_upload(unit, one.id):
            raise Refused(visit.say("It is being taken in, or was: it can't be dropped any more."))
        return Done("/reconciliation", visit.say("The file is thrown away. Nothing of it was kept."))

    return visit.do("statement.dropped", act, about=f"upload:{one.id}", place=one.organisation_id)


# --- a table whose headings nobody knows ------------------------------------------------------------------------------

# What a column can be, in the order in which people look for it.
MEANINGS: Mapping[str, str] = {
    "at": mark("Date (and time)"),
    "amount": mark("Amount"),
    "credit": mark("Money in"),
    "debit": mark("Money out"),
    "fee": mark("Fee"),
    "balance": mark("Balance after it"),
    "operator_id": mark("The operator's number of the transaction"),
    "our_id": mark("Our own number or key"),
    "reference": mark("What the payer typed (card)"),
    "payer": mark("Payer's phone number"),
    "payee": mark("Who was paid"),
    "kind": mark("Kind of transaction"),
    "status": mark("Status (done, failed…)"),
    "direction": mark("In or out, in a word"),
    "said": mark("Words, a description"),
    "linked": mark("Number of what is taken back"),
    "currency": mark("Currency"),
    "country": mark("Country"),
    "account": mark("Account"),
}
DECIMALS = {".": mark("A point: 1,234.50"), ",": mark("A comma: 1 234,50")}
SIGNS = {
    "signed": mark("A minus stands before what left"),
    "by-kind": mark("There is no minus: the kind of transaction says it"),
}


@AREA.get("/reconciliation/uploads/<upload>/columns", Right.RECONCILE)
def columns_page(visit: Visit, one: Upload) -> Answer:
    """The columns of a file with what stands in them, each to be given a meaning."""
    heads, columns = _columns(visit, one)
    if not columns:
        raise NotThere
    guessed = _guessed(columns)
    values = {
        "one": one,
        "heads": heads,
        "columns": [(number, each, guessed.get(each.named, "")) for number, each in enumerate(columns)],
        "meanings": [(word, visit.say(text)) for word, text in MEANINGS.items()],
        "decimals": [(word, visit.say(text)) for word, text in DECIMALS.items()],
        "signs": [(word, visit.say(text)) for word, text in SIGNS.items()],
    }
    return Page("reconciliation/columns.html", visit.say("What the columns mean"), values)


def _columns(visit: Visit, one: Upload) -> tuple[int, list[RawColumn]]:
    from gateway.payments.statements.lines import BadStatement
    from gateway.payments.statements.raw import raw_columns

    if one.state not in ("read", "wrong"):
        return 0, []
    with visit.store.read() as connection:
        content = connection.scalar(select(statement_upload.c.content).where(statement_upload.c.id == one.id))
    with tempfile.TemporaryDirectory(prefix="cotisa-statement-") as folder:
        path = Path(folder) / "statement"
        path.write_bytes(content or b"")
        try:
            return raw_columns(path)
        except BadStatement:
            return 0, []


def _guessed(columns: list[RawColumn]) -> dict[str, str]:
    """What a column is by the headings that operators and banks have; each meaning once."""
    from gateway.kernel.spelling import plain
    from gateway.payments.statements.formats.layouts import layouts_of

    known: dict[str, str] = {}
    for column, headings in layouts_of("")[-1].columns.items():
        for heading in headings:
            known.setdefault(heading.replace(" ", ""), column)
    found: dict[str, str] = {}
    for each in columns:
        word = known.get("".join(plain(each.heading).split()))
        if word and word not in found.values():
            found[each.named] = word
    return found


@AREA.post("/reconciliation/uploads/<upload>/columns", Right.RECONCILE)
def name_columns(visit: Visit, one: Upload) -> Answer:
    """Keep a profile of that name, and read the file by it."""
    from gateway.payments.statements.profiles import Mapping as Profile
    from gateway.payments.statements.profiles import profile_named, save_profile

    heads, columns = _columns(visit, one)
    name = visit.text("name", most=PROFILE_CHARACTERS)
    meant: dict[Any, str] = {}
    for number, each in enumerate(columns):
        word = visit.sent.get(f"column{number}")
        if word in MEANINGS:
            if word in meant:
                text = visit.say("Two columns can't both be this: {meaning}.", meaning=visit.say(MEANINGS[word]))
                raise Refused(text, f"column{number}")
            meant[word] = each.named
    decimal, signs = (visit.sent.get(name) for name in ("decimal", "signs"))
    profile = _made(visit, lambda: Profile(
        meant,
        decimal=decimal if decimal in (".", ",") else None,  # type: ignore[arg-type]
        signs=signs if signs in SIGNS else None,  # type: ignore[arg-type]
        header_row=heads if any(each.startswith("=") for each in meant.values()) else None,
    ))  # fmt: skip

    def act(unit: Unit) -> Done:
        if profile_named(unit.connection, name) is not None:
            raise Refused(visit.say("Another profile has this name already."), "name")
        save_profile(unit.connection, name, profile, visit.who.name[:60], unit.now)
        how = How(name, one.how.dates, one.how.first, one.how.last)
        if not read_again(unit, one.id, how, one.wallet_id):
            raise Refused(visit.say("This file isn't waiting to be taken in. Look at it again."))
        return Done(
            f"/reconciliation/uploads/{one.id}",
            visit.say("Files like this one are known from now on, as {name}.", name=name),
            after={"name": name, "columns": meant},
        )

    place = one.organisation_id
    return _worked_on(visit, visit.do("profile.saved", act, about=f"upload:{one.id}", place=place))


def _made(visit: Visit, make: Any) -> Any:
    try:
        return make()
    except Fault:
        text = visit.say("Say which column is the date, and which the amount, or money in and money out.")
        raise Refused(text) from None


@AREA.get("/reconciliation/profiles", Right.RECONCILE)
def profiles_page(visit: Visit) -> Answer:
    """How files are read whose headings somebody has explained."""
    kept = statement_profile.c
    with visit.store.read() as connection:
        rows = connection.execute(
            select(kept.name, kept.mapping, kept.saved_by, kept.saved_at).order_by(kept.saved_at.desc()).limit(200)
        ).all()
    found = [
        {
            "name": row.name,
            "by": row.saved_by,
            "at": moment(visit, row.saved_at, visit.at.id),
            "columns": [
                (visit.say(MEANINGS.get(word, word)), heading)
                for word, heading in row.mapping.get("columns", {}).items()
            ],
        }
        for row in rows
    ]
    return Page("reconciliation/profiles.html", visit.say("Kinds of files"), {"found": found})
