"""The tree of organisations: what one leaves open it inherits from above.

The tree is small (hundreds of nodes) and asked at every hop, so a process keeps it and reads it anew when it is older
than a few seconds; a change made elsewhere is seen by all within that time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import insert, select, update

from gateway.kernel.faults import Fault
from gateway.store.schema import organisation, service_code
from gateway.store.unit import Store, Unit

STALE_AFTER_S = 5.0


class UnknownOrganisation(Fault):
    """No organisation has this code or id."""


@dataclass(frozen=True)
class Defaults:
    """What the settings say for organisations that nothing above them says it for."""

    country: str
    currency: str
    time_zone: str
    language: str
    septets: int
    quiet_from: int = 20
    quiet_until: int = 7


@dataclass(frozen=True)
class Organisation:
    """An organisation with everything it inherits already filled in."""

    id: int
    parent_id: int | None
    path: str
    kind: str
    code: str
    name: str
    district: str | None
    country: str
    currency: str
    time_zone: str
    languages: tuple[str, ...]
    merchant_code: str | None
    keeps_books: bool
    books_id: int  # the nearest one, itself or above, that keeps books; itself when none does
    # The hours of its day from and until which nobody is written to who didn't ask; the same hour: at no time.
    quiet_from: int = 20
    quiet_until: int = 7

    def under(self, other: Organisation) -> bool:
        """True for ``other`` itself and everything below it."""
        return self.path.startswith(other.path)


@dataclass(frozen=True)
class ServiceCode:
    """A short code, the part of the network that answers it, and how much fits on its screens."""

    code: str
    organisation_id: int
    septets: int


class Tree:
    """One reading of all organisations and short codes."""

    def __init__(self, organisations: Iterable[Organisation], codes: Iterable[ServiceCode]) -> None:
        self.by_id = {one.id: one for one in organisations}
        self.codes = {one.code: one for one in codes}

    @cached_property
    def by_code(self) -> dict[str, Organisation]:
        return {one.code: one for one in self.by_id.values()}

    @cached_property
    def sections(self) -> tuple[Organisation, ...]:
        """The leaves, where households belong, by name."""
        parents = {one.parent_id for one in self.by_id.values()}
        return tuple(sorted((o for o in self.by_id.values() if o.id not in parents), key=lambda o: (o.name, o.code)))

    def __getitem__(self, organisation_id: int) -> Organisation:
        return self.by_id[organisation_id]

    def named(self, code: str) -> Organisation:
        try:
            return self.by_code[code]
        except KeyError:
            raise UnknownOrganisation(f"no organisation has the code {code}") from None

    def books_of(self, organisation_id: int) -> Organisation:
        """The organisation whose ledger holds what happens in this one."""
        return self.by_id[self.by_id[organisation_id].books_id]

    def upward(self, organisation_id: int) -> list[Organisation]:
        """The organisation itself, its parent, and so on to the root."""
        return [self.by_id[int(step)] for step in reversed(self.by_id[organisation_id].path.strip("/").split("/"))]

    def sections_under(self, root_id: int) -> tuple[Organisation, ...]:
        root = self.by_id[root_id]
        return tuple(one for one in self.sections if one.under(root))


class Network:
    """The tree, kept fresh."""

    def __init__(self, store: Store, defaults: Defaults) -> None:
        self._store = store
        self.defaults = defaults
        self._lock = threading.Lock()
        self._tree: Tree | None = None
        self._read_at = 0.0

    def tree(self) -> Tree:
        """The tree, at most :data:`STALE_AFTER_S` seconds old."""
        known = self._tree
        if known is not None and time.monotonic() - self._read_at < STALE_AFTER_S:
            return known
        # One thread reads; the others go on with what they have, so that a slow database doesn't stop them all.
        if not self._lock.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            self._tree = read_tree(self._store, self.defaults)
            self._read_at = time.monotonic()
            return self._tree
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Read anew at the next question."""
        self._read_at = 0.0


def read_tree(store: Store, defaults: Defaults) -> Tree:
    """Read all organisations, parents before children, and fill in what each inherits."""
    with store.read() as connection:
        rows = connection.execute(select(organisation)).all()
        codes = connection.execute(select(service_code)).all()
    done: dict[int, Organisation] = {}
    for row in sorted(rows, key=lambda r: r.path.count("/")):
        above = done.get(row.parent_id) if row.parent_id is not None else None
        languages = tuple(row.languages.split(",")) if row.languages else None
        done[row.id] = Organisation(
            id=row.id,
            parent_id=row.parent_id,
            path=row.path,
            kind=row.kind,
            code=row.code,
            name=row.name,
            district=row.district or (above.district if above else None),
            country=row.country or (above.country if above else defaults.country),
            currency=row.currency or (above.currency if above else defaults.currency),
            time_zone=row.time_zone or (above.time_zone if above else defaults.time_zone),
            languages=languages or (above.languages if above else (defaults.language,)),
            merchant_code=row.merchant_code or (above.merchant_code if above else None),
            keeps_books=row.keeps_books,
            books_id=row.id if row.keeps_books or above is None else _books(above, row.id),
            quiet_from=_or_above(row.quiet_from, above.quiet_from if above else defaults.quiet_from),
            quiet_until=_or_above(row.quiet_until, above.quiet_until if above else defaults.quiet_until),
        )
    return Tree(done.values(), (ServiceCode(r.code, r.organisation_id, r.septets or defaults.septets) for r in codes))


def _or_above(own: int | None, above: int) -> int:
    """An hour: midnight is one too."""
    return above if own is None else own


def _books(above: Organisation, own_id: int) -> int:
    return above.books_id if above.keeps_books or above.books_id != above.id else own_id


def keep_quiet(unit: Unit, organisation_id: int, hours: tuple[int, int] | None) -> None:
    """From which hour of its day until which an organisation and those below it are quiet; None: as above."""
    quiet_from, quiet_until = hours or (None, None)
    own = organisation.c.id == organisation_id
    unit.connection.execute(update(organisation).where(own).values(quiet_from=quiet_from, quiet_until=quiet_until))


def add_organisation(unit: Unit, parent: tuple[int, str] | None, **values: object) -> tuple[int, str]:
    """Add one below ``parent`` (its id and path); returns the new one's id and path."""
    parent_id, parent_path = parent or (None, "/")
    new = unit.connection.execute(
        insert(organisation).values(parent_id=parent_id, path=f"new {values['code']}", **values)
    )
    new_id = int(new.inserted_primary_key[0])  # type: ignore[index]
    path = f"{parent_path}{new_id}/"
    unit.connection.execute(update(organisation).where(organisation.c.id == new_id).values(path=path))
    return new_id, path
