"""Files that were handed in: told before they are kept, taken in once however often and by whomever it is begun."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.kernel.faults import Fault
from gateway.locale import Say
from gateway.payments.reconciliation import handed_in
from gateway.payments.reconciliation import handling as work
from gateway.payments.reconciliation.closing.signing import (
    Unsigned,
    WalletClosed,
    close_wallet,
    look_at_span,
)
from gateway.payments.reconciliation.differences.listing import differences, next_open, open_by_kind
from gateway.payments.reconciliation.handed_in import (
    KEPT_FOR,
    TOPIC,
    Handling,
    How,
    Upload,
    ask_to_take,
    drop_upload,
    hand_in,
    open_uploads,
    read_again,
    ring_wallet,
    upload_with,
)
from gateway.payments.reconciliation.handling import recognised
from gateway.payments.reconciliation.kept import Kept
from gateway.payments.reconciliation.taking_in import look_into
from gateway.payments.reconciliation.wallets import how_wallets_stand, open_wallet
from gateway.payments.statements.lines import BadStatement
from gateway.payments.statements.raw import raw_columns, raw_row
from gateway.store import outbox
from gateway.store.schema import statement, statement_upload
from gateway.store.unit import Unit
from tests.payments.reconciliation.test_reconciling import HINTS, NOW, Books
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances
from tests.payments.village import Village, at_once

STRANGER = "+2290196000001"


@pytest.fixture
def books(village: Village, tmp_path: Path) -> Books:
    return Books(village, tmp_path)


def mtn(count: int, begin: int = 0) -> bytes:
    rows: list[Mapping[str, object]] = [
        {"at": NOW - timedelta(hours=30 - number), "amount": 500 + number, "operator_id": f"84{number:08d}",
         "payer": STRANGER}
        for number in range(begin, begin + count)
    ]  # fmt: skip
    return csv(mtn_momo(with_balances(movements(rows), 10_000)))


def handling(books: Books) -> Handling:
    return Handling(books.village.store, books.village.network, books.village.chart)


def handed(books: Books, content: bytes, how: How | None = None, wallet: bool = True) -> int:
    with books.village.store.write() as unit:
        its_wallet = books.wallet.id if wallet else None
        place = books.wallet.organisation_id
        return hand_in(unit, place, "mtn.csv", content, "Awa", how or How(), its_wallet)


def shown(books: Books, its_id: int) -> Upload:
    with books.village.store.read() as connection:
        found = upload_with(connection, its_id)
    assert found is not None
    return found


def count(books: Books, table: object = statement) -> int:
    with books.village.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


def test_what_is_told_is_what_is_kept_then(books: Books) -> None:
    books.taken_in({"at": NOW - timedelta(hours=30), "amount": 500, "operator_id": "8400000000", "payer": STRANGER})
    file = books.folder / "next.csv"
    file.write_bytes(mtn(5))
    tree = books.village.network.tree()
    told = look_into(books.village.store, tree, books.wallet, file, HINTS)
    assert count(books) == 1
    assert (told.lines, told.repeated, told.fee_minor) == (5, 1, 0)
    assert [(one.kind, one.count, one.in_minor, one.out_minor) for one in told.moved] == [("payment", 5, 2_510, 0)]
    its_id = handed(books, mtn(5))
    handling(books).go_on(its_id)
    with books.village.store.write() as unit:
        assert ask_to_take(unit, its_id)
    handling(books).go_on(its_id)
    done = shown(books, its_id)
    assert (done.state, done.found["lines"], done.found["repeated"]) == ("taken", 4, 1)
    with books.village.store.read() as connection:
        row = connection.execute(select(statement).where(statement.c.id == done.statement_id)).one()
    assert (row.from_at, row.until_at, row.lines, row.repeated) == (told.from_at, told.until_at, 4, 1)
    known = look_into(books.village.store, tree, books.wallet, file, HINTS)
    assert isinstance(known.known, Kept)
    assert known.repeated == 5


def test_taken_in_by_several_at_once_it_is_one_statement(books: Books) -> None:
    its_id = handed(books, mtn(3))
    at_once(2, lambda: handling(books).go_on(its_id))
    assert shown(books, its_id).state == "read"
    with books.village.store.write() as unit:
        assert ask_to_take(unit, its_id)
        assert not ask_to_take(unit, its_id)
        assert not drop_upload(unit, its_id)
        assert not read_again(unit, its_id, How(), None)
    at_once(2, lambda: handling(books).go_on(its_id))
    assert shown(books, its_id).state == "taken"
    assert count(books) == 1
    handling(books).go_on(its_id)
    handling(books).go_on(987_654)
    assert count(books) == 1


def test_how_far_it_is_is_told_while_it_goes_on(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "_TELL_EVERY_S", -1)
    monkeypatch.setattr(handed_in, "SMALL_BYTES", 1)
    its_id = handed(books, mtn(5))
    told: list[int] = []
    hold = outbox.hold

    def counted(unit: Unit, task: outbox.Task) -> None:
        told.append(task.id)
        hold(unit, task)

    monkeypatch.setattr(outbox, "hold", counted)
    for state in ("read", "taken"):
        assert outbox.drain(books.village.store, handed_in.QUEUE, {TOPIC: handling(books)}, _raised) == 1
        assert shown(books, its_id).state == state
        with books.village.store.write() as unit:
            ask_to_take(unit, its_id)
    assert len(told) > 3
    assert shown(books, its_id).done == 5


def test_what_was_dropped_meanwhile_stays_dropped(books: Books) -> None:
    its_id = handed(books, mtn(3))
    with books.village.store.write() as unit:
        assert drop_upload(unit, its_id)
    handling(books).go_on(its_id)
    assert (shown(books, its_id).state, shown(books, its_id).found) == ("dropped", {})


def test_nobody_going_on_with_it_it_is_thrown_away(books: Books) -> None:
    first = handed(books, mtn(2))
    books.village.clock.move(KEPT_FOR + timedelta(minutes=1))
    second = handed(books, mtn(3))
    assert (shown(books, first).state, shown(books, second).state) == ("dropped", "new")
    with books.village.store.read() as connection:
        content = connection.scalar(select(statement_upload.c.content).where(statement_upload.c.id == first))
        assert [one.id for one in open_uploads(connection, [books.wallet.organisation_id])] == [second]
    assert content is None


def test_a_file_that_is_too_large_is_refused(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed_in, "MOST_BYTES", 10)
    with pytest.raises(Fault, match="larger than"):
        handed(books, b"12345678901")


def test_a_packed_file_is_worked_on_behind_the_scenes_where_it_may_be_large(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handed_in, "SMALL_PACKED_BYTES", 20)
    for content, small in ((mtn(2), True), (gzip.compress(mtn(2)), False)):
        its_id = handed(books, content)
        with books.village.store.read() as connection:
            assert handed_in.is_small(connection, its_id) is small
    done = outbox.drain(books.village.store, handed_in.QUEUE, {TOPIC: handling(books)}, _raised)
    assert done == 1
    assert shown(books, its_id).state == "read"


def _raised(_: outbox.Task, error: Exception) -> None:
    raise error


def test_a_claim_is_kept_while_the_work_goes_on(books: Books) -> None:
    handed(books, gzip.compress(mtn(2)))
    store = books.village.store
    books.village.clock.move(timedelta(minutes=5))
    task = outbox.claim(store, handed_in.QUEUE)[0]
    books.village.clock.move(outbox.CLAIM - timedelta(seconds=1))
    with store.write() as unit:
        outbox.hold(unit, task)
    books.village.clock.move(timedelta(seconds=30))
    assert outbox.claim(store, handed_in.QUEUE) == []
    books.village.clock.move(outbox.CLAIM)
    again = outbox.claim(store, handed_in.QUEUE)
    assert [one.id for one in again] == [task.id]
    with store.write() as unit:  # whoever was slower keeps nothing
        outbox.hold(unit, task)
        assert outbox.is_ours(unit, again[0])


def test_a_wallet_is_matched_again_behind_the_scenes(books: Books) -> None:
    its_id = handed(books, mtn(2))
    for _ in range(2):
        handling(books).go_on(its_id)
        with books.village.store.write() as unit:
            ask_to_take(unit, its_id)
    assert shown(books, its_id).state == "taken"
    with books.village.store.write() as unit:
        ring_wallet(unit, books.wallet.id)
    assert outbox.drain(books.village.store, handed_in.QUEUE, {TOPIC: handling(books)}, _raised) == 1
    ids = [one.id for one in books.open()]
    with books.village.store.read() as connection:
        assert next_open(connection, ids[0], [books.wallet.id], None, ids[0]) == ids[1]
        assert next_open(connection, ids[1], [books.wallet.id], None, ids[1]) == ids[0]
        assert next_open(connection, ids[0], [books.wallet.id], "fee", ids[0]) is None
        assert open_by_kind(connection, [books.wallet.id]) == {books.wallet.id: {"unknown": (2, 1_001)}}
        tree = books.village.network.tree()
        assert [one.id for one in differences(connection, tree, after=ids[0])] == ids[1:]
        stands = how_wallets_stand(connection, [books.wallet.id, 999])
    assert stands[999].statements_until is None
    assert stands[books.wallet.id].statements_until is not None
    assert stands[books.wallet.id].closed_until is None


def test_whose_it_is_shows_in_headings_or_account(books: Books) -> None:
    tree, store = books.village.network.tree(), books.village.store
    file = books.folder / "some.csv"
    file.write_bytes(mtn(1))
    place = books.wallet.organisation_id

    def found() -> str | None:
        with store.read() as connection:
            one = recognised(connection, tree, place, file)
        return one.operator if one is not None else None

    assert found() == "mtn_momo"
    with store.write() as unit:
        open_wallet(unit, tree[place], "moov_money", "wallet")
    assert found() == "mtn_momo"
    file.write_bytes(b"Jour;Somme\n1;2\n")
    assert found() is None


def test_cells_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_bytes("Relevé\n\nJour;Montant;Note;Montant\n20/11/2026;5;;7\n".encode("cp1252"))
    heads, columns = raw_columns(file)
    assert heads == 3
    assert [(one.letters, one.named, one.samples) for one in columns] == [
        ("A", "Jour", ("20/11/2026",)), ("B", "=B", ("5",)), ("C", "Note", ("",)), ("D", "=D", ("7",)),
    ]  # fmt: skip
    assert raw_row(file, 4) == ["20/11/2026", "5", "", "7"]
    assert raw_row(file, 99) == []
    file.write_bytes(b"%PDF-1.7")
    assert raw_row(file, 1) == []
    with pytest.raises(BadStatement):
        raw_columns(file)


def test_why_a_file_cant_be_read_is_a_text_with_values() -> None:
    wrong = BadStatement("{word} is not an amount", 7, "Amount", word="'x{y}'")
    assert str(wrong) == "row 7, column Amount: 'x{y}' is not an amount"
    assert wrong.why == "'x{y}' is not an amount"
    assert Say("en")(wrong.source, **wrong.values) == wrong.why
    assert str(BadStatement("{as it is}", row=3)) == "row 3: {as it is}"


def test_what_is_signed_is_what_was_seen(books: Books) -> None:
    store, tree = books.village.store, books.village.network.tree()
    books.taken_in({"at": NOW - timedelta(hours=30), "amount": 500, "operator_id": "8400000000", "payer": STRANGER})
    on = (NOW - timedelta(hours=30)).date()
    seen = look_at_span(store, tree, books.wallet, "day", on)
    assert isinstance(seen, Unsigned)
    assert seen.still is not None
    with pytest.raises(Fault, match="have changed"):
        close_wallet(store, tree, books.wallet, "day", on, "Awa", "so be it", "another mark")
    books.reconciled()
    after = look_at_span(store, tree, books.wallet, "day", on)
    assert after.mark != seen.mark
    done = close_wallet(store, tree, books.wallet, "day", on, "Awa", "so be it", after.mark)
    assert isinstance(done, WalletClosed)
    assert (done.figures.theirs, done.figures.ours) == (after.figures.theirs, after.figures.ours)
    with store.read() as connection:
        assert how_wallets_stand(connection, [books.wallet.id])[books.wallet.id].closed_until == on
    with pytest.raises(Fault, match="is signed"):
        look_at_span(store, tree, books.wallet, "day", on)
    with pytest.raises(Fault, match="isn't over"):
        look_at_span(store, tree, books.wallet, "day", date(2027, 1, 1))
