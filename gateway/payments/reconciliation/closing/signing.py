"""Signing a day or a month of a wallet: its figures are kept for ever, and the next span begins where it ends.

Spans are signed in order. A month may be signed over its days, signed or not. What comes later for a signed span is
told in the next one; nothing of a signed one changes, and :func:`first_changed_close` sees that it hasn't.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl
from pydantic import ValidationError
from sqlalchemy import Connection, func, insert, select

from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.ledger.chain import last_anchor, seal_all, sealing
from gateway.ledger.closing import BY_CHARACTERS
from gateway.ledger.rules import month_of
from gateway.locale import mark
from gateway.network.organisations import Tree
from gateway.payments.decisions.two_people import REASON_CHARACTERS
from gateway.payments.reconciliation import kept
from gateway.payments.reconciliation.closing.figures import (
    Figures,
    Kind,
    Known,
    Span,
    as_json,
    figures,
    from_json,
    moved,
)
from gateway.payments.reconciliation.closing.seen import Looking, without
from gateway.payments.reconciliation.wallets import Wallet, wallet_with
from gateway.store.schema import seal, statement, wallet_close
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit


@dataclass(frozen=True)
class WalletClosed:
    """A span of a wallet that somebody has signed; ``despite``: why, where not all was settled."""

    wallet_id: int
    span: Span
    figures: Figures
    despite: str | None
    signed_by: str
    signed_at: datetime


@dataclass(frozen=True)
class StillOpen:
    """The span isn't signed: what stands in the way.

    ``differences`` are the numbers of those that are open; ``gaps`` the time that no statement covers; ``rest_minor``
    what nothing explains, beyond what was signed before.
    """

    differences: tuple[str, ...]
    gaps: tuple[tuple[datetime, datetime], ...]
    rest_minor: int
    figures: Figures


@dataclass(frozen=True)
class Unsigned:
    """A span as it stands before anybody signs it; ``still``: what stands in the way, None for nothing.

    ``mark`` names these very figures: whoever signs by it signs what they have seen.
    """

    span: Span
    figures: Figures
    still: StillOpen | None

    @property
    def mark(self) -> str:
        seen = as_json(replace(self.figures, known=Known(0, 0, "")))
        return hashlib.blake2b(json.dumps(seen, sort_keys=True).encode(), digest_size=12).hexdigest()


def look_at_span(store: Store, tree: Tree, wallet: Wallet, span: Kind, first_on: date) -> Unsigned:
    """The figures that would be signed now. Raises :class:`Fault` as :func:`close_wallet` does."""
    own = Span(span, first_on, tree.books_of(wallet.organisation_id).time_zone)
    _check_over(store, own)
    found, _ = _figures_now(store, tree, wallet, own)
    return Unsigned(own, found, _still_open(own, found))


def close_wallet(
    store: Store,
    tree: Tree,
    wallet: Wallet,
    span: Kind,
    first_on: date,
    by: str,
    despite: str | None = None,
    seen: str | None = None,
) -> WalletClosed | StillOpen:
    """Sign the day ``first_on`` of a wallet, or the month that begins with it.

    ``despite``: why it is signed although something stands in the way; kept with it. ``seen``: the mark of the figures
    that whoever signs was shown. Raises :class:`Fault` where the span isn't over where the books are, is signed, or
    doesn't follow what is, and where the figures are others than were seen.
    """
    own = Span(span, first_on, tree.books_of(wallet.organisation_id).time_zone)
    _check(store, own, by, despite)
    found, closes = _figures_now(store, tree, wallet, own)
    still = _still_open(own, found)
    if seen is not None and Unsigned(own, found, still).mark != seen:
        raise Fault(mark("the figures of {span} have changed since you saw them: look at them again"), span=own)
    if still is not None and not despite:
        return still
    with store.write() as unit:
        return _sign(unit, wallet, own, found, closes, by.strip(), despite.strip() if still and despite else None)


def _figures_now(store: Store, tree: Tree, wallet: Wallet, own: Span) -> tuple[Figures, list[_Close]]:
    """The figures of a span as things stand, and what was signed when they were made."""
    seal_all(store)
    with store.write() as unit:
        known = _known(unit, wallet)
    with store.read() as connection:
        closes = _closes(connection, wallet.id)
        before = _before(own, closes)
        looking = Looking(connection, tree, wallet, own, known, _figures(connection, before))
        seen, ours_before = looking.seen(), looking.ours_before()
        # What was posted while this was read is in the chain now, behind what the figures are of.
        sum(sealing(store))
        beyond = looking.beyond()
        seen = replace(seen, ours=without(seen.ours, beyond))
        found = figures(own, seen, known, looking.before, int(without(ours_before, beyond)["amount"].sum()))
    return found, closes


def _check(store: Store, span: Span, by: str, despite: str | None) -> None:
    _check_over(store, span)
    if not by.strip() or len(by) > BY_CHARACTERS:
        raise Fault(mark("who signs it must be said, in at most {most} letters"), most=BY_CHARACTERS)
    if despite is not None and (not despite.strip() or len(despite) > REASON_CHARACTERS):
        raise Fault(
            mark("why it is signed all the same must be said, in at most {most} letters"), most=REASON_CHARACTERS
        )


def _check_over(store: Store, span: Span) -> None:
    if span.kind == "month" and span.first_on != month_of(span.first_on):
        raise Fault(mark("{day} is not the first of a month"), day=str(span.first_on))
    if day_in(span.zone, store.clock.now()) < span.next_on:
        raise Fault(mark("{span} isn't over in {zone}"), span=span, zone=span.zone)


def _known(unit: Unit, wallet: Wallet) -> Known:
    """What there is now: a statement that is being kept has its number behind these, or is waited for."""
    take_turn(unit, f"statements of {wallet.id}")
    last = unit.connection.scalar(select(func.max(statement.c.id)).where(statement.c.wallet_id == wallet.id))
    through, _ = last_anchor(unit.connection)
    return Known(last or 0, through.number, through.digest)


def _still_open(span: Span, found: Figures) -> StillOpen | None:
    waiting = tuple(
        one.number for one in found.noted if one.state != "settled" and span.from_at <= one.at < span.until_at
    )
    rest = found.rest_minor if found.rest_minor != found.accepted_minor else 0
    return StillOpen(waiting, found.gaps, rest, found) if waiting or found.gaps or rest else None


# --- the order of spans -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Close:
    """A signed span without its figures."""

    id: int
    kind: Kind
    first_on: date
    next_on: date


def _closes(connection: Connection, wallet_id: int) -> list[_Close]:
    """The signed spans of a wallet, in the order in which they were."""
    rows = connection.execute(
        select(wallet_close.c.id, wallet_close.c.span, wallet_close.c.first_on)
        .where(wallet_close.c.wallet_id == wallet_id)
        .order_by(wallet_close.c.id)
    )
    return [_Close(row.id, row.span, row.first_on, Span(row.span, row.first_on, "UTC").next_on) for row in rows]


def _before(span: Span, closes: Sequence[_Close]) -> _Close | None:
    """The close that a span begins where it ends; None for the first. Raises :class:`Fault` out of turn."""
    for one in closes:
        if one.kind == span.kind == "month" and one.first_on == span.first_on:
            raise Fault(mark("{span} is signed"), span=span)
        if span.kind == "day" and one.first_on <= span.first_on < one.next_on:
            if one.kind == "day":
                raise Fault(mark("{span} is signed"), span=span)
            raise Fault(mark("{span} is signed, with {month}"), span=span, month=f"{one.first_on:%Y-%m}")
    ends_here = [one for one in closes if one.next_on == span.first_on]
    if ends_here:
        return ends_here[-1]
    if not closes or (span.kind == "month" and all(one.first_on >= span.first_on for one in closes)):
        return None
    until = max(one.next_on for one in closes)
    if span.first_on > until:
        raise Fault(mark("{before} isn't signed: close it before {span}"), before=str(until), span=span)
    raise Fault(mark("{span} lies before what is signed"), span=span)


def _figures(connection: Connection, one: _Close | None) -> Figures | None:
    if one is None:
        return None
    return from_json(connection.scalar(select(wallet_close.c.figures).where(wallet_close.c.id == one.id)))


def _sign(
    unit: Unit, wallet: Wallet, span: Span, found: Figures, closes: Sequence[_Close], by: str, despite: str | None
) -> WalletClosed:
    take_turn(unit, f"close wallet {wallet.id}")
    if _closes(unit.connection, wallet.id) != closes:
        raise Fault(mark("{span}: somebody else has just signed a span of this wallet"), span=span)
    unit.connection.execute(
        insert(wallet_close).values(
            wallet_id=wallet.id,
            span=span.kind,
            first_on=span.first_on,
            figures=as_json(found),
            despite=despite,
            signed_by=by,
            signed_at=unit.now,
        )
    )
    return WalletClosed(wallet.id, span, found, despite, by, unit.now)


# --- what was signed --------------------------------------------------------------------------------------------------


def closed_spans(connection: Connection, tree: Tree, wallet: Wallet, limit: int = 400) -> list[WalletClosed]:
    """The signed spans of a wallet, the last signed first."""
    own = select(wallet_close).where(wallet_close.c.wallet_id == wallet.id).order_by(wallet_close.c.id.desc())
    return [_read(row, tree, wallet) for row in connection.execute(own.limit(limit))]


def closed_span(connection: Connection, tree: Tree, wallet: Wallet, span: Kind, first_on: date) -> WalletClosed | None:
    """A signed span of a wallet; None where it isn't signed."""
    own = (
        (wallet_close.c.wallet_id == wallet.id) & (wallet_close.c.span == span) & (wallet_close.c.first_on == first_on)
    )
    row = connection.execute(select(wallet_close).where(own)).first()
    return _read(row, tree, wallet) if row else None


