"""A dump that somebody made to do harm, and one that is as rich as a mutuelle can be: refused, or the same again."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import func, select

from gateway.exchange.leaving import loading
from gateway.exchange.leaving.dumping import MANIFEST, dump
from gateway.exchange.leaving.reading import DumpFile
from gateway.exchange.leaving.tables import DUMPED, table_of
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.membership.changes import By
from gateway.membership.moves.moving import move
from gateway.membership.old_numbers import add_old_number
from gateway.network.organisations import Network, add_organisation
from gateway.store.schema import collection, entry
from gateway.store.tracing import COMMAND
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.exchange.test_dump import dumped, elsewhere, files, fresh, holds, standings, village
from tests.network.test_branches import BY
from tests.payments.village import Village, at_once

__all__ = ["elsewhere", "files", "fresh", "village"]  # fixtures

Files = dict[str, bytes]


def _own(files: Files, name: str, content: bytes) -> None:
    """A file and its hash: by somebody who knows how."""
    files[name] = content
    said = json.loads(files[MANIFEST])
    said["files"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    files[MANIFEST] = json.dumps(said).encode()


BAD: dict[str, tuple[Callable[[Files], object], str]] = {
    "a path out of the folder": (lambda files: files.update({"../../evil.csv": b"x"}), "none of its own"),
    "a path from the root": (lambda files: files.update({"/etc/evil": b"x"}), "none of its own"),
    "a byte that is none": (
        lambda files: _own(files, "organisation.csv", files["organisation.csv"].replace(b"Union", b"Un\x00on", 1)),
        "no CSV|no text|name is no",
    ),
    "a mark of its order of bytes": (
        lambda files: _own(files, "phone.csv", b"\xef\xbb\xbf" + files["phone.csv"]), "its columns are not",
    ),
    "another code": (
        lambda files: _own(files, "organisation.csv", files["organisation.csv"].replace(b"Union", b"Un\xff\xfeon", 1)),
        "no CSV in UTF-8",
    ),
    "a quote that never ends": (
        lambda files: _own(files, "phone.csv", files["phone.csv"] + b'"+229'), "no CSV|cells instead",
    ),
    "an empty file": (lambda files: _own(files, "phone.csv", b""), "its columns are not"),
    "a number beyond all": (
        lambda files: _own(files, "line.csv", files["line.csv"].replace(b"\r\n1,", b"\r\n99999999999999999999,", 1)),
        "line.csv: row 1: id is no whole number",
    ),
    "a manifest of another kind": (lambda files: files.update({MANIFEST: b"[1, 2]"}), "can't be read"),
    "hashes that are no text": (
        lambda files: files.update({MANIFEST: json.dumps({**json.loads(files[MANIFEST]), "files": 7}).encode()}),
        "can't be read",
    ),
    "sums that are none": (
        lambda files: files.update({MANIFEST: json.dumps({**json.loads(files[MANIFEST]), "sums": None}).encode()}),
        "the sums of the dump",
    ),
    "a period that ends nowhere": (
        lambda files: _own(files, "period.csv", files["period.csv"].replace(b"through", b"thr0ugh")),
        "how far the chain was",
    ),
    "words in words without end": (
        lambda files: _own(files, "period.csv", files["period.csv"].replace(b'"{""', b'"' + b"[" * 99_999 + b'{""', 1)),
        "period.csv: row 1: totals is no JSON",
    ),
    "an amount that is no number": (
        lambda files: _own(files, "line.csv", files["line.csv"].replace(b",1500\r\n", b",15OO\r\n", 1)),
        "line.csv: row",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_refused_with_one_line_and_nothing_kept(files: Files, fresh: Store, tmp_path: Path, what: str) -> None:
    change, said = BAD[what]
    change(files)
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(Fault, match=said) as refused:
        loading.load(fresh, path, COMMAND)
    assert "\n" not in str(refused.value)
    with fresh.read() as connection:
        assert not [name for name in DUMPED if connection.scalar(select(func.count()).select_from(table_of(name)))]


def test_lines_that_end_otherwise_are_taken_as_they_are(files: Files, fresh: Store, tmp_path: Path) -> None:
    """Saved by a program that ends lines with LF: the hash tells."""
    files["phone.csv"] = files["phone.csv"].replace(b"\r\n", b"\n")
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(Fault, match=r"phone\.csv was changed"):
        loading.load(fresh, path, COMMAND)


def test_a_line_without_an_end_takes_no_memory(files: Files, fresh: Store, tmp_path: Path) -> None:
    """150 MB of one letter are a file of 150 kB in a zip."""
    size, path, digest = 150 << 20, tmp_path / "u.zip", hashlib.sha256()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("phone.csv", "w") as part:
            for _ in range(size >> 20):
                digest.update(b"a" * (1 << 20))
                part.write(b"a" * (1 << 20))
        said = json.loads(files.pop(MANIFEST))
        said["files"]["phone.csv"]["sha256"] = digest.hexdigest()
        for name, content in files.items():
            if name != "phone.csv":
                archive.writestr(name, content)
        archive.writestr(MANIFEST, json.dumps(said))
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(Fault, match=r"phone\.csv"):
            loading.load(fresh, path, COMMAND)
        assert tracemalloc.get_traced_memory()[1] < 120 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seed", range(2))
def test_a_zip_with_bytes_that_were_changed_is_refused_or_whole(
    files: Files, fresh: Store, tmp_path: Path, seed: int
) -> None:
    """Wherever in it that is: in what is packed, in the directory at its end, cut out, cut off."""
    path, rnd = tmp_path / "u.zip", Random(seed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    whole, refused = path.read_bytes(), list[str]()
    for _ in range(80):
        changed = bytearray(whole)
        end = rnd.choice((len(changed), 6_000))  # of all, or of the directory
        for _ in range(rnd.randint(1, 4)):
            changed[-rnd.randint(1, end)] = rnd.randrange(256)
        if rnd.random() < 0.3:
            begins = rnd.randrange(len(changed))
            del changed[begins : begins + rnd.choice((1, 100, len(changed)))]
        path.write_bytes(changed)
        try:
            with DumpFile(path) as opened:
                opened.check()
        except Fault as fault:
            refused.append(str(fault))
    assert len(refused) > 40
    assert not [each for each in refused if "\n" in each]


def test_a_zip_packed_otherwise(files: Files, fresh: Store, tmp_path: Path) -> None:
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(Fault, match="packed in a way"):
        loading.load(fresh, path, COMMAND)


@pytest.mark.parametrize("behind", [1, 20, 60])
def test_whoever_is_stopped_midway_starts_again(files: Files, fresh: Store, tmp_path: Path, behind: int) -> None:
    """Killed behind so many rows: nothing of it is there, and the same file is taken in then."""
    path = tmp_path / "u.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)

    def stop(rows: int) -> None:
        if rows >= behind:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loading.load(fresh, path, COMMAND, tell=stop)
    with fresh.read() as connection:
        assert not [name for name in DUMPED if connection.scalar(select(func.count()).select_from(table_of(name)))]
    assert loading.load(fresh, path, COMMAND).kept
    holds(fresh)


def test_money_that_is_posted_while_it_is_dumped_is_in_it_or_not(
    village: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path
) -> None:
    """One reading of one moment: what comes after each file is in none of the others."""
    posted: list[int] = []

    def pay(_: int) -> None:
        if len(posted) < 40:
            posted.append(1)
            village.push(1, 200)

    village.push(1, 200)
    dump(village.store, DEFAULTS, "m", tmp_path / "m.zip", COMMAND, pay)
    before = standings(village.store, clock, "m-1")
    assert posted
    loading.load(elsewhere, tmp_path / "m.zip", COMMAND)
    holds(elsewhere)
    assert standings(elsewhere, clock, "m-1") != before
    with elsewhere.read() as connection:
        paid = connection.scalar(select(func.count()).select_from(collection).where(collection.c.state == "paid"))
        keys = connection.scalar(select(func.count()).select_from(entry).where(entry.c.key.like("collection:%")))
    assert paid == keys


def test_a_zip_that_is_a_link_to_nothing_or_a_folder(fresh: Store, tmp_path: Path) -> None:
    link = tmp_path / "link.zip"
    link.symlink_to(tmp_path / "nowhere")
    for path in (link, tmp_path):
        with pytest.raises(Fault, match="can't be read as a zip"):
            loading.load(fresh, path, COMMAND)


def test_a_dump_that_cant_be_written_is_one_line(village: Village, tmp_path: Path) -> None:
    for path, why in ((Path("/proc/u.zip"), "nothing was written"), (tmp_path / "no" / "u.zip", "is no folder")):
        with pytest.raises(Fault, match=why) as refused:
            dump(village.store, DEFAULTS, "m", path, COMMAND)
        assert "\n" not in str(refused.value)


def test_two_who_load_at_once_load_it_once(village: Village, elsewhere: Store, tmp_path: Path) -> None:
    dumped(village.store, "u", tmp_path / "u.zip")

    def one() -> str:
        try:
            loading.load(elsewhere, tmp_path / "u.zip", COMMAND)
        except Fault as fault:
            return str(fault)
        return "loaded"

    said = sorted(str(each) for each in at_once(2, one))
    assert said.count("loaded") == 1
    assert any("isn't empty" in each or "busy" in each for each in said), said
    holds(elsewhere)


def test_a_family_that_came_from_elsewhere_is_not_left_without_its_past(
    village: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path
) -> None:
    """Its years stand in the books that it left: a dump without them would tell it that it isn't covered."""
    dumped(village.store, "n", tmp_path / "n.zip")
    loading.load(elsewhere, tmp_path / "n.zip", COMMAND)
    holds(elsewhere)
    assert standings(elsewhere, clock, "n-1") == standings(village.store, clock, "n-1") != {}


