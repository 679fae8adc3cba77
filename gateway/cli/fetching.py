"""``gateway statement fetch``: an operator's own statement, asked for by its API and taken in like any other file."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import click

from gateway.cli import counting
from gateway.cli.given import parts_of
from gateway.kernel.clock import Clock, day_in
from gateway.kernel.faults import Fault

WAIT_S = 600
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("fetch")
@click.argument("provider", type=click.Choice(["pawapay"]))
@click.option("--from", "first", required=True, type=_DAY, metavar="YYYY-MM-DD", help="The first day.")
@click.option("--until", "last", required=True, type=_DAY, metavar="YYYY-MM-DD", help="The last one; it is over.")
@click.option("--of", "code", metavar="CODE", help="Whose account it is; by default the whole network's.")
@click.option("--currency", metavar="XOF", help="Of the account, where it isn't the organisation's own.")
@click.option(
    "--provider", "operator", metavar="OPERATOR", help="An operator (MTN_MOMO_BEN), where it has a wallet of its own."
)
@click.option("--by", required=True, metavar="NAME", help="Who brings it: it is kept.")
@click.option(
    "--wait", "wait_s", default=WAIT_S, show_default=True, metavar="SECONDS", type=click.IntRange(1, 24 * 3600),
    help="How long to wait until a statement is made.",
)  # fmt: skip
def fetch_statement(
    provider: str,
    first: datetime,
    last: datetime,
    code: str | None,
    currency: str | None,
    operator: str | None,
    by: str,
    wait_s: int,
) -> None:
    """Ask PROVIDER (pawapay) for its statement of some days, and take it in as `gateway statement import` does.

    More than 31 days are asked for in several statements: each is kept or not by itself.
    """
    from gateway.cli.statements import bring_in, hints_for, wallet_for
    from gateway.payments.providers.pawapay_statements import NotFetched, PawaPayStatements, Wanted, moments, pieces
    from gateway.payments.reconciliation.wallets import forget_unused

    if first > last:
        raise Fault("--from is the first day, and --until the last")
    parts = parts_of()
    fetcher = PawaPayStatements.from_settings(parts.settings)
    opened = partial(wallet_for, parts, provider, code, bank=False, currency=currency)
    wallet = opened()
    whose = parts.network.tree()[wallet.organisation_id]
    failed = []
    try:
        _check_over(last.date(), parts.clock, whose.time_zone)
        for days in pieces(first.date(), last.date()):
            wanted = Wanted(whose.country, wallet.currency, operator, *moments(days, whose.time_zone))
            with tempfile.TemporaryDirectory(prefix="cotisa-fetched-") as folder:
                file = Path(folder) / f"{provider}-{days[0]}-{days[1]}.csv.gz"
                try:
                    with counting(f"waiting for {days[0]} to {days[1]}, seconds") as waiting:
                        fetcher.fetch(wanted, file, wait_s, waiting)
                except NotFetched as why:  # whatever it is, it would be the same with the days that follow
                    failed.append(f"{days[0]} to {days[1]}: {why}")
                    break
                wallet = opened()  # again: a file that isn't taken in closes what was opened for it
                try:
                    bring_in(parts, wallet, file, hints_for(parts, wallet), by, days)
                except Fault as why:
                    failed.append(str(why))
    finally:
        with parts.store.write() as unit:
            forget_unused(unit, wallet)
    if failed:
        raise Fault("; ".join(failed))


def _check_over(last: date, clock: Clock, zone: str) -> None:
    """pawaPay may be an hour behind: until then a day isn't whole, and what is missing would count as never paid."""
    from gateway.payments.providers.pawapay_statements import LATE

    over = day_in(zone, clock.now() - LATE) - timedelta(days=1)
    if last > over:
        raise Fault(f"--until is {over} at the latest: a day's statement is whole an hour after the day")
