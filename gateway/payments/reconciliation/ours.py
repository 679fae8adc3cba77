"""Our movements on a wallet, read as columns: what stands in the books, and what was asked for and isn't paid.

A movement has one name for ever: money that came without our asking keeps its own, whatever it is counted for later;
what we asked for has its collection's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    true,
)

from gateway.network.organisations import Tree
from gateway.payments.names import PAWAPAY_CODES, carried, operator_number, operator_word
from gateway.payments.payers.group_money import SHARE
from gateway.payments.reconciliation.differences.reopening import UNASSIGNED
from gateway.payments.reconciliation.items import OURS, Source
from gateway.payments.reconciliation.wallets import Wallet, providers_of, whose_movements
from gateway.payments.states import State
from gateway.store.columns import read_columns
from gateway.store.schema import account, collection, difference, entry, household, incoming, line, refund

# Which payments that weren't paid may be in a statement all the same: asked for so long before.
ASKED_BEFORE = timedelta(days=7)
_BARE = pl.Schema({name: kind for name, kind in OURS.items() if name not in ("source", "card", "payer")})
_NAMED = pl.Schema({"id": pl.Int64(), "card": pl.String(), "payer": pl.String()})
_BATCH = 500
_NUMBER_APART = r"[\s.\-/_:#]"


def movements(
    connection: Connection, tree: Tree, one: Wallet, from_at: datetime, until_at: datetime, keyed: bool = True
) -> pl.DataFrame:
    """The movements of a wallet between two moments, as :data:`~.items.OURS`; cards and payers are left null.

    Without ``keyed`` so are our keys, which take the most room and which few operators repeat.

    Entries that no payment made (fees, takings back, refunds, what was settled) have a day and no hour: noon, where the
    wallet is.
    """
    orgs = whose_movements(connection, tree, one)
    in_time = incoming.c.paid_at.between(from_at, until_at)
    parts = [
        _of("collection", read_columns(connection, _collections(one, orgs, from_at, until_at, keyed), _BARE)),
        _of("incoming", read_columns(connection, _incoming(one, orgs, in_time), _BARE)),
        _entries(connection, tree, one, orgs, from_at, until_at),
    ]
    return pl.concat(parts)


def made_of(
    connection: Connection,
    tree: Tree,
    one: Wallet,
    numbers: Sequence[str],
    asked: Sequence[int],
    from_at: datetime,
    until_at: datetime,
) -> pl.DataFrame:
    """The movements that lines made by themselves: money that came under their numbers, and all the entries.

    ``asked`` are the ids of payments that bear such numbers, whenever they were paid.
    """
    orgs = whose_movements(connection, tree, one)
    parts = [_entries(connection, tree, one, orgs, from_at, until_at)]
    for batch in _batches(numbers):
        which = incoming.c.operator_id.in_(batch)
        parts.append(_of("incoming", read_columns(connection, _incoming(one, orgs, which), _BARE)))
    for ids in _batches(asked):
        query = _paid(one, orgs, keyed=True).where(collection.c.id.in_(ids), _COUNTS)
        parts.append(_of("collection", read_columns(connection, query, _BARE)))
    return pl.concat(parts)


def told_since(
    connection: Connection, tree: Tree, one: Wallet, from_at: datetime, until_at: datetime, since: datetime
) -> list[tuple[datetime, datetime]]:
    """When we were told of payments, after a moment, and when they were paid, of those paid between two moments."""
    orgs = whose_movements(connection, tree, one)
    zone = ZoneInfo(tree[one.organisation_id].time_zone)
    came = select(incoming.c.seen_at, incoming.c.paid_at).where(
        incoming.c.operator == one.operator,
        incoming.c.organisation_id.in_(orgs),
        incoming.c.seen_at > since,
        incoming.c.paid_at.between(from_at, until_at),
    )
    asked = (
        select(entry.c.recorded_at, collection.c.paid_at)
        .join(collection, entry.c.key == literal("collection:") + collection.c.key)
        .where(
            entry.c.organisation_id.in_(sorted({tree.books_of(each).id for each in orgs})),
            entry.c.happened_on.between(from_at.astimezone(zone).date(), until_at.astimezone(zone).date()),
            entry.c.journal == "collections",
            entry.c.recorded_at > since,
            collection.c.provider.in_(providers_of(one)),
            collection.c.paid_at.between(from_at, until_at),
        )
    )
    return [(row[0], row[1]) for query in (came, asked) for row in connection.execute(query)]


def _of(source: Source, bare: pl.DataFrame) -> pl.DataFrame:
    return bare.select(
        pl.lit(source).cast(OURS["source"]).alias("source"),
        "id",
        "amount",
        "at",
        "counts",
        _number(pl.col("operator_id")).alias("operator_id"),
        _number(pl.col("our_id")).alias("our_id"),
        pl.lit(None, pl.String).alias("card"),
        pl.lit(None, pl.String).alias("payer"),
    )


def _number(written: pl.Expr) -> pl.Expr:
    """An operator's number as :func:`gateway.payments.names.operator_number` compares them, without an aggregator's
    code of the operator before it."""
    bare = written.str.replace(rf"^(?:{'|'.join(PAWAPAY_CODES)})[A-Z]*:", "")
    return bare.str.replace_all(_NUMBER_APART, "").str.to_uppercase()


_COUNTS = collection.c.state.in_([State.PAID.value, State.REVERSED.value])


def _collections(one: Wallet, orgs: Sequence[int], from_at: datetime, until_at: datetime, keyed: bool) -> Select[Any]:
    """What we asked for: by when it was paid, or else by when it was asked for."""
    paid = and_(_COUNTS, collection.c.paid_currency == one.currency, collection.c.paid_at.between(from_at, until_at))
    asked = and_(
        ~_COUNTS,
        collection.c.way == "push",
        collection.c.currency == one.currency,
        collection.c.created_at.between(from_at - ASKED_BEFORE, until_at),
    )
    return _paid(one, orgs, keyed).where(or_(paid, asked))


def _paid(one: Wallet, orgs: Sequence[int], keyed: bool) -> Select[Any]:
    """Collections that move on a wallet. What a group's households have of one isn't a movement; and what came before
    our answer did keeps the name under which it came."""
    return (
        select(
            collection.c.id,
            func.coalesce(collection.c.paid_minor, collection.c.amount_minor).label("amount"),
            func.coalesce(collection.c.paid_at, collection.c.created_at, type_=collection.c.paid_at.type).label("at"),
            _COUNTS.label("counts"),
            collection.c.operator_id,
            (collection.c.key if keyed else cast(null(), collection.c.key.type)).label("our_id"),
        )
        .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
        .where(
            collection.c.provider.in_(providers_of(one)),
            collection.c.organisation_id.in_(orgs),
            collection.c.way != "cash",
            incoming.c.id.is_(None),
            ~collection.c.effect_key.startswith(f"{SHARE}:"),
            ~collection.c.effect_key.startswith(f"{UNASSIGNED}:"),
        )
    )


def _incoming(one: Wallet, orgs: Sequence[int], which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            incoming.c.id,
            incoming.c.amount_minor.label("amount"),
            incoming.c.paid_at.label("at"),
            true().label("counts"),
            incoming.c.operator_id,
            collection.c.key.label("our_id"),
        )
        .outerjoin(collection, collection.c.id == incoming.c.collection_id)
        .where(
            incoming.c.operator == one.operator,
            incoming.c.organisation_id.in_(orgs),
            incoming.c.currency == one.currency,
            which,
        )
    )


# --- what no payment made ---------------------------------------------------------------------------------------------

# The entries that these journals hold are few; a partial index finds them where the statement says it in so many words.
BESIDE = entry.c.journal.in_(bindparam("journals", ["bank", "corrections"], expanding=True, literal_execute=True))


def _entries(
    connection: Connection, tree: Tree, one: Wallet, orgs: Sequence[int], from_at: datetime, until_at: datetime
) -> pl.DataFrame:
    zone = ZoneInfo(tree[one.organisation_id].time_zone)
    rows = connection.execute(
        select(line.c.id, line.c.amount_minor, entry.c.happened_on, entry.c.key)
        .join(entry, entry.c.id == line.c.entry_id)
        .join(account, account.c.id == line.c.account_id)
        .where(
            entry.c.organisation_id.in_(sorted({tree.books_of(each).id for each in orgs})),
            entry.c.happened_on.between(from_at.astimezone(zone).date(), until_at.astimezone(zone).date()),
            BESIDE,
            account.c.role == one.role,
            account.c.currency == one.currency,
        )
        .order_by(line.c.id)
    ).all()
    whose = _Whose(connection, one, orgs, [row.key for row in rows])
    found: list[tuple[object, ...]] = []
    for row in whose.together(rows):
        known = whose.of(row.key)
        if known is not None:
            source, its_id, number, our_id = known
            at = datetime.combine(row.happened_on, time(12), zone).astimezone(UTC)
            found.append((source, its_id or row.id, row.amount_minor, at, True, number, our_id, None, None))
    return pl.DataFrame(found, schema=OURS, orient="row")


class _Moved(NamedTuple):
    id: int
    amount_minor: int
    happened_on: date
    key: str


Known = tuple[Source, int | None, str | None, str | None]


def _group_of(share: Row[Any]) -> str | None:
    """Our key of the group's payment that a collection is a share of."""
    return share.effect_key.split(":")[1] if share.effect_key.startswith(f"{SHARE}:") else None


