"""A dump that somebody made to do harm, and one that is as rich as a mutuelle can be: refused, or the same again."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.exchange.leaving import loading
from gateway.exchange.leaving.dumping import MANIFEST
from gateway.exchange.leaving.tables import DUMPED, table_of
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.membership.changes import By
from gateway.membership.moves.moving import move
from gateway.membership.old_numbers import add_old_number
from gateway.network.organisations import Network, add_organisation
from gateway.store.tracing import COMMAND
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.exchange.test_dump import dumped, elsewhere, files, fresh, holds, village
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


def test_a_zip_that_is_a_link_to_nothing_or_a_folder(fresh: Store, tmp_path: Path) -> None:
    link = tmp_path / "link.zip"
    link.symlink_to(tmp_path / "nowhere")
    for path in (link, tmp_path):
        with pytest.raises(Fault, match="can't be read as a zip"):
            loading.load(fresh, path, COMMAND)


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


def test_a_family_that_came_from_elsewhere_is_not_left_without_its_past(village: Village, tmp_path: Path) -> None:
    """Its years stand in the books that it left: a dump without them would tell it that it isn't covered."""
    with pytest.raises(Fault, match="came from other books") as refused:
        dumped(village.store, "n", tmp_path / "n.zip")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())
    dumped(village.store, "m", tmp_path / "m.zip")
    dumped(village.store, "u", tmp_path / "u.zip")


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
