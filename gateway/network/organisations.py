"""The tree of organisations: what one leaves open it inherits from above.

The tree is small (hundreds of nodes) and asked at every hop, so a process keeps it and reads it anew when it is older
than a few seconds; a change made elsewhere is seen by all within that time.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, insert, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.spelling import plain
from gateway.locale import mark
from gateway.store.schema import household, organisation, service_code
from gateway.store.turn import take_turn
from gateway.store.unit import Store, Unit

STALE_AFTER_S = 5.0
# From the top down: what stands below an organisation is of a later kind, and a section has nothing below it.
KINDS = ("platform", "promoter", "union", "mutuelle", "section")
NAME_CHARACTERS, CODE_CHARACTERS, MERCHANT_CHARACTERS = 60, 40, 20
# Whoever adds to the tree or moves a part of it takes this turn first.
TREE_TURN = "organisation codes"


class UnknownOrganisation(Fault):
    """No organisation has this code or id."""


class BadOrganisation(Fault):
    """What an organisation would be called, or where it would stand, can't be."""


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

    def tree_with(self, *ids: int) -> Tree:
        """The tree, read anew where it doesn't know an organisation yet: another process may just have made it."""
        if not all(one in self.tree().by_id for one in ids):
            self.forget()
        return self.tree()

    def forget(self) -> None:
        """Read anew at the next question."""
        self._read_at = 0.0


def read_tree(store: Store, defaults: Defaults) -> Tree:
    """Read all organisations, parents before children, and fill in what each inherits."""
    with store.read() as connection:
        return tree_in(connection, defaults)


def tree_in(connection: Connection, defaults: Defaults) -> Tree:
    """The tree as one transaction sees it."""
    return Plot.read(connection, defaults).tree()


@dataclass(frozen=True)
class Plot:
    """The organisations as they are written down, from which a tree is made: as it is, was, or would be."""

    rows: tuple[Any, ...]
    codes: tuple[ServiceCode, ...]
    defaults: Defaults

    @classmethod
    def read(cls, connection: Connection, defaults: Defaults) -> Plot:
        """As one transaction sees them."""
        codes = connection.execute(select(service_code)).all()
        return cls(
            tuple(connection.execute(select(organisation)).all()),
            tuple(ServiceCode(one.code, one.organisation_id, one.septets or defaults.septets) for one in codes),
            defaults,
        )

    def moved(self, organisation_id: int, parent_id: int | None, old_path: str, new_path: str) -> Plot:
        """The same with a branch at another place."""
        rows = []
        for row in self.rows:
            if row.path.startswith(old_path):
                values = {name: getattr(row, name) for name in _COLUMNS}
                values["path"] = new_path + row.path[len(old_path) :]
                if row.id == organisation_id:
                    values["parent_id"] = parent_id
                rows.append(SimpleNamespace(**values))
            else:
                rows.append(row)
        return replace(self, rows=tuple(rows))

    def saying(self, organisation_id: int, **values: Any) -> Plot:
        """The same with one that says something else itself."""
        rows = (
            SimpleNamespace(**{name: getattr(row, name) for name in _COLUMNS} | values)
            if row.id == organisation_id
            else row
            for row in self.rows
        )
        return replace(self, rows=tuple(rows))

    def tree(self) -> Tree:
        """Everybody with what they inherit."""
        return Tree(_inherited(self.rows, self.defaults), self.codes)


_COLUMNS = tuple(organisation.c.keys())


def _inherited(rows: Iterable[Any], defaults: Defaults) -> Iterable[Organisation]:
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
    return done.values()


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


# --- by hand ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Own:
    """What an organisation says itself of what it could inherit; None: as above, or as the settings say."""

    district: str | None
    country: str | None
    currency: str | None
    time_zone: str | None
    languages: tuple[str, ...] | None
    merchant_code: str | None
    quiet: tuple[int, int] | None
    short_codes: tuple[str, ...]
    contact_name: str | None = None
    contact_msisdn: str | None = None
    address: str | None = None


