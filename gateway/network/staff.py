"""People with a role in an organisation."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from gateway.store.schema import staff
from gateway.store.unit import Unit


@dataclass(frozen=True)
class Member:
    """Somebody with a role."""

    organisation_id: int
    name: str
    role: str
    msisdn: str
    language: str | None


def add(unit: Unit, organisation_id: int, name: str, role: str, msisdn: str, language: str | None) -> None:
    """Give somebody a role; raises IntegrityError when the number has it there already."""
    unit.connection.execute(
        insert(staff).values(organisation_id=organisation_id, name=name, role=role, msisdn=msisdn, language=language)
    )


def everybody(connection: Connection) -> list[Member]:
    """All who have a role, by organisation."""
    rows = connection.execute(select(staff).order_by(staff.c.organisation_id, staff.c.role, staff.c.id))
    return [Member(row.organisation_id, row.name, row.role, row.msisdn, row.language) for row in rows]
