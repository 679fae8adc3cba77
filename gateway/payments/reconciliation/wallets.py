"""Wallets: accounts with operators and banks, of which statements come, and whose movements each one should show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, case, delete, exists, func, insert, or_, select, update

from gateway.kernel.faults import Fault
from gateway.ledger.rules import next_month
from gateway.locale import mark
from gateway.network.organisations import Organisation, Tree
from gateway.payments.names import operator_word, provider_names
from gateway.store.schema import statement, statement_upload, wallet, wallet_close
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

Role = Literal["wallet", "bank"]
DELAY_HOURS = 24
ACCOUNT_CHARACTERS = 40


@dataclass(frozen=True)
class Wallet:
    """An account with an operator or a bank.

    ``organisation_id`` is whose it is; ``role`` is the account of the books on which it stands; ``account`` is how its
    statements name it, where one has; ``delay`` is how late a payment may stand in its statement.
    """

    id: int
    organisation_id: int
    operator: str
    currency: str
    role: Role
    account: str | None
    delay: timedelta


def open_wallet(
    unit: Unit,
    whose: Organisation,
    operator: str,
    role: Role,
    currency: str | None = None,
    delay_hours: int = DELAY_HOURS,
) -> Wallet:
    """The wallet of an organisation with an operator or a bank, made where there is none yet.

    Raises :class:`Fault` where there is one that stands on another account of the books.
    """
    word, currency = operator_word(operator), currency or whose.currency
    take_turn(unit, f"wallet {whose.id} {word}")
    found = _found(unit.connection, whose.id, word, currency)
    if found is None:
        unit.connection.execute(
            insert(wallet).values(
                organisation_id=whose.id, operator=word, currency=currency, role=role, delay_hours=delay_hours
            )
        )
        found = _found(unit.connection, whose.id, word, currency)
        assert found is not None
    if found.role != role:
        raise Fault(
            mark("{code}:{operator} is a {found} in the books, not a {role}"),
            code=whose.code, operator=word, found=found.role, role=role,
        )  # fmt: skip
    return found


def name_account(unit: Unit, one: Wallet, account: str) -> None:
    """Keep how its statements name a wallet, once the first one has."""
    unit.connection.execute(update(wallet).where(wallet.c.id == one.id).values(account=account[:ACCOUNT_CHARACTERS]))


def forget_unused(unit: Unit, one: Wallet) -> None:
    """Close a wallet again that no statement has come of: it would keep its payments from the wallet above it."""
    used = or_(*(exists().where(each.c.wallet_id == one.id) for each in (statement, statement_upload, wallet_close)))
    unit.connection.execute(delete(wallet).where(wallet.c.id == one.id, ~used))


def wallets(connection: Connection, tree: Tree, under_path: str = "/") -> list[Wallet]:
    """The wallets of the organisations at or below a path, by organisation and operator."""
    found = [_read(row) for row in connection.execute(select(wallet))]
    found = [one for one in found if tree[one.organisation_id].path.startswith(under_path)]
    return sorted(found, key=lambda one: (tree[one.organisation_id].path, one.operator, one.currency))


def wallet_with(connection: Connection, its_id: int) -> Wallet:
    """The wallet with an id."""
    return _read(connection.execute(select(wallet).where(wallet.c.id == its_id)).one())


def wallet_named(connection: Connection, tree: Tree, name: str) -> Wallet:
    """The wallet that people name ``CODE:operator``, or ``CODE:operator:CURRENCY`` where it has several.

    Raises :class:`Fault`.
    """
    code, _, rest = name.partition(":")
    operator, _, currency = rest.partition(":")
    whose = tree.named(code)
    word = operator_word(operator) if operator else ""
    own = [one for one in wallets(connection, tree) if one.organisation_id == whose.id]
    fit = [one for one in own if one.operator == word and currency.upper() in ("", one.currency)]
    if len(fit) != 1:
        known = ", ".join(wallet_name(tree, one) for one in own) or "none"
        raise Fault(f"no wallet is named {name} (of {code}: {known}); write CODE:operator, or CODE:operator:CURRENCY")
    return fit[0]


def wallet_name(tree: Tree, one: Wallet) -> str:
    """How people name a wallet."""
    whose = tree[one.organisation_id]
    return f"{whose.code}:{one.operator}" + ("" if one.currency == whose.currency else f":{one.currency}")


def whose_movements(connection: Connection, tree: Tree, one: Wallet) -> list[int]:
    """The ids of the organisations whose money moves on a wallet.

    Its own and those below it, but for what is below one with a wallet of its own with the same operator.
    """
    rivals = {
        each.organisation_id
        for each in wallets(connection, tree)
        if (each.operator, each.currency) == (one.operator, one.currency)
    }
    whose = tree[one.organisation_id]
    return [
        org.id
        for org in tree.by_id.values()
        if org.under(whose) and next(up.id for up in tree.upward(org.id) if up.id in rivals) == whose.id
    ]


def providers_of(one: Wallet) -> list[str]:
    """The names of the providers whose payments move on a wallet."""
    return provider_names(one.operator)


@dataclass(frozen=True)
class Stands:
    """How far a wallet has come: until when its statements go, and until which day it is signed; None for nothing."""

    statements_until: datetime | None
    reconciling: int  # statements that a run has still to look at
    closed_until: date | None


def how_wallets_stand(connection: Connection, wallet_ids: Iterable[int]) -> dict[int, Stands]:
    """How far each of some wallets has come, by its id."""
    ids = list(wallet_ids)
    waits = case((statement.c.reconciled_at.is_(None), 1), else_=0)
    rows = connection.execute(
        select(statement.c.wallet_id, func.max(statement.c.until_at), func.sum(waits))
        .where(statement.c.wallet_id.in_(ids))
        .group_by(statement.c.wallet_id)
    )
    taken = {row[0]: (row[1], int(row[2])) for row in rows}
    closed: dict[int, date] = {}
    spans = connection.execute(
        select(wallet_close.c.wallet_id, wallet_close.c.span, func.max(wallet_close.c.first_on))
        .where(wallet_close.c.wallet_id.in_(ids))
        .group_by(wallet_close.c.wallet_id, wallet_close.c.span)
    )
    for its_id, span, first_on in spans:
        after = next_month(first_on) if span == "month" else first_on + timedelta(days=1)
        closed[its_id] = max(closed.get(its_id, date.min), after - timedelta(days=1))
    return {each: Stands(*taken.get(each, (None, 0)), closed.get(each)) for each in ids}


def _found(connection: Connection, organisation_id: int, word: str, currency: str) -> Wallet | None:
    own = (wallet.c.organisation_id == organisation_id) & (wallet.c.operator == word) & (wallet.c.currency == currency)
    row = connection.execute(select(wallet).where(own)).first()
    return _read(row) if row else None


def _read(row: Any) -> Wallet:
    return Wallet(
        row.id, row.organisation_id, row.operator, row.currency, row.role, row.account, timedelta(hours=row.delay_hours)
    )