def test_a_mutuelle_with_old_numbers_comes_back_to_the_letter(
    village: Village, elsewhere: Store, tmp_path: Path
) -> None:
    """What is in the chain, and the months that were closed, begin a chain of their own; all else is the same."""
    tree = village.network.tree()
    with village.store.write() as unit:
        add_old_number(unit, tree, 1, tree.named("m-1").id, "OUA-0123/17", By(None, name=BY))
    before = dumped(village.store, "m", tmp_path / "m.zip")
    loading.load(elsewhere, tmp_path / "m.zip", COMMAND)
    holds(elsewhere)
    again = dumped(elsewhere, "m", tmp_path / "again.zip")
    own = set(before) - {MANIFEST, "seal.csv", "period.csv"}
    assert {name for name in own if before[name] != again[name]} == set()


def test_a_network_that_moved_comes_back_to_the_letter(
    village: Village, elsewhere: Store, clock: FixedClock, tmp_path: Path
) -> None:
    """A family that goes back the same day, with an organisation added after: the files of both dumps are the same."""
    tree = village.network.tree()
    with village.store.write() as unit:
        move(unit, tree, village.chart, village.family(2), tree.named("m-1"), By(None, name=BY))
        add_organisation(unit, (tree.named("u").id, tree.named("u").path), kind="mutuelle", code="p", name="New")
    before = dumped(village.store, "u", tmp_path / "u.zip")
    loading.load(elsewhere, tmp_path / "u.zip", COMMAND)
    after = dumped(elsewhere, "u", tmp_path / "again.zip")
    assert {name for name in before if name != MANIFEST and before[name] != after[name]} == set()
    network = Network(elsewhere, DEFAULTS)
    with elsewhere.write() as unit:  # the next numbers are free
        tree = network.tree()
        add_organisation(unit, (tree.named("u").id, tree.named("u").path), kind="mutuelle", code="q", name="Newer")
    holds(elsewhere)