class _Whose:
    """Which entries are of a wallet, by what their keys name."""

    def __init__(self, connection: Connection, one: Wallet, orgs: Sequence[int], keys: Sequence[str]) -> None:
        self._one = one
        named = [key.split(":") for key in keys]
        providers = providers_of(one)
        self._collections = {
            row.key: row
            for row in _in_batches(
                connection,
                select(
                    collection.c.key,
                    collection.c.effect_key,
                    collection.c.operator_id,
                    incoming.c.operator_id.label("came_as"),
                )
                .outerjoin(incoming, incoming.c.collection_id == collection.c.id)
                .where(collection.c.provider.in_(providers), collection.c.organisation_id.in_(orgs)),
                collection.c.key,
                sorted({parts[1] for parts in named if parts[0] == "reversal"}),
            )
        }
        self._groups = {
            row.key: row
            for row in _in_batches(
                connection,
                select(collection.c.key, collection.c.operator_id, incoming.c.operator_id.label("came_as")).outerjoin(
                    incoming, incoming.c.collection_id == collection.c.id
                ),
                collection.c.key,
                sorted({_group_of(row) or "" for row in self._collections.values()}),
            )
        }
        self._incoming = {
            str(row.id): row.operator_id
            for row in _in_batches(
                connection,
                select(incoming.c.id, incoming.c.operator_id).where(
                    incoming.c.operator == one.operator, incoming.c.organisation_id.in_(orgs)
                ),
                incoming.c.id,
                sorted({int(parts[1]) for parts in named if parts[0] == "returned"}),
            )
        }
        self._refunds = {
            row.key: row
            for row in _in_batches(
                connection,
                select(refund.c.id, refund.c.key, refund.c.said)
                .outerjoin(collection, collection.c.id == refund.c.collection_id)
                .outerjoin(incoming, incoming.c.id == refund.c.incoming_id)
                .where(
                    or_(collection.c.provider.in_(providers), incoming.c.operator == one.operator),
                    or_(collection.c.organisation_id.in_(orgs), incoming.c.organisation_id.in_(orgs)),
                ),
                refund.c.key,
                sorted({parts[1] for parts in named if parts[0] == "refund"}),
            )
        }
        self._differences = set(
            connection.scalars(select(difference.c.id).where(difference.c.wallet_id == one.id)).all()
        )

    def together(self, rows: Sequence[Any]) -> Iterator[Any]:
        """What an operator took back of a group is one movement, whatever its households had of it: the first of it."""
        whole: Counter[str] = Counter()
        for row in rows:
            whole[self._whole(row.key) or ""] += row.amount_minor
        told = set()
        for row in rows:
            group = self._whole(row.key)
            if group is None:
                yield row
            elif group not in told:
                told.add(group)
                yield _Moved(row.id, whole[group], row.happened_on, row.key)

    def _whole(self, key: str) -> str | None:
        kind, _, its_key = key.partition(":")
        share = self._collections.get(its_key) if kind == "reversal" else None
        return _group_of(share) if share is not None else None

    def of(self, key: str) -> Known | None:
        """The source, the id (None: of the line), the operator's number and our key; None for another wallet's."""
        kind, *rest = key.split(":")
        match kind:
            case "fee" if operator_word(rest[0]) == self._one.operator:
                return "entry", None, None, None
            case "wallet" if rest[0] == str(self._one.id):
                return "entry", None, rest[2] if len(rest) == 3 else None, None
            case "settle" | "unsettle" if int(rest[0]) in self._differences:
                return "entry", None, None, None
            case "reversal" if rest[0] in self._collections:
                row = self._collections[rest[0]]
                row = self._groups.get(_group_of(row) or "", row)
                own = rest[1] if len(rest) > 1 and not rest[1].startswith("case-") else None
                number = own or row.came_as or row.operator_id
                return "reversal", None, carried(number)[1] if number else None, operator_number(row.key)
            case "returned" if rest[0] in self._incoming:
                return "returned", None, operator_number(self._incoming[rest[0]]), None
            case "refund" if rest[0] in self._refunds:
                row = self._refunds[rest[0]]
                return "refund", row.id, operator_number(row.said or ""), operator_number(row.key)
        return None


