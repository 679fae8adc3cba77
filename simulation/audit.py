"""What must hold when the storm is over: the operator's books are our ledger, and everybody was told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from gateway.ledger.accounts import first_difference
from gateway.payments.decisions.cases import undecided
from gateway.payments.receipts import receipt_number
from gateway.payments.states import UNDECIDED, State
from gateway.store import schema
from gateway.store.schema import (
    account,
    collection,
    collection_event,
    entry,
    household,
    incoming,
    line,
    message,
    money_case,
    refund,
)
from simulation.operator import Transaction
from simulation.town import FACES, Town

REFUSED = State.REFUSED.value
PAID = (State.PAID.value, State.REVERSED.value)


@dataclass(frozen=True)
class Tally:
    """What a run came to."""

    collections: int
    paid: int
    undecided: int
    untold: int  # transactions of which nothing that reached us has told: a statement would
    messages: int


class Audit:
    """Reads the database when all is quiet, and compares it with what really happened."""

    def __init__(self, connection: Connection, town: Town) -> None:
        self._connection = connection
        self._town = town
        self._collections = connection.execute(select(collection)).all()
        self._incoming = {(row.operator, row.operator_id): row for row in connection.execute(select(incoming))}
        self._messages = connection.execute(select(message)).all()
        self._listed = {each.collection.key for each in undecided(connection, town.machine.now())}
        self._by_key = {row.key: row for row in self._collections}
        self._events = connection.execute(select(collection_event)).all()
        self._refunds = connection.execute(select(refund)).all()
        self._cases = connection.execute(select(money_case)).all()
        self._untold: list[Transaction] = []

    def tally(self) -> Tally:
        """What there was."""
        states = Counter(row.state for row in self._collections)
        return Tally(
            len(self._collections),
            states[State.PAID.value] + states[State.REVERSED.value],
            len(self._listed),
            len(self._untold),
            len(self._messages),
        )

    def wrong(self) -> Iterator[str]:
        """Everything that doesn't hold, in words."""
        yield from self._town.machine.broken
        if difference := first_difference(self._connection):
            yield f"ledger: {difference}"
        for operator in self._town.operators.values():
            for transaction in operator.books:
                yield from self._moved(operator.name, transaction)
            for key in operator.asked_twice:
                yield f"{key}: a second prompt on a phone where one stood for the same household"
        yield from self._nothing_invented()
        yield from self._wallets()
        yield from self._households()
        yield from self._wishes()
        yield from self._shares()
        yield from self._refunded()
        yield from self._told()
        yield from self._quiet()

    # The operator's books and ours

    def _moved(self, operator: str, one: Transaction) -> Iterator[str]:
        """Each transaction of the operator stands in our books once, or on a list, or nothing has told us of it."""
        asked = self._by_key.get(one.key or "")
        came = self._incoming.get((operator, one.number))
        posted = [row for row in self._numbered(operator, one.number) if row.state in PAID]
        if len(posted) > 1:
            yield f"{one.number}: posted {len(posted)} times"
        if came is not None and came.state == "posted" and came.collection_id not in {row.id for row in posted}:
            yield f"{one.number}: incoming says posted, and its collection doesn't"
        yield from self._taken_back(operator, one, posted)
        if asked is not None and self._refused_by_us(operator, asked):
            yield f"{one.key}: refused in our story, and its operator never said so"
        if posted or came is not None:
            return
        if asked is not None and asked.key in self._listed and self._cannot_be_known(operator, asked):
            return
        if operator == "mtn_momo" and one.number in self._town.told_of:
            yield f"{one.number}: an SMS told of it, and it is nowhere"
        elif asked is not None and not self._town.operators[operator].held[asked.key].denied:
            yield f"{one.number}: paid for {one.key}, which is {asked.state} ({asked.reason})"
        else:
            self._untold.append(one)

    def _cannot_be_known(self, operator: str, asked: Row[Any]) -> bool:
        """An operator that names orders itself can't be asked about one whose name was lost with its answer."""
        return FACES[operator] != "key" and asked.handle is None

    def _taken_back(self, operator: str, one: Transaction, posted: list[Row[Any]]) -> Iterator[str]:
        """What the operator took back counts no more; where that couldn't be told, a person is to decide."""
        came = self._incoming.get((operator, one.number))
        gone = [row for row in posted if row.state == State.REVERSED.value] or (came and came.state == "returned")
        if not one.taken_back:
            if gone:
                yield f"{one.number}: reversed, and nobody took it back"
        elif not gone:
            own = {row.id for row in posted} | ({came.collection_id} if came else set())
            named = [case for case in self._cases if one.number in case.key or case.collection_id in own]
            if not any(case.kind == "reversed" and case.closed_at is None for case in named):
                yield f"{one.number}: taken back, and it counts without a case"

    def _refused_by_us(self, operator: str, one: Row[Any]) -> bool:
        """Does the story of a collection tell of a refusal that its operator never spoke?"""
        if one.key in self._town.operators[operator].refused:
            return False
        refusals = {
            event.reason for event in self._events if event.collection_id == one.id and event.to_state == REFUSED
        }
        return bool(refusals - {"duplicate"})

    def _numbered(self, operator: str, number: str) -> list[Row[Any]]:
        return [row for row in self._collections if (row.provider, row.operator_id) == (operator, number)]

    def _nothing_invented(self) -> Iterator[str]:
        # Two operators may give two transactions one number.
        moved_as = {(each.name, one.number): one for each in self._town.operators.values() for one in each.books}
        for row in self._collections:
            if row.state not in PAID or row.way == "cash" or row.effect_key.startswith("share:"):
                continue
            moved = moved_as.get((row.provider, row.operator_id))
            if moved is None:
                yield f"{row.key}: paid as {row.operator_id}, which never moved"
            elif (row.paid_minor, row.paid_currency) != (moved.amount.minor, moved.amount.currency):
                yield f"{row.key}: posted {row.paid_minor} {row.paid_currency}, moved {moved.amount}"

    def _wallets(self) -> Iterator[str]:
        """The wallets hold what moved and wasn't taken back, no more and no less."""
        expected: Counter[str] = Counter()
        for operator in self._town.operators.values():
            for one in operator.books:
                if one not in self._untold and self._stands(operator.name, one):
                    expected[one.amount.currency] += one.amount.minor
        for row in self._refunds:
            if row.state == "paid":
                expected[row.currency] -= row.amount_minor
        held = self._balances("wallet")
        for currency in {*expected, *held}:
            if held.get(currency, 0) != expected[currency]:
                yield f"the wallets hold {held.get(currency, 0)} {currency}, and {expected[currency]} moved"

    def _stands(self, operator: str, one: Transaction) -> bool:
        """Does the transaction stand in our ledger, as far as its rows say?"""
        row = next((each for each in self._numbered(operator, one.number) if each.state in PAID), None)
        if row is not None:
            return bool(row.state == State.PAID.value)
        came = self._incoming.get((operator, one.number))
        return came is not None and came.state == "suspense"

    def _balances(self, role: str) -> dict[str, int]:
        rows = self._connection.execute(
            select(account.c.currency, func.sum(line.c.amount_minor))
            .join(line, line.c.account_id == account.c.id)
            .where(account.c.role == role)
            .group_by(account.c.currency)
        )
        return {currency: int(total) for currency, total in rows}

    def _households(self) -> Iterator[str]:
        """What was paid for a household and not taken back has been credited to it."""
        paid: Counter[int] = Counter()
        for row in self._collections:
            if row.state == State.PAID.value and row.paid_currency == row.currency and row.household_id is not None:
                paid[row.household_id] += row.paid_minor
        for row in self._refunds:
            source = next(each for each in self._collections if each.id == row.collection_id)
            if row.state == "paid" and row.currency == source.currency:
                paid[source.household_id] -= row.amount_minor
        rows = self._connection.execute(
            select(line.c.household_id, func.sum(line.c.amount_minor))
            .join(entry, entry.c.id == line.c.entry_id)
            .join(account, account.c.id == line.c.account_id)
            .where(line.c.household_id.is_not(None), entry.c.journal != "dues")
            .where(account.c.role.in_(["receivable", "advance"]))
            .group_by(line.c.household_id)
        )
        credited = {household_id: -int(total) for household_id, total in rows}
        for its_id in self._connection.scalars(select(household.c.id)):
            if credited.get(its_id, 0) != paid[its_id]:
                yield f"household {its_id} paid {paid[its_id]} and was credited {credited.get(its_id, 0)}"
        cash = sum(row.paid_minor for row in self._collections if row.way == "cash")
        if cash != self._balances("cash").get("XOF", 0):
            yield f"{cash} came in cash, and the box holds {self._balances('cash')}"

    def _wishes(self) -> Iterator[str]:
        """One wish, at most one collection; what is recorded as cash is recorded once, and none is lost."""
        for wish, count in Counter(row.effect_key for row in self._collections).items():
            if count > 1:
                yield f"wish {wish}: {count} collections"
        recorded = {row.effect_key for row in self._collections if row.way == "cash"}
        if missing := self._town.cash.keys() - recorded:
            yield f"cash not recorded: {sorted(missing)}"
        answered = set(self._connection.scalars(select(schema.effect.c.key)))
        if missing := self._town.wishes.keys() - answered:
            yield f"wishes without an answer: {sorted(missing)}"

    def _shares(self) -> Iterator[str]:
        """What a group paid is divided to the last franc, or stands on suspense."""
        suspended = {row.collection_id for row in self._incoming.values() if row.state in ("suspense", "returned")}
        for one in self._collections:
            if one.group_id is None or one.state not in PAID:
                continue
            shares = [row for row in self._collections if row.effect_key.startswith(f"share:{one.key}:")]
            total = sum(row.paid_minor for row in shares)
            if one.id in suspended and shares:
                yield f"{one.key}: on suspense, and divided"
            if one.id not in suspended and total != one.paid_minor:
                yield f"{one.key}: {one.paid_minor} came, and {total} was shared"
            if one.id not in suspended and any(row.state != one.state for row in shares):
                yield f"{one.key} is {one.state}, and its shares {[row.state for row in shares]}"

    def _refunded(self) -> Iterator[str]:
        """What an operator gave back is in the books once, or somebody is told; nothing else is."""
        given = {key: moved for each in self._town.operators.values() for key, moved in each.given_back.items()}
        for row in self._refunds:
            moved = given.pop(row.key, None)
            if row.state == "paid" and (moved is None or moved.amount.minor != row.amount_minor):
                yield f"refund {row.key}: in the books, and the operator gave {moved}"
            looked_into = any(case.key == f"refund:{row.key}" for case in self._cases)
            if row.state != "paid" and moved is not None and not looked_into:
                yield f"refund {row.key}: given as {moved.number}, and here it is {row.state}"
        if given:
            yield f"given back, and never asked for: {sorted(given)}"

    # People

    def _told(self) -> Iterator[str]:
        """Whoever paid has a receipt with one and the same number; the treasurer knows; who didn't pay knows too."""
        about: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
        for row in self._messages:
            event, _, rest = row.key.partition(":")
            about[event, rest.partition(":")[0]].append(row)
        for row in self._collections:
            for event in ("receipt", "treasurer") if row.state in PAID else ():
                told = about[event, row.key]
                if not told and not self._told_elsewhere(event, row, about):
                    yield f"{row.key}: paid, and no {event} was written"
                if any(receipt_number(row.id) not in each.text for each in told):
                    yield f"{row.key}: a {event} has another number"
            final = row.state in (State.REFUSED.value, State.EXPIRED.value) and row.reason != "duplicate"
            if final and not about["not_paid", row.key]:
                yield f"{row.key}: {row.state} ({row.reason}), and the payer wasn't told"
        for row in self._messages:
            got = self._town.aggregator.inbox[row.msisdn].count(row.text)
            if row.state in ("sent", "delivered") and not got:
                yield f"message {row.key} is {row.state}, and nobody got it"

        # At most twice each, where an answer was lost; two payments that fail alike are told in the same words.
        written = Counter((row.msisdn, row.text) for row in self._messages)
        for (msisdn, text), count in written.items():
            got = self._town.aggregator.inbox[msisdn].count(text)
            if got > 2 * count:
                yield f"{count} messages came {got} times: {text}"

    def _told_elsewhere(self, event: str, row: Row[Any], about: dict[tuple[str, str], list[Row[Any]]]) -> bool:
        """Words of their own: for what was taken back before it came, and for a group's money that can't be divided.

        Of a share the treasurer hears with the whole.
        """
        if row.state == State.REVERSED.value and about["reversed", row.key]:
            return True
        if row.effect_key.startswith("share:"):
            return event == "treasurer"
        return row.group_id is not None and (bool(about["group_kept", row.key]) or row.reason == "reversed")

    # What is left

    def _quiet(self) -> Iterator[str]:
        """Nothing waits for ever: what is open is due in future, what is undecided is on the list."""
        now = self._town.machine.now()
        table = schema.outbox
        for row in self._connection.execute(select(table).where(table.c.done_at.is_(None), table.c.due_at <= now)):
            yield f"outbox: {row.topic} {row.subject} is still open, due {row.due_at}"
        for row in self._messages:
            if row.state in ("waiting", "sending"):
                yield f"message {row.key} is left {row.state}"
        for row in self._collections:
            if row.state in {state.value for state in UNDECIDED} and row.key not in self._listed:
                yield f"{row.key}: undecided, and on no list"
        for name, operator in self._town.operators.items():
            for key, one in operator.held.items():
                row = self._by_key[key]
                known = one.state == "waiting" or self._cannot_be_known(name, row)
                if key in self._listed and not known:
                    yield f"{key}: listed as {row.state}, and its operator would say {one.state}"
                if (
                    one.told_denied
                    and row.state == State.PAID.value
                    and not any(case.kind == "conflict" and case.collection_id == row.id for case in self._cases)
                ):
                    yield f"{key}: its operator takes its word back, and nobody is to look into it"
