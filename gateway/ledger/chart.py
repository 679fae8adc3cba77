"""The chart of accounts: which account plays which role, in each organisation's books.

Where the founding file says nothing else, codes follow SYSCEBNL, OHADA's plan for non-profit entities: 411 members,
419 members in credit, 4191 advances received (here: from groups), 4495 operating subsidies to be received, 466 current
accounts within a group (here: between mutuelles), 4711 sundry debtors, 4712 sundry creditors, 521 bank, 552 electronic
money on a phone, 571 cash, 572 cash at a branch (here: what animators hold until their treasurer has it), 585
transfers of funds, 631 bank charges, 651 losses on members' debts, 701 members' contributions, 711 subsidies, 758
sundry income (here: penalties).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import select

from gateway.store.if_new import if_new
from gateway.store.schema import account
from gateway.store.unit import Store, Unit

Role = Literal[
    "receivable",
    "advance",
    "groups",
    "subsidiser",
    "between",
    "unexplained",
    "suspense",
    "bank",
    "wallet",
    "cash",
    "collectors",
    "transfer",
    "fees",
    "losses",
    "income",
    "subsidies",
    "penalties",
]
OHADA: Mapping[Role, str] = {
    "receivable": "411",
    "advance": "419",
    "groups": "4191",  # what a group has paid and that isn't divided among its households yet
    "subsidiser": "4495",  # who pays what a category's members needn't: State, project, diocese
    "between": "466",  # what another mutuelle owes or is owed, of households that moved with their money
    "unexplained": "4711",  # money that left a wallet and of which nobody has said yet why
    "suspense": "4712",
    "bank": "521",
    "wallet": "552",
    "cash": "571",
    "collectors": "572",
    "transfer": "585",
    "fees": "631",
    "losses": "651",
    "income": "701",
    "subsidies": "711",
    "penalties": "758",
}
ROLES: tuple[str, ...] = tuple(OHADA)
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
                open_accounts(unit, organisation_id, currency, {})
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


def open_accounts(unit: Unit, organisation_id: int, currency: str, own: Mapping[Role, str]) -> None:
    """Make an organisation's accounts in a currency, with ``own`` codes for some roles; those there are keep theirs."""
    unit.connection.execute(
        _NEW[unit.connection.dialect.name],
        [
            {"organisation_id": organisation_id, "role": role, "code": code, "currency": currency}
            for role, code in {**OHADA, **own}.items()
        ],
    )


def codes(store: Store) -> dict[int, str]:
    """The code of every account, by id."""
    with store.read() as connection:
        return {row.id: row.code for row in connection.execute(select(account.c.id, account.c.code))}
