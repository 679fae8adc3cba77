"""The chart of accounts: which account plays which role, by country.

Defaults follow SYSCEBNL, OHADA's plan for non-profit entities: 411 members, 419 members in credit, 4712 sundry
creditors, 521 bank, 552 electronic money on a phone, 571 cash, 572 cash at a branch (here: what animators hold until
their treasurer has it), 631 bank charges, 701 members' contributions.
"""

from __future__ import annotations

from sqlalchemy import select

from gateway.store.if_new import if_new
from gateway.store.schema import account
from gateway.store.unit import Store, Unit

OHADA = {
    "receivable": "411",
    "advance": "419",
    "suspense": "4712",
    "bank": "521",
    "wallet": "552",
    "cash": "571",
    "collectors": "572",
    "fees": "631",
    "income": "701",
}
ROLES = tuple(OHADA)
_NEW = if_new(account, "organisation_id", "role", "currency")
# The two accounts on which a household's own position stands.
HOUSEHOLD_ROLES = ("receivable", "advance")


class Chart:
    """The accounts of every organisation, found by role; made at the first use, kept by the process for ever after."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], dict[str, int]] = {}

    def of(self, unit: Unit, organisation_id: int, currency: str) -> dict[str, int]:
        """Account ids by role of one organisation in one currency."""
        key = (organisation_id, currency)
        found = self._known.get(key)
        if found is None:
            found = self._read(unit, organisation_id, currency)
            if len(found) < len(ROLES):
                self._make(unit, organisation_id, currency)
                # Not kept yet: this transaction may still be rolled back.
                return self._read(unit, organisation_id, currency)
            self._known[key] = found
        return found

    @staticmethod
    def _read(unit: Unit, organisation_id: int, currency: str) -> dict[str, int]:
        rows = unit.connection.execute(
            select(account.c.role, account.c.id).where(
                account.c.organisation_id == organisation_id, account.c.currency == currency
            )
        )
        return {row.role: row.id for row in rows}

    @staticmethod
    def _make(unit: Unit, organisation_id: int, currency: str) -> None:
        unit.connection.execute(
            _NEW[unit.connection.dialect.name],
            [
                {"organisation_id": organisation_id, "role": role, "code": code, "currency": currency}
                for role, code in OHADA.items()
            ],
        )


def codes(store: Store) -> dict[int, str]:
    """The code of every account, by id."""
    with store.read() as connection:
        return {row.id: row.code for row in connection.execute(select(account.c.id, account.c.code))}
