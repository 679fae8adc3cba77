"""A mutuelle leaves with its data: what comes back is what went, on either database; what was touched is refused."""

from __future__ import annotations

import hashlib
import itertools
import json
import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from gateway.exchange.leaving import loading
from gateway.exchange.leaving.cells import read_cell, show_cell
from gateway.exchange.leaving.dictionary import BEGINS, dictionary
from gateway.exchange.leaving.dumping import MANIFEST, dump
from gateway.exchange.leaving.tables import COLUMNS_LEFT_OUT, DUMPED, LEFT_OUT, columns_of, file_of, table_of
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.ledger.chain import Holds, seal_all, verify_chain
from gateway.ledger.chart import Chart
from gateway.ledger.closing import Closed, close_month, first_changed_period
from gateway.membership.changes import By
from gateway.membership.households import by_id, standing
from gateway.membership.moves.moving import move
from gateway.membership.recomputing import first_wrong_due
from gateway.network.organisations import Network, add_organisation
from gateway.payments.takings import close_day
from gateway.store.engine import open_engine
from gateway.store.schema import entry, household, metadata, name_key, office_event, organisation, pin, staff, visit
from gateway.store.tracing import COMMAND
from gateway.store.unit import Store
from tests.conftest import DEFAULTS, SqliteCopy
from tests.payments.commands import on_database_of
from tests.payments.village import NEIGHBOUR, ON_SQLITE, TREASURER, YEAR_DUE, Village, found

HASH = "$argon2id$v=19$m=8,t=1,p=1$c2VjcmV0$aGFzaA"
Change = Callable[[dict[str, bytes]], object]


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    return settled(store, network, clock)


def settled(store: Store, network: Network, clock: FixedClock) -> Village:
    """A union with two mutuelles: families that paid, that owe, that moved; a day and a month are closed."""
    with store.write() as unit:
        above = add_organisation(unit, None, kind="union", code="u", name="Union", country="BJ", currency="XOF",
                                 time_zone="Africa/Porto-Novo", languages="fr")  # fmt: skip
    other = found(store, network, above=above, code="n", treasurer="+2290100000903")
    one = Village(store, network, clock, found(store, network, above=above))
    clock.at -= timedelta(days=40)
    first, gone = one.register(), one.register(NEIGHBOUR)
    one.push(first.household_id, 1_500)
    one.give(first.household_id, one.treasurer, 700)
    one.push(gone.household_id, YEAR_DUE)
    clock.at += timedelta(days=40)
    with store.write() as unit:
        close_day(unit, network.tree(), one.treasurer, one.place.books.id)
    assert isinstance(close_month(store, network.tree(), one.place.books, date(2026, 10, 1), "Bio Sarre"), Closed)
    with store.write() as unit:
        tree = network.tree()
        by = By(None, name="Bio Sarre")
        move(unit, tree, one.chart, by_id(unit.connection, tree, gone.household_id), tree[other.section_id], by)
        unit.connection.execute(insert(pin).values(holder="h:1", hash=HASH, first=False, set_at=unit.now))
    one.give(first.household_id, one.treasurer, 300)
    return one


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, database_url: str, clock: FixedClock) -> Iterator[Store]:
    """An empty gateway on the other kind of database."""
    other = "sqlite_url" if database_url.startswith("postgresql") else "postgres_url"
    new = Store(open_engine(str(request.getfixturevalue(other)), patient=True), clock)
    yield new
    new.close()


def files_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def dumped(store: Store, code: str, path: Path) -> dict[str, bytes]:
    dump(store, DEFAULTS, code, path, COMMAND)
    return files_of(path)


def holds(store: Store) -> None:
    """What ``gateway ledger verify`` looks at."""
    with store.read() as connection:
        assert isinstance(verify_chain(connection), Holds)
        assert first_changed_period(connection) is None
        assert first_wrong_due(connection) is None


