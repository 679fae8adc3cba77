"""Commands about the books: balances and the newest lines, the chain, months that are closed; and the registers."""

from __future__ import annotations

import dataclasses

import click

from gateway.cli import json_option, registers, show, table
from gateway.cli.given import books_of, books_option, by_option, parts_of, path_of, under_option
from gateway.cli.registers import show_minor, show_sides, trial_text
from gateway.kernel.faults import Fault


@click.group()
def ledger() -> None:
    """The books."""


for each in registers.COMMANDS:
    ledger.add_command(each)


# --- everything -------------------------------------------------------------------------------------------------------


@ledger.command()
@under_option
@json_option
def balances(under: str | None, as_json: bool) -> None:
    """The balance of every account, and whether the whole nets to zero."""
    from gateway.ledger.accounts import balances as read_balances

    parts = parts_of()
    with parts.store.read() as connection:
        found = read_balances(connection, path_of(parts, under))
    totals: dict[str, int] = {}
    for one in found:
        totals[one.currency] = totals.get(one.currency, 0) + one.amount_minor

    def as_text() -> str:
        rows = [(one.organisation, one.code, one.role, *show_sides(one.amount_minor, one.currency)) for one in found]
        rows += [("all", "", "nets to", *show_sides(total, currency)) for currency, total in totals.items()]
        return table(rows, ("books", "account", "role", "debit", "credit"), numbers=(3, 4))

    show(as_json, lambda: {"balances": [dataclasses.asdict(one) for one in found], "totals": totals}, as_text)


@ledger.command()
@under_option
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1_000_000))
@json_option
def journal(under: str | None, limit: int, as_json: bool) -> None:
    """The newest lines of all journals; the command journals shows those of a time, in order."""
    from gateway.ledger.accounts import journal as read_journal

    parts = parts_of()
    with parts.store.read() as connection:
        found = list(read_journal(connection, path_of(parts, under), limit))

    def as_text() -> str:
        rows = [
            (
                one.happened_on,
                one.journal,
                one.key,
                one.organisation,
                one.code,
                *show_sides(one.amount_minor, one.currency),
            )
            for one in found
        ]
        return table(rows, ("day", "journal", "entry", "books", "account", "debit", "credit"), numbers=(5, 6))

    show(as_json, lambda: [dataclasses.asdict(one) for one in found], as_text)


# --- the chain --------------------------------------------------------------------------------------------------------


@ledger.command()
@click.option("--anchor", "noted", metavar="NUMBER:DIGEST", help="See that the chain still passes through this anchor.")
def verify(noted: str | None) -> None:
    """Recompute everything; exits non-zero at the first thing that doesn't hold, and names it."""
    from gateway.ledger.accounts import first_difference
    from gateway.ledger.chain import Broken, read_anchor, verify_chain
    from gateway.ledger.closing import first_changed_period
    from gateway.membership.recomputing import first_wrong_due
    from gateway.payments.reconciliation.closing.signing import first_changed_close

    anchor = read_anchor(noted) if noted else None
    parts = parts_of()
    with parts.store.read() as connection:
        chain = verify_chain(connection, anchor)
        difference = (
            first_difference(connection)
            or (chain.what if isinstance(chain, Broken) else None)
            or first_changed_period(connection)
            or first_wrong_due(connection)
            or first_changed_close(connection, parts.network.tree())
        )
    if difference or isinstance(chain, Broken):
        raise Fault(f"ledger: {difference}")
    click.echo("the ledger holds: every entry nets to zero, and every due is what its plan says")
    through = f", and the chain passes through {anchor.number}" if anchor else ""
    click.echo(f"the chain holds: {chain.last.number} entries sealed, {chain.waiting} wait to be{through}")
    if chain.backdated:
        click.echo(
            f"to look at: {chain.backdated} entries say they were recorded over a day before others that were sealed "
            f"before them; the first: {chain.first_backdated}"
        )


@ledger.command()
@json_option
def anchor(as_json: bool) -> None:
    """How many entries are sealed, the last digest and its time: to be noted outside, for verify --anchor."""
    from gateway.ledger.chain import last_anchor

    with parts_of().store.read() as connection:
        last, at = last_anchor(connection)
    show(
        as_json,
        lambda: {"sealed": last.number, "digest": last.digest, "recorded_at": at.isoformat() if at else None},
        lambda: (
            f"{last}\n{last.number} entries sealed"
            + (f"; the last was recorded at {at:%Y-%m-%d %H:%M:%S} UTC" if at else "")
        ),
    )


# --- months -----------------------------------------------------------------------------------------------------------


@ledger.command()
@click.argument("month")
@books_option
@by_option
@click.option("--despite", metavar="REASON", help="Close although cases about its money are open: why, which is kept.")
def close(month: str, code: str, name: str, despite: str | None) -> None:
    """Close MONTH (2026-10) of one organisation's books for ever; what comes for it later stands in an open month."""
    from gateway.ledger.closing import OpenCases, close_month, read_month

    parts = parts_of()
    books = books_of(parts, code)
    done = close_month(parts.store, parts.network.tree(), books, read_month(month), name, despite)
    if isinstance(done, OpenCases):
        listed = ", ".join(f"{number} ({kind})" for number, kind in done.cases)
        raise Fault(f"{month}: cases about its money are open: {listed}; decide them, or say --despite and why")
    click.echo(f"{books.code} {done.month:%Y-%m} is closed; the chain was at {done.through}")
    click.echo(trial_text(done.totals))
    for one in done.totals:
        if one.role == "collectors" and one.closing_minor:
            click.echo(f"not handed over yet: {show_minor(one.closing_minor, one.currency)} with animators")
    if done.cases:
        click.echo(f"open cases: {', '.join(done.cases)}")


@ledger.command()
@books_option
@json_option
def months(code: str, as_json: bool) -> None:
    """The months of one organisation's books that are closed."""
    from gateway.ledger.closing import periods

    parts = parts_of()
    with parts.store.read() as connection:
        found = periods(connection, books_of(parts, code).id)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "month": f"{one.month:%Y-%m}",
                "closed_at": one.closed_at.isoformat(),
                "closed_by": one.closed_by,
                "anchor": str(one.through),
                "despite": one.despite,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (f"{one.month:%Y-%m}", f"{one.closed_at:%Y-%m-%d %H:%M}", one.closed_by, one.through, one.despite or "")
            for one in found
        ]
        return table(rows, ("month", "closed (UTC)", "by", "anchor", "despite open cases"))

    show(as_json, as_value, as_text)
