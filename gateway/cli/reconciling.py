"""Commands that reconcile: what differs between statements and the books is settled by people, and undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gateway.cli import closing, counting, json_option, show
from gateway.cli.differences import found_in, list_differences, show_choices, show_difference, wallet_option
from gateway.cli.given import by_option, parts_of, path_of, reason_option, under_option
from gateway.cli.statements import HOW
from gateway.kernel.faults import Fault
from gateway.payments.reconciliation.differences.choices import choice_of
from gateway.payments.reconciliation.differences.found import KINDS, Kind

if TYPE_CHECKING:
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.listing import Difference
    from gateway.payments.reconciliation.differences.settling import Asked, Given, Settled
    from gateway.wiring import Runtime

# Why a difference was not settled or not undone, for whoever tried.
NOT_SETTLED = {
    "gone": "there is no such difference, or what it is about has changed since: run gateway reconcile",
    "settled": "it is settled: undo that first",
    "open": "it is open: there is nothing to undo",
    "pending": "somebody has asked for something about it: another person approves that or drops it first",
    "not-asked": "nobody has asked for anything about it that another person approves",
    "choice": "this kind of difference has other choices",
    "needs": "this choice takes one more option",
    "no-reason": "a name and a reason are needed",
    "same-person": "whoever asked can't approve: it takes two",
    "card": "no household has this card",
    "receipt": "nothing that moves on this wallet has this key or number",
    "number": "the statement's line has no operator's number",
    "amount": "the amounts don't fit, or more is taken back than counts still",
    "other-network": "the household doesn't pay into this wallet",
    "currency": "the household deals in another currency",
    "busy": "this money is being given back or assigned: that is decided first",
    "unidentified": "nobody has said yet whose this money is: say that first, or take it back",
    "group": "a group paid it: settle it household by household",
    "part": "a part of a group's payment: take it back from a household (gateway cases settle --share)",
    "cash": "it is cash: no operator has it",
    "known": "this number stands in the books already",
    "refund": "the refund has to go on first: see gateway refunds list",
    "paid": "it was paid out: it can't be undone",
    "later": "more has followed from it, and that has to be settled first",
    "moved": "the money has left its books for the household's: give it back from there (gateway refunds ask)",
    "reversed": "what an operator took back stays so: money that comes again is a new payment",
    "matched": "another line is this payment already: see gateway reconcile show for those that are free",
    "rule": "a rule has settled it, and no person: see gateway reconcile show",
}


@click.group(invoke_without_command=True)
@under_option
@wallet_option
@json_option
@click.pass_context
def reconcile(ctx: click.Context, under: str | None, wallet: str | None, as_json: bool) -> None:
    """Match the statements of operators and banks with the books; what differs is settled by the commands below.

    Without one of them: match what is left, let rules settle what they may, and write down what differs. Again and
    again: what is matched stays matched.
    """
    if ctx.invoked_subcommand is None:
        _run(under, wallet, as_json)


def _run(under: str | None, wallet: str | None, as_json: bool) -> None:
    from gateway.payments.reconciliation.running import Report
    from gateway.payments.reconciliation.running import reconcile as reconciled
    from gateway.payments.reconciliation.wallets import wallet_name, wallet_named, wallets

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        own = [wallet_named(connection, tree, wallet)] if wallet else wallets(connection, tree, path_of(parts, under))
    if not own:
        raise Fault("no statement was taken in yet: gateway statement import PROVIDER FILE")
    done: list[tuple[str, Report]] = []
    for one in own:
        name = wallet_name(tree, one)
        with counting(name) as progress:
            report = reconciled(parts.store, tree, parts.services.chart, one, lambda _, now, __: progress(now))
        done.append((name, report))

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "wallet": name,
                "statements": report.statements,
                "matched": dict(report.matched),
                "explained": report.gone,
                "open": dict(report.open),
            }
            for name, report in done
        ]

    def as_text() -> str:
        lines = []
        for name, report in done:
            ways = ", ".join(f"{count} by {HOW[how]}" for how, count in report.matched.items()) or "nothing new"
            statements = "1 statement" if report.statements == 1 else f"{report.statements} statements"
            lines.append(f"{name}: {statements} looked at; matched: {ways}")
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(report.open.items()))
            lines.append(f"  differences open: {kinds or 'none'}")
        if any(report.open for _, report in done):
            lines.append("next: gateway reconcile differences")
        return "\n".join(lines)

    show(as_json, as_value, as_text)


reconcile.add_command(list_differences)
reconcile.add_command(show_difference)
reconcile.add_command(show_choices)
for each in closing.COMMANDS:
    reconcile.add_command(each)


# --- deciding ---------------------------------------------------------------------------------------------------------


@reconcile.command("settle")
@click.argument("number", metavar="NUMBER|KIND")
@click.argument("choice")
@click.option(
    "--all", "whole", is_flag=True, help="All that are open of a KIND, as far as one person decides them alone."
)
@click.option("--card", metavar="CARD", help="Of the household that the money is of.")
@click.option("--receipt", metavar="RECEIPT", help="The number, or the key, of the payment of ours that it is.")
@click.option("--refund", metavar="NUMBER", help="Of the refund that it paid out.")
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="The day from which to look again."
)
@under_option
@wallet_option
@by_option
@reason_option
def settle_difference(
    number: str,
    choice: str,
    whole: bool,
    card: str | None,
    receipt: str | None,
    refund: str | None,
    until: datetime | None,
    under: str | None,
    wallet: str | None,
    name: str,
    reason: str,
) -> None:
    """Settle a difference by a CHOICE (gateway reconcile choices). Large amounts take a second person.

    --under and --wallet go with --all.
    """
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.listing import difference_numbered
    from gateway.payments.reconciliation.differences.settling import Given

    parts = parts_of()
    given = Given(card, receipt, refund, until.date() if until else None)
    if whole:
        kind = _kind(number, choice)
        _check_options(kind, choice, given)
        found = found_in(parts, under, wallet, kind, False, _MOST)
        _settle_all(parts, found, choice, given, name, reason)
        return
    with parts.store.read() as connection:
        one = difference_numbered(connection, number)
    if one is not None:
        _check_options(one.kind, choice, given)
    done = _settle(parts, number, choice, given, name, reason)
    if isinstance(done, NotSettled):
        raise Fault(_why(done))
    click.echo(_done(done))


def _check_options(kind: Kind, choice: str, given: Given) -> None:
    """Nothing that somebody says about a choice is passed over."""
    chosen = choice_of(kind, choice)
    beside = [
        name
        for name, said in asdict(given).items()
        if said is not None and chosen and name not in (chosen.needs, chosen.may)
    ]
    if beside:
        raise Fault(f"{kind} {choice} takes no --{beside[0]}: gateway reconcile choices says what each one takes")


_MOST = 100_000


def _kind(typed: str, choice: str) -> Kind:
    kind = next((each for each in KINDS if each == typed), None)
    if kind is None or choice_of(kind, choice) is None:
        raise Fault(f"{typed} {choice}: gateway reconcile choices says which there are")
    return kind


def _settle(
    parts: Runtime, number: str, choice: str, given: Given, name: str, reason: str
) -> Settled | Asked | NotSettled:
    from gateway.payments.reconciliation.differences.settling import settle

    with parts.store.write() as unit:
        return settle(unit, parts.network.tree(), parts.services.chart, number, choice, name, reason, given)


def _settle_all(parts: Runtime, found: Sequence[Difference], choice: str, given: Given, name: str, reason: str) -> None:
    """Each in a transaction of its own; what is left is listed, and asked of nobody."""
    from gateway.payments.push.limits import largest_alone
    from gateway.payments.reconciliation.differences.deals import NotSettled

    count, left = 0, []
    for one in found:
        if one.state != "open" or one.stake > largest_alone(one.currency):
            left.append(
                f"{one.number}: {'it waits for another person' if one.state != 'open' else 'it takes two people'}"
            )
            continue
        result = _settle(parts, one.number, choice, given, name, reason)
        if isinstance(result, NotSettled):
            left.append(f"{one.number}: {_why(result)}")
        else:
            count += 1
    click.echo(f"{count} settled as {choice}, {len(left)} left")
    for line in left:
        click.echo(f"  {line}")


@reconcile.command("approve")
@click.argument("number")
@by_option
def approve_difference(number: str, name: str) -> None:
    """Approve, as another person, what somebody chose about a difference, or that it is undone."""
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.settling import approve

    parts = parts_of()
    with parts.store.write() as unit:
        done = approve(unit, parts.network.tree(), parts.services.chart, number, name)
    if isinstance(done, NotSettled):
        raise Fault(_why(done))
    click.echo(_done(done))


@reconcile.command("drop")
@click.argument("number")
@by_option
@reason_option
def drop_difference(number: str, name: str, reason: str) -> None:
    """Refuse what somebody asked about a difference, or drop it as whoever asked."""
    from gateway.payments.reconciliation.differences.settling import drop

    with parts_of().store.write() as unit:
        refused = drop(unit, number, name, reason)
    if refused is not None:
        raise Fault(_why(refused))
    click.echo(f"difference {number} stands as it stood before")


@reconcile.command("undo")
@click.argument("number")
@by_option
@reason_option
def undo_difference(number: str, name: str, reason: str) -> None:
    """Undo how a difference was settled, by a new entry: it is open again."""
    from gateway.payments.reconciliation.differences.deals import NotSettled
    from gateway.payments.reconciliation.differences.settling import undo

    parts = parts_of()
    with parts.store.write() as unit:
        done = undo(unit, parts.network.tree(), parts.services.chart, number, name, reason)
    if isinstance(done, NotSettled):
        raise Fault(_why(done))
    click.echo(_done(done))


def _done(done: Settled | Asked) -> str:
    from gateway.payments.reconciliation.differences.settling import UNDO, Asked

    if isinstance(done, Asked):
        return f"another person has to approve it: gateway reconcile approve {done.number}"
    state = "is open again" if done.choice == UNDO else f"is settled: {done.choice}"
    return f"difference {done.number} {state}" + (f", entry {done.entry_key}" if done.entry_key else "")


def _why(refused: NotSettled) -> str:
    return NOT_SETTLED[refused.why] + (f": {refused.instead}" if refused.instead else "")