def own_of(connection: Connection, organisation_id: int) -> Own:
    """What an organisation that is known to exist says itself."""
    row = connection.execute(select(organisation).where(organisation.c.id == organisation_id)).one()
    codes = select(service_code.c.code).where(service_code.c.organisation_id == organisation_id)
    return Own(
        row.district,
        row.country,
        row.currency,
        row.time_zone,
        tuple(row.languages.split(",")) if row.languages else None,
        row.merchant_code,
        (row.quiet_from, row.quiet_until) if row.quiet_from is not None and row.quiet_until is not None else None,
        tuple(connection.scalars(codes.order_by(service_code.c.code))),
        row.contact_name,
        row.contact_msisdn,
        row.address,
    )


def kinds_below(above: Organisation) -> tuple[str, ...]:
    """What may stand below an organisation."""
    return KINDS[KINDS.index(above.kind) + 1 :]


def add_below(
    unit: Unit,
    above: Organisation,
    *,
    code: str,
    name: str,
    kind: str,
    district: str | None = None,
    keeps_books: bool = False,
) -> int:
    """Add an organisation below another, from which it inherits the rest; returns its id.

    Raises :class:`BadOrganisation` where the code is another's, the kind has no place there, or households belong to
    the one above itself: they would belong to no section any more.
    """
    if not re.fullmatch(rf"[a-z0-9-]{{1,{CODE_CHARACTERS}}}", code):
        raise BadOrganisation(
            mark("a code has small letters a to z, figures and hyphens, {most} at most"), most=CODE_CHARACTERS
        )
    name, district = _read_name(name), _read_district(district)
    if kind not in kinds_below(above):
        raise BadOrganisation(mark("this can't stand here: what is below is smaller than what is above"))
    take_turn(unit, TREE_TURN)
    path = unit.connection.scalar(select(organisation.c.path).where(organisation.c.id == above.id)) or above.path
    if unit.connection.scalar(select(organisation.c.id).where(organisation.c.code == code)) is not None:
        raise BadOrganisation(mark("there is an organisation with the code {code} already"), code=code)
    if unit.connection.scalar(select(household.c.id).where(household.c.section_id == above.id).limit(1)) is not None:
        raise BadOrganisation(mark("households belong to {name} itself: it can't be divided"), name=above.name)
    new_id, _ = add_organisation(
        unit,
        (above.id, path),
        code=code,
        name=name,
        kind=kind,
        district=district,
        keeps_books=keeps_books and kind != "section",
    )
    return new_id


def begin_books(unit: Unit, one: Organisation) -> bool:
    """Let an organisation count its own money from now on; False where it does already.

    Raises :class:`BadOrganisation` for a section, and where households below it are counted in other books: what stands
    on them would stay there. Those who come later bring along what stands on them.
    """
    take_turn(unit, TREE_TURN)
    row = unit.connection.execute(
        select(organisation.c.kind, organisation.c.keeps_books, organisation.c.path).where(organisation.c.id == one.id)
    ).one()
    if row.keeps_books:
        return False
    if row.kind == "section":
        raise BadOrganisation(mark("a section keeps no books: its mutuelle does"))
    below = select(organisation.c.id).where(organisation.c.path.like(f"{row.path}%"))
    if unit.connection.scalar(select(household.c.id).where(household.c.section_id.in_(below)).limit(1)) is not None:
        raise BadOrganisation(
            mark("{name} has households, counted in other books: only who has none yet can begin"),
            name=one.name,
        )
    unit.connection.execute(update(organisation).where(organisation.c.id == one.id).values(keeps_books=True))
    return True


def _read_name(typed: str) -> str:
    name = " ".join(typed.split())
    if not plain(name) or len(name) > NAME_CHARACTERS:
        raise BadOrganisation(mark("a name has letters or figures, {most} at most"), most=NAME_CHARACTERS)
    return name


def _read_district(typed: str | None) -> str | None:
    return _read_name(typed) if typed is not None else None