def standings(store: Store, clock: FixedClock, section: str) -> dict[str, str]:
    """How each household of a section stands, with its cover, its dues and its money; PINs stay behind."""
    tree = Network(store, DEFAULTS).tree()
    with store.read() as connection:
        ids = connection.scalars(select(household.c.id).where(household.c.section_id == tree.named(section).id))
        return {
            one.card: repr(standing(connection, replace(one, pin=False), clock.now().date()))
            for one in [by_id(connection, tree, each) for each in ids.all()]
        }


# --- what is dumped ---------------------------------------------------------------------------------------------------


def test_every_table_is_dumped_or_left_out_with_a_reason() -> None:
    assert set(DUMPED) | set(LEFT_OUT) == set(metadata.tables)
    assert not set(DUMPED) & set(LEFT_OUT)
    assert all(LEFT_OUT.values())
    assert all(column in table_of(name).c for name, column in COLUMNS_LEFT_OUT)
    for name in DUMPED:  # whatever isn't in a file must be able to be empty
        kept = columns_of(table_of(name))
        left = [one for one in table_of(name).columns if one not in kept]
        assert all(one.nullable or (name, one.name) == ("organisation", "path") for one in left)


# Years that people are kept: "pin" is in "keeping".
_PLAIN = {f"keeping_time.{each.name}" for each in table_of("keeping_time").columns}


def test_no_secret_is_in_any_file(village: Village, tmp_path: Path) -> None:
    content = b"".join(dumped(village.store, "u", tmp_path / "u.zip").values())
    assert HASH.encode() not in content
    secret = ("pin", "hash", "password", "secret", "token", "credential", "public_key", "handle", "totp")
    names = {f"{name}.{column.name}" for name in DUMPED for column in columns_of(table_of(name))}
    assert not [one for one in names - _PLAIN if any(word in one for word in secret)]


