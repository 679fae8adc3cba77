"""A whole section's or network's members as FHIR: a file of resources per kind, or one bundle, household by household.

The files are as FHIR's bulk data access has them (NDJSON, a resource a line). They are written beside what is there and
take its place when they are whole; memory holds a few hundred households, however many there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from gateway.exchange.fhir.bundles import collection
from gateway.exchange.fhir.families import Family, today, walk
from gateway.exchange.fhir.resources import Names, Resource, coverages, group, patient
from gateway.ledger.exports import whole
from gateway.network.organisations import Organisation, Tree

KINDS = ("Group", "Patient", "Coverage")
Resources = Iterator[tuple[str, Resource]]  # each with its kind


def resources_of(family: Family, names: Names) -> Resources:
    """Everything about a household: itself, everybody who is or was on its card, and the cover of who is."""
    yield "Group", group(family, names)
    for each in family.people:
        yield "Patient", patient(family, each, names)
    for one in coverages(family, names):
        yield "Coverage", one


def everything(connection: Connection, tree: Tree, at: Organisation, names: Names, now: datetime) -> Resources:
    """The resources of every household at or below an organisation, as it stands today."""
    for family in walk(connection, tree, tree.sections_under(at.id), today(tree, now)):
        yield from resources_of(family, names)


def write_ndjson(found: Resources, folder: Path) -> dict[str, int]:
    """Write ``Group.ndjson``, ``Patient.ndjson`` and ``Coverage.ndjson`` into a folder; how many lines each has.

    Where anything fails, all three stay as they were. The files are their owner's alone. Raises :class:`Fault`.
    """
    counts = dict.fromkeys(KINDS, 0)
    with ExitStack() as stack:
        parts = {kind: stack.enter_context(whole(folder / f"{kind}.ndjson")) for kind in KINDS}
        files = {kind: stack.enter_context(part.open("w", encoding="utf-8")) for kind, part in parts.items()}
        for kind, resource in found:
            files[kind].write(_line(resource) + "\n")
            counts[kind] += 1
    return counts


def write_bundle(found: Resources, path: Path, names: Names, now: datetime) -> int:
    """Write one ``Bundle`` of type *collection* to a file, entry by entry; how many resources it holds."""
    count = 0
    head = _line(collection(names, (), now))
    with whole(path) as part, part.open("w", encoding="utf-8") as file:
        file.write(head[:-1])
        for kind, resource in found:
            entry = {"fullUrl": names.of(kind, resource["id"]), "resource": resource}
            file.write((',"entry":[' if count == 0 else ",") + "\n" + _line(entry))
            count += 1
        file.write("\n]}\n" if count else "}\n")
    return count


def _line(resource: Resource) -> str:
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
