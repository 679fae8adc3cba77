"""Commands about what differs between statements and the books: a list, each with its story, and what may be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import limit_option, parts_of, path_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_number
from gateway.kernel.numbers import with_check_digit
from gateway.locale import show_money
from gateway.payments.receipts import receipt_number
from gateway.payments.reconciliation.differences.choices import CHOICES, Choice, choices_table
from gateway.payments.reconciliation.differences.found import KINDS, Kind

if TYPE_CHECKING:
    from gateway.kernel.money import Money
    from gateway.payments.collections import Collection
    from gateway.payments.reconciliation.differences.found import Event
    from gateway.payments.reconciliation.differences.listing import Difference
    from gateway.payments.unasked.proposals import Proposal
    from gateway.wiring import Runtime

_PROPOSALS_EACH = 3  # in a list; all of them stand with the one difference

wallet_option = click.option("--wallet", metavar="CODE:OPERATOR", help="Only of this wallet.")
_all_kinds = click.Choice(KINDS)


def found_in(
    parts: Runtime, under: str | None, wallet: str | None, kind: Kind | None, every: bool, limit: int
) -> list[Difference]:
    """The differences that the options ask for."""
    from gateway.payments.reconciliation.differences.listing import differences
    from gateway.payments.reconciliation.wallets import wallet_named

    tree = parts.network.tree()
    with parts.store.read() as connection:
        own = [wallet_named(connection, tree, wallet).id] if wallet else None
        return differences(connection, tree, path_of(parts, under), own, kind, every, limit)


@click.command("differences")
@under_option
@wallet_option
@click.option("--kind", type=_all_kinds, help="Only of this kind.")
@click.option("--every", is_flag=True, help="Also those that are settled, the newest first.")
@limit_option
@json_option
def list_differences(
    under: str | None, wallet: str | None, kind: Kind | None, every: bool, limit: int, as_json: bool
) -> None:
    """What differs and waits for somebody, what was found first at the top, and what may be chosen."""
    parts = parts_of()
    found, wallets = found_in(parts, under, wallet, kind, every, limit), _wallets(parts)
    likely = {one.id: _proposals(parts, one) for one in found}

    def as_text() -> str:
        rows = [
            (
                one.number,
                one.kind,
                f"{one.at:%Y-%m-%d %H:%M}",
                wallets[one.wallet_id],
                one.operator_id or "",
                _amount(one.theirs),
                _amount(one.ours),
                _amount(one.by),
                show_card(one.whose) if one.whose else "",
                one.said,
                _stands(one),
            )
            for one in found
        ]
        heads = (
            "number", "kind", "moved (UTC)", "wallet", "operator's number", "statement", "books", "difference", "card",
            "what", "choices",
        )  # fmt: skip
        text, *lines = table(rows, heads, numbers=(5, 6, 7)).split("\n")
        for line, one in zip(lines, found, strict=False):
            text = "\n".join((text, line, *_in_words(likely[one.id], _PROPOSALS_EACH)))
        return text

    show(as_json, lambda: [_as_value(wallets[one.wallet_id], one, likely[one.id]) for one in found], as_text)


@click.command("show")
@click.argument("number")
@json_option
def show_difference(number: str, as_json: bool) -> None:
    """One difference with its story, and the households or payments of ours that it may be of."""
    from gateway.payments.reconciliation.differences.candidates import candidates
    from gateway.payments.reconciliation.differences.found import story
    from gateway.payments.reconciliation.differences.listing import difference_numbered

    parts = parts_of()
    wallets = _wallets(parts)
    with parts.store.read() as connection:
        one = difference_numbered(connection, number)
        if one is None:
            raise Fault(f"no difference has the number {number}")
        events = story(connection, one.id)
        payments = candidates(connection, parts.network.tree(), one)
    likely = _proposals(parts, one)

    def as_text() -> str:
        about = [
            f"{one.number}: {one.kind}, {wallets[one.wallet_id]}, {one.at:%Y-%m-%d %H:%M} UTC: {one.said}",
            f"statement: {_amount(one.theirs) or 'nothing'}; books: {_amount(one.ours) or 'nothing'}",
            *(f"{name}: {value}" for name, value in _names(one).items() if value is not None),
        ]
        rows = [
            (
                f"{each.at:%Y-%m-%d %H:%M}",
                each.what,
                each.choice or "",
                each.by_name,
                each.entry_key or "",
                each.reason,
            )
            for each in events
        ]
        steps = table(rows, ("at (UTC)", "what", "choice", "by", "entry", "why"))
        open_to = CHOICES[one.kind] if one.state == "open" else ()
        choices = [
            *(["choices:"] if open_to else []),
            *(f"  {each.word}{_option(each)}: {each.does}" for each in open_to),
        ]
        return "\n".join((*about, steps, *_in_words(likely), *_may_be(payments), *choices))

    show(
        as_json,
        lambda: {
            **_as_value(wallets[one.wallet_id], one, likely),
            "may_be": [receipt_number(each.id) for each in payments],
            "story": [_as_step(each) for each in events],
        },
        as_text,
    )


@click.command("choices")
@json_option
def show_choices(as_json: bool) -> None:
    """What may be chosen for each kind of difference, and what it posts: D is debit, C is credit."""
    show(as_json, lambda: {kind: [asdict(each) for each in CHOICES[kind]] for kind in KINDS}, choices_table)


# --- in words ---------------------------------------------------------------------------------------------------------


def _proposals(parts: Runtime, one: Difference) -> list[Proposal]:
    """Whose money that nobody has identified may be."""
    from gateway.payments.unasked.proposals import proposals
    from gateway.payments.unasked.suspense import held_numbered

    if one.kind != "unknown" or one.state == "settled" or one.incoming_id is None:
        return []
    with parts.store.read() as connection:
        held = held_numbered(connection, one.incoming_id)
        tree, today = parts.network.tree(), parts.clock.now().date()
        return proposals(connection, tree, held, today) if held is not None else []


def _in_words(likely: Sequence[Proposal], most: int | None = None) -> list[str]:
    from gateway.payments.unasked.proposals import WHY

    more = len(likely) - most if most is not None else 0
    return [
        *(f"  {show_card(each.household.card)}: {'; '.join(WHY[why] for why in each.why)}" for each in likely[:most]),
        *([f"  and {more} more: gateway reconcile show"] if more > 0 else []),
    ]


def _may_be(payments: Sequence[Collection]) -> list[str]:
    """Payments of ours that a line may be, each with what it is named by."""
    return [
        f"  receipt {receipt_number(each.id)}: {_amount(each.paid or each.amount)}, {each.state}, "
        f"{each.paid_at or each.created_at:%Y-%m-%d %H:%M:%S} UTC, from {mask_number(each.payer)}"
        for each in payments
    ]


def _amount(amount: Money | None) -> str:
    return show_money(amount, "en") if amount is not None else ""


def _wallets(parts: Runtime) -> dict[int, str]:
    """How people name each wallet, by its id."""
    from gateway.payments.reconciliation.wallets import wallet_name, wallets

    tree = parts.network.tree()
    with parts.store.read() as connection:
        return {one.id: wallet_name(tree, one) for one in wallets(connection, tree)}


def _stands(one: Difference) -> str:
    """What may be chosen, or what was."""
    if one.state == "open":
        return ", ".join(each.word for each in CHOICES[one.kind])
    if one.state == "asked":
        what = one.choice if one.settled_at is None else f"undo of {one.choice}"
        return f"{one.asked_by} asks for {what}: another person approves it or drops it"
    return f"{one.choice or 'it has explained itself'} ({one.settled_by})"


def _names(one: Difference) -> dict[str, str | None]:
    """How people name what a difference is about."""
    ids = {
        "statement": one.statement_id,
        "receipt": one.collection_id,
        "incoming": one.incoming_id,
        "refund": one.refund_id,
    }
    return {
        **{name: with_check_digit(its_id) if its_id is not None else None for name, its_id in ids.items()},
        "operator_number": one.operator_id,
        "card": one.whose,
    }


def _as_value(its_wallet: str, one: Difference, likely: Sequence[Proposal]) -> dict[str, Any]:
    return {
        "number": one.number,
        "kind": one.kind,
        "state": one.state,
        "wallet": its_wallet,
        "moved_at": one.at.isoformat(),
        "found_at": one.found_at.isoformat(),
        "line": one.line,
        **_names(one),
        "theirs_minor": one.theirs.minor if one.theirs is not None else None,
        "ours_minor": one.ours.minor if one.ours is not None else None,
        "difference_minor": one.by.minor,
        "currency": one.currency,
        "said": one.said,
        "choices": [each.word for each in CHOICES[one.kind]] if one.state == "open" else [],
        "proposals": [{"card": each.household.card, "why": list(each.why)} for each in likely],
        "choice": one.choice,
        "chosen_card": one.card,
        "reason": one.reason,
        "asked_by": one.asked_by,
        "settled_by": one.settled_by,
        "settled_at": one.settled_at.isoformat() if one.settled_at is not None else None,
    }


def _as_step(each: Event) -> dict[str, Any]:
    return {
        "at": each.at.isoformat() if each.at is not None else None,
        "what": each.what,
        "choice": each.choice,
        "by": each.by_name,
        "reason": each.reason,
        "entry": each.entry_key,
    }


def _option(one: Choice) -> str:
    """What a choice names, as it is typed."""
    return f" --{one.needs} …" if one.needs else f" [--{one.may} …]" if one.may else ""
