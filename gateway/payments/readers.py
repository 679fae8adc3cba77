"""Who is told of a payment, and in which language: the payer, the household's main phones, the nearest treasurers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Connection, String, bindparam, cast, literal, null, select, union_all

from gateway.network.organisations import Organisation, Tree
from gateway.sms.outgoing import Outgoing, in_key
from gateway.store.schema import caller, organisation, phone, staff
from gateway.store.together import Ask


@dataclass(frozen=True)
class Reader:
    """One phone that is written to, which is all that makes two readers the same.

    Of a treasurer also which of the staff it is, where, and how they are told of payments (None: of each).
    """

    msisdn: str
    language: str
    staff_id: int | None = field(default=None, compare=False)
    office_id: int | None = field(default=None, compare=False)
    told: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Readers:
    """Who reads receipts, and who reads the confirmations for those who keep the money."""

    members: tuple[Reader, ...]
    treasurers: tuple[Reader, ...]


_NOBODY = _NOWHERE = cast(null(), BigInteger)
_UNSAID, _UNCHOSEN = cast(null(), String(2)), cast(null(), String(4))

_ALL = union_all(
    select(
        literal("member").label("role"),
        bindparam("payer", type_=String(16)).label("msisdn"),
        _NOWHERE.label("organisation_id"),
        _UNSAID.label("language"),
        _NOBODY.label("staff_id"),
        _UNCHOSEN.label("told"),
    ),
    select(literal("member"), phone.c.msisdn, _NOWHERE, _UNSAID, _NOBODY, _UNCHOSEN).where(
        phone.c.household_id == bindparam("household_id"), phone.c.main
    ),
    select(literal("treasurer"), staff.c.msisdn, staff.c.organisation_id, staff.c.language, staff.c.id, staff.c.told)
    .join(organisation, organisation.c.id == staff.c.organisation_id)
    .where(
        bindparam("books_path", type_=String(200)).startswith(organisation.c.path),
        staff.c.role == "treasurer",
        staff.c.ended_on.is_(None),
    ),
).subquery("reader")

_READERS = select(
    _ALL.c.role, _ALL.c.msisdn, _ALL.c.organisation_id, _ALL.c.language, _ALL.c.staff_id, _ALL.c.told,
    caller.c.language.label("chosen"),
).outerjoin(caller, caller.c.msisdn == _ALL.c.msisdn)  # fmt: skip


def ask_readers(books: Organisation, household_id: int, payer: str) -> Ask:
    """What to ask for the readers of a household's payment; :func:`read_readers` reads the answer."""
    return _READERS, {"payer": payer, "household_id": household_id, "books_path": books.path}


def read_readers(rows: Sequence[Any], tree: Tree, books: Organisation, family_language: str | None) -> Readers:
    """The readers of what happens to a household's money, each once.

    A language that a phone chose comes first, then the household's, then the mutuelle's; a treasurer's own before all.
    The treasurers are those of the books, or of the nearest organisation above that has any.
    """
    usual = books.languages[0]
    members = {
        row.msisdn: Reader(row.msisdn, row.chosen or family_language or usual)
        for row in rows
        if row.role == "member" and row.msisdn  # cash may come from somebody without a phone
    }
    keepers = [row for row in rows if row.role == "treasurer"]
    above = [one.id for one in tree.upward(books.id)]
    nearest = min((above.index(row.organisation_id) for row in keepers), default=None)
    treasurers = {
        row.msisdn: Reader(row.msisdn, row.language or row.chosen or usual, row.staff_id, row.organisation_id, row.told)
        for row in keepers
        if above.index(row.organisation_id) == nearest
    }
    return Readers(tuple(members.values()), tuple(treasurers.values()))


def readers(
    connection: Connection, tree: Tree, books: Organisation, household_id: int, family_language: str | None, payer: str
) -> Readers:
    """Ask for and read the readers."""
    rows = connection.execute(*ask_readers(books, household_id, payer)).all()
    return read_readers(rows, tree, books, family_language)


def message_to(
    reader: Reader,
    event: str,
    about: str,
    text: str,
    organisation_id: int,
    household_id: int | None = None,
    which: str = "",
) -> Outgoing:
    """One SMS to a reader; ``about`` keys what it is about, ``which`` tells several of one event and reader apart."""
    key = f"{event}:{about}:{in_key(f'{reader.msisdn}{which}')}"
    return Outgoing(event, reader.msisdn, reader.language, text, organisation_id, household_id, key)
