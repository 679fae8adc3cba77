"""A dump is believed in nothing: its files, hashes, headings, sums and tree are looked at before a row is kept."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.exchange.leaving.dumping import COUNTED, FORMAT, MANIFEST, VERSION, Sums
from gateway.exchange.leaving.tables import DUMPED, columns_of, file_of, table_of
from gateway.kernel.faults import Fault
from gateway.store import migrate

_CHUNK = 1 << 20
_MANIFEST_BYTES = 1 << 20
# A cell holds at most a merged household's JSON; more than this is no dump of ours.
_CELL = 16 << 20
_LINE = 2 * _CELL
MANY = 1_000
DEEPEST = 20  # tiers of a tree
# What a zip says that was changed by accident or on purpose, wherever in it that was.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
csv.field_size_limit(_CELL)


@dataclass(frozen=True)
class Manifest:
    """What a dump says of itself. ``rows`` and ``digests`` by table."""

    whole: bool
    place: str
    made_at: str
    schema: str
    rows: Mapping[str, int]
    digests: Mapping[str, str]
    sums: Mapping[str, Mapping[str, int]]


class DumpFile:
    """An open dump; raises :class:`Fault` with one line for whatever isn't as it must be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED as wrong:
            raise Fault(f"{path} can't be read as a zip file: it is missing, cut off or something else") from wrong
        try:
            self.manifest = self._manifest()
        except BaseException:
            self._archive.close()
            raise

    def __enter__(self) -> DumpFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def _manifest(self) -> Manifest:
        names = self._archive.namelist()
        known = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        if any(each.compress_type not in known for each in self._archive.infolist()):
            raise Fault(f"{self._path} is packed in a way that isn't a dump's: make it anew, or unpack and zip it")
        if MANIFEST not in names or self._archive.getinfo(MANIFEST).file_size > _MANIFEST_BYTES:
            raise Fault(f"{self._path} is no dump: it has no {MANIFEST}")
        try:
            said: Any = json.loads(self._archive.read(MANIFEST))
            if said["format"] != FORMAT or said["version"] != VERSION:
                raise Fault(f"the dump is {said['format']} {said['version']}; this gateway reads {FORMAT} {VERSION}")
            files = said["files"]
            found = Manifest(
                bool(said["whole"]), str(said["place"]["code"]), str(said["made_at"]), str(said["schema"]),
                {name: int(files[file_of(name)]["rows"]) for name in DUMPED if file_of(name) in files},
                {name: str(files[file_of(name)]["sha256"]) for name in DUMPED if file_of(name) in files},
                said["sums"],
            )  # fmt: skip
        except (KeyError, TypeError, *_DAMAGED) as wrong:
            raise Fault(f"{MANIFEST} of the dump can't be read: make the dump anew") from wrong
        if found.schema != migrate.newest():
            raise Fault(
                f"the dump was made by a gateway with the schema {found.schema}, and this one has {migrate.newest()}: "
                "bring both to the same version (gateway migrate), and dump again"
            )
        wanted = {MANIFEST, *map(file_of, DUMPED)}
        if missing := sorted(wanted - set(names)) or sorted(wanted - {MANIFEST} - set(files)):
            raise Fault(f"the dump lacks {missing[0]} ({len(missing)} of {len(wanted)} files): it isn't whole")
        if too_many := sorted(set(names) - wanted) or sorted(name for name in names if names.count(name) > 1):
            raise Fault(f"the dump has a file that is none of its own: {too_many[0]}")
        return found

    def check(self) -> None:
        """Every file against its hash and heading, the counts, the sums by currency, and the tree."""
        sums = Sums()
        for name in DUMPED:
            self._hash(name)
            count = 0
            for row in self.rows(name):
                count += 1
                if name in COUNTED:
                    try:
                        sums.add(name, row)
                    except (ValueError, KeyError) as wrong:
                        raise Fault(f"{file_of(name)}: row {count} refers to what isn't there, or is no row") from wrong
            if count != self.manifest.rows[name]:
                raise Fault(f"{file_of(name)} has {count} rows, and the manifest says {self.manifest.rows[name]}")
        if sums.shown() != self.manifest.sums:
            raise Fault(f"the sums of the dump are not those of its manifest: {sums.shown()} and {self.manifest.sums}")
        self.paths()

    def _hash(self, name: str) -> None:
        digest = hashlib.sha256()
        try:
            with self._archive.open(file_of(name)) as part:
                while chunk := part.read(_CHUNK):
                    digest.update(chunk)
        except _DAMAGED as wrong:
            raise Fault(f"{file_of(name)} of the dump is damaged: copy it again") from wrong
        if digest.hexdigest() != self.manifest.digests[name]:
            raise Fault(f"{file_of(name)} was changed since the dump was made: its hash isn't the manifest's")

    def rows(self, name: str) -> Iterator[dict[str, str]]:
        """The rows of a table's file, as its cells."""
        heads = [column.name for column in columns_of(table_of(name))]
        with self._archive.open(file_of(name)) as part, io.TextIOWrapper(part, "utf-8", newline="") as text:
            try:
                # A line that never ends is cut there, and not read into memory: what is left of it is no row.
                lines = csv.reader(iter(lambda: text.readline(_LINE), ""), strict=True)
                if next(lines, None) != heads:
                    raise Fault(f"{file_of(name)}: its columns are not {', '.join(heads)}")
                for number, cells in enumerate(lines, 1):
                    if len(cells) != len(heads):
                        raise Fault(f"{file_of(name)}: row {number} has {len(cells)} cells instead of {len(heads)}")
                    yield dict(zip(heads, cells, strict=True))
            except (csv.Error, UnicodeDecodeError) as wrong:
                raise Fault(f"{file_of(name)} is no CSV in UTF-8") from wrong

    def paths(self) -> dict[str, str]:
        """Where each organisation stands in the tree, by its id; raises :class:`Fault` for a tree that is none."""
        above = {row["id"]: row["parent_id"] for row in self.rows("organisation")}
        found: dict[str, str] = {}
        for one in above:
            steps, at = [one], above[one]
            while at:
                if at not in above:
                    raise Fault(f"organisation.csv: {one} stands below {at}, which isn't there")
                if at in steps or len(steps) > DEEPEST:
                    raise Fault(f"organisation.csv: {one} stands below itself: a tree has no circles")
                steps.append(at)
                at = above[at]
            found[one] = f"/{'/'.join(reversed(steps))}/"
        return found
