"""The chain of digests: what is changed, removed or inserted behind the program's back is found and named (H10)."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DatabaseError

from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.ledger import chain
from gateway.ledger.accounts import first_difference
from gateway.ledger.chain import START, Anchor, Broken, Holds, last_anchor, read_anchor, seal_all, sealing, verify_chain
from gateway.ledger.entries import record
from gateway.settings import Settings
from gateway.store.schema import entry, seal
from gateway.store.unit import Store
from gateway.wiring import Runtime
from tests.ledger.books import Books, behind_the_back
from tests.payments.commands import on_database_of
from tests.payments.village import ON_SQLITE, Village
from workers.schedule import rounds

DAY = date(2026, 11, 20)


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store)


@pytest.fixture
def sealed(books: Books, clock: FixedClock) -> Books:
    """Five entries, k0 to k4, sealed in this order."""
    for _ in range(5):
        books.cash(DAY)
        clock.move(timedelta(milliseconds=1))  # else of two within a thousandth of a second either may come first
    assert books.seal() == 5
    return books


def verified(store: Store, anchor: Anchor | None = None) -> Broken | Holds:
    with store.read() as connection:
        return verify_chain(connection, anchor)


def end(store: Store) -> Anchor:
    with store.read() as connection:
        return last_anchor(connection)[0]


def broken_at(store: Store, anchor: Anchor | None = None) -> tuple[int, str]:
    found = verified(store, anchor)
    assert isinstance(found, Broken)
    return found.number, found.what


def test_everything_is_sealed_once_in_the_order_of_recording(books: Books, clock: FixedClock) -> None:
    first = books.entry(DAY)
    clock.move(timedelta(minutes=1))
    later = books.cash(DAY)
    clock.move(-timedelta(minutes=1))
    with books.store.write() as unit:
        record(unit, first)  # its id is older and its moment earlier, though it came second
    assert (books.seal(), books.seal()) == (2, 0)
    with books.store.read() as connection:
        found = connection.execute(select(seal.c.id, seal.c.entry_id).order_by(seal.c.id)).all()
    assert [tuple(row) for row in found] == [(1, first.id), (2, later.id)]


def test_the_digest_is_computed_as_it_is_written_down(books: Books) -> None:
    """Word for word as the documents say, without our own code: anybody can recompute it."""
    one = books.cash(DAY, 700, "collection:x")
    books.seal()
    text = json.dumps(
        [
            "cotisa entry 1", str(one.id), "collection:x", "m", "cash", "XOF", "2026-11-20",
            "2026-11-22T09:00:00.000000+00:00", None,
            [
                ["m", "cash", "571", "XOF", 700, None, None, None],
                ["m", "income", "701", "XOF", -700, None, None, None],
            ],
        ],
        separators=(",", ":"),
    )  # fmt: skip
    assert end(books.store) == Anchor(1, hashlib.sha256(("0" * 64 + "\n" + text).encode()).hexdigest())


def test_households_and_memberships_are_named_by_card_and_first_day(office: Village) -> None:
    home = office.register()
    office.push(home.household_id, 2_000)
    seal_all(office.store)
    with office.store.read() as connection:
        ids = list(connection.scalars(select(entry.c.id)))
        (dues,) = (text for text in chain._texts(connection, ids).values() if '"dues:' in text)
    lines = json.loads(dues)[-1]
    assert lines[0][5:] == [home.card, "2026-11-22", "2026-11-22"]
    assert isinstance(verified(office.store), Holds)


# --- tampering --------------------------------------------------------------------------------------------------------

OF_K2 = "(select id from entry where key = 'k2')"


@pytest.mark.parametrize(
    "statements",
    [
        # Both lines, so that the entry nets and everything else holds.
        (f"update line set amount_minor = amount_minor * 10 where entry_id = {OF_K2}",),
        ("update entry set happened_on = '2020-01-01' where key = 'k2'",),
        ("update entry set recorded_at = '2020-01-01 00:00:00.000000' where key = 'k2'",),
        ("update entry set journal = 'corrections' where key = 'k2'",),
        ("update entry set key = 'k2b' where key = 'k2'",),
        (f"update entry set reverses_id = (select id from entry where key = 'k0') where id = {OF_K2}",),
        (f"update line set due_on = '2026-12-01' where entry_id = {OF_K2}",),
        (  # two lines more, which net
            f"insert into line (entry_id, account_id, amount_minor) "
            f"select entry_id, account_id, amount_minor from line where entry_id = {OF_K2}",
        ),
        (f"delete from line where entry_id = {OF_K2}",),
        ("update seal set digest = (select digest from seal where id = 1) where id = 3",),
        (  # two entries change places
            "delete from seal where id = 4",
            f"update seal set entry_id = (select id from entry where key = 'k3') where entry_id = {OF_K2}",
        ),
    ],
)  # fmt: skip
def test_the_first_entry_that_was_changed_is_named(sealed: Books, statements: tuple[str, ...]) -> None:
    assert isinstance(verified(sealed.store), Holds)
    behind_the_back(sealed.store, *statements)
    number, what = broken_at(sealed.store)
    assert number == 3
    assert "k2" in what or "k3" in what
    assert "is not what was sealed" in what


def test_the_books_still_net_where_only_the_chain_tells(sealed: Books) -> None:
    behind_the_back(sealed.store, f"update line set amount_minor = amount_minor * 10 where entry_id = {OF_K2}")
    with sealed.store.read() as connection:
        assert first_difference(connection) is None
    assert broken_at(sealed.store)[0] == 3


def test_an_entry_that_was_removed_is_named(sealed: Books) -> None:
    with sealed.store.read() as connection:
        gone = connection.scalar(select(entry.c.id).where(entry.c.key == "k1"))
    behind_the_back(
        sealed.store,
        "delete from line where entry_id = (select id from entry where key = 'k1')",
        "delete from entry where key = 'k1'",
    )
    assert broken_at(sealed.store) == (2, f"entry {gone}, number 2 of the chain, was removed")


@pytest.mark.parametrize("number", [1, 3])
def test_an_entry_that_was_removed_with_its_seal_is_missed(sealed: Books, number: int) -> None:
    whose = f"(select entry_id from seal where id = {number})"
    behind_the_back(
        sealed.store,
        f"delete from line where entry_id = {whose}",
        f"delete from entry where id = {whose}",
        f"delete from seal where id = {number}",
    )
    assert broken_at(sealed.store) == (number, f"number {number} of the chain was removed")


def test_an_entry_that_was_inserted_among_the_sealed_is_named(sealed: Books) -> None:
    sealed.cash(DAY, key="smuggled")
    behind_the_back(
        sealed.store,
        "update seal set id = -(id + 1) where id >= 3",
        "update seal set id = -id where id < 0",
        "insert into seal (id, entry_id, digest) select 3, id, 'f' from entry where key = 'smuggled'",
    )
    number, what = broken_at(sealed.store)
    assert number == 3
    assert "entry smuggled" in what


def test_an_old_entry_that_was_slipped_in_is_sealed_at_the_end_and_shown(sealed: Books, clock: FixedClock) -> None:
    noted = end(sealed.store)
    clock.move(timedelta(days=-30))
    sealed.cash(date(2026, 10, 20), key="slipped-in")
    clock.move(timedelta(days=30))
    sealed.seal()
    for anchor in (None, noted):
        found = verified(sealed.store, anchor)
        assert isinstance(found, Holds)
        assert (found.backdated, found.first_backdated) == (1, "slipped-in")
    explained = verified(sealed.store, end(sealed.store))
    assert isinstance(explained, Holds)
    assert explained.backdated == 0


# --- anchors ----------------------------------------------------------------------------------------------------------


def test_a_chain_that_was_rewritten_from_a_place_on_is_found_by_an_anchor_alone(sealed: Books) -> None:
    noted = end(sealed.store)
    behind_the_back(
        sealed.store,
        f"update line set amount_minor = amount_minor * 10 where entry_id = {OF_K2}",
        "delete from seal where id >= 3",
    )
    sealed.seal()
    assert isinstance(verified(sealed.store), Holds)  # it holds in itself
    assert broken_at(sealed.store, noted) == (
        5, f"the chain doesn't pass through {noted}: what comes before was rewritten",
    )  # fmt: skip


def test_a_chain_that_was_cut_off_is_found_by_an_anchor(sealed: Books) -> None:
    noted = end(sealed.store)
    behind_the_back(
        sealed.store,
        "delete from line where entry_id in (select entry_id from seal where id >= 4)",
        "delete from entry where id in (select entry_id from seal where id >= 4)",
        "delete from seal where id >= 4",
    )
    assert isinstance(verified(sealed.store), Holds)
    assert broken_at(sealed.store, noted) == (3, "the chain ends at 3, but there were 5 entries in it")


def test_an_anchor_holds_however_long_the_chain_has_grown(sealed: Books) -> None:
    noted = end(sealed.store)
    sealed.cash(DAY)
    assert isinstance(found := verified(sealed.store, noted), Holds)
    assert (found.last, found.waiting) == (noted, 1)
    sealed.seal()
    assert isinstance(found := verified(sealed.store, noted), Holds)
    assert (found.last.number, found.waiting) == (6, 0)
    assert isinstance(verified(sealed.store, Anchor(0, START)), Holds)


def test_a_closed_month_is_an_anchor_that_the_database_keeps_itself(sealed: Books) -> None:
    sealed.cash(date(2026, 10, 3))
    sealed.close(date(2026, 10, 1))
    behind_the_back(
        sealed.store,
        f"update line set amount_minor = amount_minor * 10 where entry_id = {OF_K2}",
        "delete from seal where id >= 3",
    )
    sealed.seal()
    assert "what comes before was rewritten" in broken_at(sealed.store)[1]


def test_an_anchor_that_cannot_be_one_is_refused() -> None:
    assert read_anchor(f" 12:{'A' * 64}\n") == Anchor(12, "a" * 64)
    for wrong in ("", "12", "12:abc", f"x:{'a' * 64}", f"-1:{'a' * 64}"):
        with pytest.raises(Fault, match="NUMBER:DIGEST"):
            read_anchor(wrong)


# --- sealing beside postings ------------------------------------------------------------------------------------------


def test_a_transaction_that_commits_late_is_sealed_later(pg_store: Store) -> None:
    books = Books(pg_store)
    late = books.entry(DAY, key="late")
    with pg_store.write() as unit:
        record(unit, late)
        books.cash(DAY, key="quick")
        assert books.seal() == 1
    assert sum(sealing(pg_store)) == 1
    assert isinstance(found := verified(pg_store), Holds)
    assert (found.last.number, found.waiting) == (2, 0)


def test_what_commits_hours_late_is_found_by_the_hourly_round(sealed: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "LATE_COMMIT", timedelta(0))
    old = sealed.entry(DAY, key="old")
    object.__setattr__(old, "id", type(old.id)(int=old.id.int - (7_200_000 << 80)))  # made two hours ago
    with sealed.store.write() as unit:
        record(unit, old)
    assert sum(sealing(sealed.store)) == 0
    assert sum(sealing(sealed.store, everything=True)) == 1


@ON_SQLITE
def test_the_scheduler_seals_every_minute_and_every_hour(office: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    on_database_of(office, monkeypatch)
    office.register()
    parts = Runtime(Settings.from_env())
    every_minute, hourly = (one for one in rounds(parts, "a") if one._job.startswith("seal"))
    for one in (every_minute, hourly):
        while one.go_on():
            pass
        assert end(office.store).number == 1
    assert (every_minute._every_s, hourly._every_s) == (60, 3600)


def test_many_are_sealed_in_steps_and_a_round_that_was_stopped_goes_on(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chain, "STEP", 4)
    monkeypatch.setattr(chain, "_NEXT", chain._NEXT.limit(4))
    for _ in range(10):
        books.cash(DAY)
    assert next(sealing(books.store)) == 4  # and here a scheduler dies
    assert list(sealing(books.store, everything=True)) == [0, 4, 2]
    assert isinstance(verified(books.store), Holds)


def test_schedulers_that_seal_at_once_make_one_chain(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "STEP", 3)
    monkeypatch.setattr(chain, "_NEXT", chain._NEXT.limit(3))
    for _ in range(12):
        books.cash(DAY)
    start = threading.Barrier(4)

    def one(_: int) -> int:
        start.wait()
        return seal_all(books.store)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(one, range(4))) == 12
    assert isinstance(found := verified(books.store), Holds)
    assert (found.last.number, found.waiting) == (12, 0)


def test_a_posting_touches_no_seal(books: Books) -> None:
    one, asked = books.entry(DAY), []
    event.listen(books.store.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    with books.store.write() as unit:
        record(unit, one)
    assert asked or books.store.is_postgresql  # there they go through the driver's pipeline
    assert not [statement for statement in asked if "seal" in statement or "period" in statement]


def test_the_program_cannot_change_a_seal(sealed: Books) -> None:
    for statement in ("update seal set digest = 'x'", "delete from seal"):
        with pytest.raises(DatabaseError, match="never changed"), sealed.store.write() as unit:
            unit.connection.exec_driver_sql(statement)


def test_a_long_chain_is_read_in_pieces(sealed: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "_SEALED", chain._SEALED.limit(2))
    assert isinstance(found := verified(sealed.store), Holds)
    assert found.last.number == 5
    behind_the_back(sealed.store, "update entry set happened_on = '2020-01-01' where key = 'k4'")
    assert broken_at(sealed.store)[0] == 5


def test_an_empty_chain_ends_nowhere(books: Books) -> None:
    assert end(books.store) == Anchor(0, START)
    assert verified(books.store) == Holds(Anchor(0, START), 0, 0, None)