def _in_batches(connection: Connection, query: Select[Any], column: Any, values: Sequence[Any]) -> Iterator[Row[Any]]:
    for batch in _batches(values):
        yield from connection.execute(query.where(column.in_(batch)))


def _batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[begin : begin + _BATCH] for begin in range(0, len(values), _BATCH))


# --- what only some passes ask for ------------------------------------------------------------------------------------


def details(connection: Connection, found: pl.DataFrame) -> pl.DataFrame:
    """The same movements with the card of the household that each counts for, and the payer's number."""
    frames = [found.clear()]
    for (source,), own in found.group_by(["source"], maintain_order=True):
        query = _NAMED_BY.get(str(source))
        if query is None:
            frames.append(own)
            continue
        rows = _in_batches(connection, query, query.selected_columns["id"], own["id"].to_list())
        named = pl.DataFrame([tuple(row) for row in rows], schema=_NAMED, orient="row")
        frames.append(own.drop("card", "payer").join(named, on="id", how="left").select(OURS.names()))
    return pl.concat(frames)


_NAMED_BY: Mapping[str, Select[Any]] = {
    "collection": select(
        collection.c.id, household.c.card, func.nullif(collection.c.payer, "").label("payer")
    ).outerjoin(household, household.c.id == collection.c.household_id),
    "incoming": select(incoming.c.id, household.c.card, incoming.c.payer)
    .outerjoin(collection, collection.c.id == incoming.c.collection_id)
    .outerjoin(household, household.c.id == collection.c.household_id),
}