def test_a_dump_is_its_owners_and_is_traced(village: Village, tmp_path: Path) -> None:
    path = tmp_path / "m.zip"
    files = dumped(village.store, "m", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = json.loads(files[MANIFEST])
    assert (said["place"]["code"], said["whole"]) == ("m", False)
    for name, one in said["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == one["sha256"]
    with village.store.read() as connection:
        [act] = connection.execute(select(office_event).where(office_event.c.what == "data.dumped")).all()
    assert act.organisation_id == village.place.books.id
    with pytest.raises(Fault, match="is there already"):
        dump(village.store, DEFAULTS, "m", path, COMMAND)
    with pytest.raises(Fault, match="keeps no books of its own: dump m"):
        dump(village.store, DEFAULTS, "m-1", tmp_path / "s.zip", COMMAND)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["m.zip"]


# --- there and back ---------------------------------------------------------------------------------------------------


def test_a_network_comes_back_as_it_was(village: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path) -> None:
    seal_all(village.store)
    before = dumped(village.store, "u", tmp_path / "before.zip")
    assert loading.load(elsewhere, tmp_path / "before.zip", COMMAND, dry_run=True).kept is False
    with elsewhere.read() as connection:
        assert connection.execute(select(organisation)).first() is None
    assert loading.load(elsewhere, tmp_path / "before.zip", COMMAND).kept
    assert dumped(elsewhere, "u", tmp_path / "after.zip") == before
    holds(elsewhere)
    for section in ("m-1", "n-1"):
        assert standings(elsewhere, clock, section) == standings(village.store, clock, section) != {}
    with village.store.read() as connection, elsewhere.read() as other:
        sounds = select(name_key.c.key, name_key.c.household_id).order_by(name_key.c.household_id, name_key.c.key)
        assert connection.execute(sounds).all() == other.execute(sounds).all()
    with pytest.raises(Fault, match="isn't empty"):
        loading.load(elsewhere, tmp_path / "before.zip", COMMAND)


def test_a_mutuelle_leaves_and_goes_on_elsewhere(
    village: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path
) -> None:
    files = dumped(village.store, "m", tmp_path / "m.zip")
    people = files["beneficiary.csv"].decode().splitlines()
    assert len(people) == 1 + 4  # not those of the family that moved away
    assert NEIGHBOUR.encode() not in b"".join(files[name] for name in ("phone.csv", "beneficiary.csv"))
    loading.load(elsewhere, tmp_path / "m.zip", COMMAND)
    holds(elsewhere)
    assert standings(elsewhere, clock, "m-1") == standings(village.store, clock, "m-1") != {}
    # Life goes on: rows get new numbers, entries go behind the chain.
    network = Network(elsewhere, DEFAULTS)
    there = Village(elsewhere, network, clock, village.place, chart=Chart(), _effects=itertools.count(1_000))
    new = there.register(NEIGHBOUR)
    there.push(new.household_id, 1_500)
    there.give(new.household_id, there.holder(TREASURER), 500)
    seal_all(elsewhere)
    holds(elsewhere)
    again = dumped(elsewhere, "m", tmp_path / "again.zip")
    assert set(files["collection.csv"].splitlines()) < set(again["collection.csv"].splitlines())


# --- what is refused --------------------------------------------------------------------------------------------------


def _rewrite(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def _honest(files: dict[str, bytes], name: str, old: bytes, new: bytes) -> None:
    """Change a file and its hash too, as somebody would who knows how."""
    assert old in files[name]
    files[name] = files[name].replace(old, new, 1)
    said = json.loads(files[MANIFEST])
    said["files"][name]["sha256"] = hashlib.sha256(files[name]).hexdigest()
    files[MANIFEST] = json.dumps(said).encode()


def _said(files: dict[str, bytes], **values: object) -> None:
    files[MANIFEST] = json.dumps({**json.loads(files[MANIFEST]), **values}).encode()


def _half(files: dict[str, bytes]) -> None:
    for name in sorted(files)[::2]:
        if name != MANIFEST:
            del files[name]


def _line(files: dict[str, bytes], name: str, number: int) -> bytes:
    return files[name].split(b"\r\n")[number]


def _other_amounts(files: dict[str, bytes]) -> None:
    """An entry that still nets to zero, over other amounts; the sums say so too."""
    content = files["line.csv"]
    for old, new in ((b",1500\r\n", b",1600\r\n"), (b",-1500\r\n", b",-1600\r\n")):
        assert old in content
        content = content.replace(old, new, 1)
    _honest(files, "line.csv", files["line.csv"], content)
    said = json.loads(files[MANIFEST])
    said["sums"]["XOF"]["debits"] += 100
    files[MANIFEST] = json.dumps(said).encode()


BAD: dict[str, tuple[Change, str]] = {
    "half of its files": (_half, r"lacks .*it isn't whole"),
    "no manifest": (lambda files: files.pop(MANIFEST), "is no dump"),
    "a file of somebody else's": (lambda files: files.update({"evil.csv": b"x"}), "none of its own: evil.csv"),
    "another version": (lambda files: _said(files, version=2), "cotisa dump 2; this gateway reads cotisa dump 1"),
    "another schema": (lambda files: _said(files, schema="0003"), "with the schema 0003"),
    "a changed file": (lambda files: files.update({"phone.csv": files["phone.csv"] + b" "}), "phone.csv was changed"),
    "wrong sums": (lambda files: _said(files, sums={"XOF": {"debits": 1, "paid": 1}}), "the sums of the dump"),
    "other heads": (lambda files: _honest(files, "phone.csv", b"msisdn", b"number"), "its columns are not"),
    "a row too many": (
        lambda files: _honest(files, "phone.csv", b"true\r\n", b"true\r\n+2290100000109,1,true\r\n"),
        "the manifest says",
    ),
    "a cyclic tree": (lambda files: _honest(files, "organisation.csv", b"\r\n1,,", b"\r\n1,2,"), "no circles"),
    "a parent that isn't there": (
        lambda files: _honest(files, "organisation.csv", b"\r\n1,,", b"\r\n1,99,"), "which isn't there",
    ),
    "a broken reference": (
        lambda files: _honest(files, "beneficiary.csv", b"\r\n1,1,", b"\r\n1,77,"), "refers to something|can't be",
    ),
    "a word where a day stands": (
        lambda files: _honest(files, "membership.csv", b"2026-", b"soon-"), "membership.csv: row 1: starts_on is no day"
    ),
    "a history that was changed": (_other_amounts, "ledger of the dump doesn't hold|net to zero"),
}  # fmt: skip


_MADE: dict[str, bytes] = {}


@pytest.fixture
def fresh(sqlite_template: Path, sqlite_copy: SqliteCopy, clock: FixedClock) -> Iterator[Store]:
    """An empty gateway on SQLite."""
    with sqlite_copy(sqlite_template) as url:
        new = Store(open_engine(url), clock)
        yield new
        new.close()


@pytest.fixture
def files(sqlite_template: Path, sqlite_copy: SqliteCopy, clock: FixedClock, tmp_path: Path) -> dict[str, bytes]:
    """The files of a whole network's dump, made once."""
    if not _MADE:
        with sqlite_copy(sqlite_template) as url:
            store = Store(open_engine(url), clock)
            settled(store, Network(store, DEFAULTS), clock)
            seal_all(store)
            _MADE.update(dumped(store, "u", tmp_path / "made.zip"))
            store.close()
    return dict(_MADE)


@pytest.mark.parametrize("what", BAD)
def test_refused_with_one_line_and_nothing_kept(
    files: dict[str, bytes], fresh: Store, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "u.zip"
    change, said = BAD[what]
    change(files)
    _rewrite(path, files)
    with pytest.raises(Fault, match=said) as refused:
        loading.load(fresh, path, COMMAND)
    assert "\n" not in str(refused.value)
    with fresh.read() as connection:
        assert not [name for name in DUMPED if connection.scalar(select(func.count()).select_from(table_of(name)))]


def test_a_file_that_is_cut_off(files: dict[str, bytes], fresh: Store, tmp_path: Path) -> None:
    path = tmp_path / "u.zip"
    _rewrite(path, files)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(Fault, match="cut off"):
        loading.load(fresh, path, COMMAND)


# --- cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=1+1", "'quoted", "+229 x", "-5", "@a", 'a\nb,"c"', "\tx", "+2290100000101", "é"])
def test_text_comes_back_and_is_no_formula(text: str) -> None:
    shown = show_cell(text)
    assert read_cell(organisation.c.name, shown) == text
    assert shown[0] not in "=-@\t"
    assert shown[0] != "+" or shown[1:].isdigit()


def test_values_come_back(clock: FixedClock) -> None:
    now: datetime = clock.now()
    assert read_cell(household.c.registered_at, show_cell(now)) == now
    assert read_cell(visit.c.announced_on, show_cell(date(2026, 2, 28))) == date(2026, 2, 28)
    assert read_cell(staff.c.ended_on, "") is None
    for column, cell in ((visit.c.id, "0"), (visit.c.id, "9" * 19), (entry.c.id, "x"), (household.c.card, "1" * 10)):
        with pytest.raises(Fault):
            read_cell(column, cell)


# --- the data dictionary ----------------------------------------------------------------------------------------------


def test_the_data_dictionary_names_every_column() -> None:
    text = Path("docs/dump.md").read_text(encoding="utf-8")
    assert text.split(BEGINS)[1] == dictionary(), "docs/dump.md: run python -m gateway.exchange.leaving.dictionary"


# --- commands ---------------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_commands(village: Village, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run, path = on_database_of(village, monkeypatch), tmp_path / "m.zip"
    assert f"{len(DUMPED)} files" in run("dump", "m", str(path))
    with pytest.raises(Fault, match="isn't empty"):
        run("load", str(path), "--dry-run")
    assert file_of("household") in files_of(path)
