"""Who is told of a payment, and in which language: the payer, the household's main phones, the nearest treasurers."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, String, bindparam, cast, literal, null, select, union_all

from gateway.network.organisations import Organisation, Tree
from gateway.store.schema import caller, phone, staff


@dataclass(frozen=True)
class Reader:
    """One phone that is written to."""

    msisdn: str
    language: str


@dataclass(frozen=True)
class Readers:
    """Who reads receipts, and who reads the confirmations for those who keep the money."""

    members: tuple[Reader, ...]
    treasurers: tuple[Reader, ...]


_NOWHERE, _UNSAID = cast(null(), BigInteger), cast(null(), String(2))

_ALL = union_all(
    select(
        literal("member").label("role"),
        bindparam("payer", type_=String(16)).label("msisdn"),
        _NOWHERE.label("organisation_id"),
        _UNSAID.label("language"),
    ),
    select(literal("member"), phone.c.msisdn, _NOWHERE, _UNSAID).where(
        phone.c.household_id == bindparam("household_id"), phone.c.main
    ),
    select(literal("treasurer"), staff.c.msisdn, staff.c.organisation_id, staff.c.language).where(
        staff.c.organisation_id.in_(bindparam("upward", expanding=True)), staff.c.role == "treasurer"
    ),
).subquery("reader")

_READERS = select(
    _ALL.c.role, _ALL.c.msisdn, _ALL.c.organisation_id, _ALL.c.language, caller.c.language.label("chosen")
).outerjoin(caller, caller.c.msisdn == _ALL.c.msisdn)


def readers(
    connection: Connection, tree: Tree, books: Organisation, household_id: int, family_language: str | None, payer: str
) -> Readers:
    """The readers of what happens to a household's money, each once.

    A language that a phone chose comes first, then the household's, then the mutuelle's; a treasurer's own before all.
    The treasurers are those of the books, or of the nearest organisation above that has any.
    """
    upward = [above.id for above in tree.upward(books.id)]
    rows = connection.execute(_READERS, {"payer": payer, "household_id": household_id, "upward": upward}).all()
    usual = books.languages[0]
    members = {
        row.msisdn: Reader(row.msisdn, row.chosen or family_language or usual) for row in rows if row.role == "member"
    }
    keepers = [row for row in rows if row.role == "treasurer"]
    nearest = next((each for each in upward if any(row.organisation_id == each for row in keepers)), None)
    treasurers = {
        row.msisdn: Reader(row.msisdn, row.language or row.chosen or usual)
        for row in keepers
        if row.organisation_id == nearest
    }
    return Readers(tuple(members.values()), tuple(treasurers.values()))
