"""Commands that sign a day or a month of a wallet, list what is signed, and print it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, parts_of, path_of, under_option
from gateway.kernel.faults import Fault
from gateway.kernel.money import Money
from gateway.locale import show_money

if TYPE_CHECKING:
    from gateway.payments.reconciliation.closing.figures import Kind
    from gateway.payments.reconciliation.closing.signing import StillOpen, WalletClosed
    from gateway.payments.reconciliation.wallets import Wallet
    from gateway.wiring import Runtime


def _wallet_and_span(parts: Runtime, name: str, span: str) -> tuple[Wallet, Kind, date]:
    """The wallet with a name, and the day or the month; raises :class:`Fault`."""
    from gateway.ledger.closing import read_month
    from gateway.payments.reconciliation.wallets import wallet_named

    with parts.store.read() as connection:
        wallet = wallet_named(connection, parts.network.tree(), name)
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", span):
        return wallet, "month", read_month(span)
    try:
        return wallet, "day", date.fromisoformat(span)
    except ValueError:
        raise Fault(f"{span}: a day is written 2026-10-31, a month 2026-10") from None


@click.command("close")
@click.argument("wallet")
@click.argument("span", metavar="YYYY-MM[-DD]")
@by_option
@click.option("--despite", metavar="WHY", help="Sign although something stands in the way: why, which is kept.")
@click.option("--pdf", type=click.Path(path_type=Path), help="Print it to this file, too.")
def close_span(wallet: str, span: str, name: str, despite: str | None, pdf: Path | None) -> None:
    """Sign a day or a month of WALLET (CODE:operator) for ever, with what stands between its operator and us."""
    from gateway.payments.reconciliation.closing.signing import StillOpen, close_wallet

    parts = parts_of()
    one, kind, first_on = _wallet_and_span(parts, wallet, span)
    done = close_wallet(parts.store, parts.network.tree(), one, kind, first_on, name, despite)
    if isinstance(done, StillOpen):
        why = "; ".join(_in_the_way(done, one.currency))
        raise Fault(f"{wallet} {span}: {why}. Settle it, or say --despite and why")
    click.echo(f"{wallet} {done.span} is signed")
    click.echo(_figures_text(done, one.currency))
    if pdf is not None:
        _print(parts, one, done, pdf)


def _in_the_way(still: StillOpen, currency: str) -> list[str]:
    found = []
    if still.differences:
        found.append(f"differences are open: {', '.join(still.differences)}")
    if still.gaps:
        gaps = ", ".join(f"{begin:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S}" for begin, end in still.gaps)
        found.append(f"no statement covers (UTC) {gaps}: take one in, or say its days (--from, --until)")
    if still.rest_minor:
        found.append(f"nothing explains {_shown(still.rest_minor, currency)} between the two closings")
    return found


def _shown(minor: int, currency: str) -> str:
    return show_money(Money(minor, currency), "en")


def _figures_text(done: WalletClosed, currency: str) -> str:
    theirs, ours, one = done.figures.theirs, done.figures.ours, done.figures
    sides = [
        (name, *(_shown(getattr(side, field) * sign, currency) for side in (theirs, ours)))
        for name, field, sign in (
            ("opening", "opening_minor", 1),
            ("came late", "after_minor", 1),
            ("in", "in_minor", 1),
            ("out", "out_minor", -1),
            ("fees", "fees_minor", -1),
            ("on no line", "untold_minor", 1),
            ("closing", "closing_minor", 1),
        )
    ]
    lists = [
        *((each.name, str(each.count), _shown(each.amount_minor, currency)) for each in one.lists),
        ("not explained", "", _shown(one.rest_minor, currency)),
    ]
    return "\n".join(
        (
            table(sides, ("", "operator", "books"), numbers=(1, 2)),
            "",
            table(lists, ("between the closings", "items", "amount"), numbers=(1, 2)),
        )
    )


@click.command("closed")
@under_option
@json_option
def list_closed(under: str | None, as_json: bool) -> None:
    """The days and months that are signed, the last one first."""
    from gateway.payments.reconciliation.closing.signing import closed_spans
    from gateway.payments.reconciliation.wallets import wallet_name, wallets

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = [
            (wallet_name(tree, one), one.currency, done)
            for one in wallets(connection, tree, path_of(parts, under))
            for done in closed_spans(connection, tree, one)
        ]

    def as_value() -> list[dict[str, Any]]:
        return [
            {
                "wallet": name,
                "span": str(done.span),
                "currency": currency,
                "theirs_minor": done.figures.theirs.closing_minor,
                "ours_minor": done.figures.ours.closing_minor,
                "between": {each.name: each.amount_minor for each in done.figures.lists},
                "rest_minor": done.figures.rest_minor,
                "signed_by": done.signed_by,
                "signed_at": done.signed_at.isoformat(),
                "despite": done.despite,
            }
            for name, currency, done in found
        ]

    def as_text() -> str:
        rows = [
            (
                name,
                done.span,
                _shown(done.figures.theirs.closing_minor, currency),
                _shown(done.figures.ours.closing_minor, currency),
                _shown(done.figures.rest_minor, currency),
                f"{done.signed_at:%Y-%m-%d %H:%M}",
                done.signed_by,
                done.despite or "",
            )
            for name, currency, done in found
        ]
        heads = ("wallet", "span", "operator", "books", "not explained", "signed (UTC)", "by", "despite")
        return table(rows, heads, numbers=(2, 3, 4))

    show(as_json, as_value, as_text)


@click.command("paper")
@click.argument("wallet")
@click.argument("span", metavar="YYYY-MM[-DD]")
@click.argument("file", type=click.Path(path_type=Path))
def print_span(wallet: str, span: str, file: Path) -> None:
    """Print a day or a month of WALLET that is signed to FILE (PDF), in the organisation's language."""
    from gateway.payments.reconciliation.closing.signing import closed_span

    parts = parts_of()
    one, kind, first_on = _wallet_and_span(parts, wallet, span)
    with parts.store.read() as connection:
        done = closed_span(connection, parts.network.tree(), one, kind, first_on)
    if done is None:
        raise Fault(f"{wallet} {span} isn't signed: see gateway reconcile close")
    _print(parts, one, done, file)


def _print(parts: Runtime, one: Wallet, done: WalletClosed, file: Path) -> None:
    from gateway.ledger.exports import whole
    from gateway.locale import Say
    from gateway.payments.reconciliation.closing.paper import Paper, as_pdf
    from gateway.payments.reconciliation.wallets import wallet_name

    tree = parts.network.tree()
    whose = tree[one.organisation_id]
    paper = Paper(
        whose.name,
        wallet_name(tree, one),
        one.account,
        one.currency,
        done.span,
        done.figures,
        done.despite,
        done.signed_by,
        done.signed_at,
    )
    with whole(file) as part:
        part.write_bytes(as_pdf(paper, Say(whose.languages[0])))
    click.echo(f"printed to {file}")


COMMANDS = (close_span, list_closed, print_span)