def _read(row: Any, tree: Tree, wallet: Wallet) -> WalletClosed:
    span = Span(row.span, row.first_on, tree.books_of(wallet.organisation_id).time_zone)
    return WalletClosed(wallet.id, span, from_json(row.figures), row.despite, row.signed_by, row.signed_at)


def first_changed_close(connection: Connection, tree: Tree) -> str | None:
    """The first signed span whose figures don't follow from what was kept, in words, or None.

    Looked at are its sums, its opening, the lines of the statements that there were then, and the chain of entries.
    """
    wallets = connection.execute(select(wallet_close.c.wallet_id).distinct().order_by(wallet_close.c.wallet_id))
    for wallet_id in list(wallets.scalars()):
        why = _first_changed(connection, tree, wallet_id)
        if why is not None:
            return why
    return None


def _first_changed(connection: Connection, tree: Tree, wallet_id: int) -> str | None:
    signed: dict[int, Figures] = {}
    closes = _closes(connection, wallet_id)
    zone = tree.books_of(wallet_with(connection, wallet_id).organisation_id).time_zone
    for number, one in enumerate(closes):
        span = Span(one.kind, one.first_on, zone)
        named = f"the figures signed of {span} (wallet {wallet_id})"
        try:
            found = _figures(connection, one)
            before = _before(span, closes[:number])
        except (ValidationError, Fault):
            return f"{named} can't be read, or are out of turn"
        assert found is not None
        if not found.holds:
            return f"{named} don't add up"
        last = signed.get(before.id) if before else None
        if last and (last.theirs.closing_minor, last.ours.closing_minor) != (
            found.theirs.opening_minor,
            found.ours.opening_minor,
        ):
            return f"{named} don't begin where the span before ends"
        if not _has_lines(connection, wallet_id, span, found):
            return f"{named} are not those of its statements' lines"
        if not _has_entries(connection, found.known):
            return f"{named} are of another chain of entries"
        signed[one.id] = found
    return None


def _has_lines(connection: Connection, wallet_id: int, span: Span, found: Figures) -> bool:
    within = pl.col("at").is_between(span.from_at, span.until_at, closed="left")
    parts = kept.parts_of(connection, wallet_id, span.from_at, span.until_at)
    frames = [
        kept.lines_of(connection, part, ["at", "kind", "amount", "fee"]).filter(within)
        for part in parts
        if part.statement_id <= found.known.statement
    ]
    one = found.theirs
    told = moved(pl.concat(frames)) if frames else (0, 0, 0, 0)
    return told == (one.in_minor, one.out_minor, one.fees_minor, one.count)


def _has_entries(connection: Connection, known: Known) -> bool:
    digest = connection.scalar(select(seal.c.digest).where(seal.c.id == known.through))
    return known.through == 0 or digest == known.digest
