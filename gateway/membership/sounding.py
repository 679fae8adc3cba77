"""How the people of a household sound, kept beside them: one place writes it, whoever writes people asks it to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select

from gateway.kernel.sounds import sounds_of
from gateway.store.if_new import if_new
from gateway.store.schema import beneficiary, name_key
from gateway.store.unit import Unit

_NEW = if_new(name_key, "key", "household_id")


def keys_of(names: Iterable[str]) -> list[str]:
    """The sounds of all these names, each once, in an order that is the same for everybody who writes them."""
    return sorted({key for name in names for key in sounds_of(name)})


def write_sounds(unit: Unit, household_id: int, names: Iterable[str]) -> None:
    """Let a household be found by these names too, in one statement; what it was found by before stays."""
    rows = [{"key": key, "household_id": household_id} for key in keys_of(names)]
    if rows:
        unit.connection.execute(_NEW[unit.connection.dialect.name], rows)


def write_sounds_anew(unit: Unit, household_id: int) -> None:
    """Let a household be found by the names of all who are, or were, on its card, and by no others."""
    unit.connection.execute(delete(name_key).where(name_key.c.household_id == household_id))
    own = select(beneficiary.c.name).where(beneficiary.c.household_id == household_id)
    write_sounds(unit, household_id, unit.connection.scalars(own).all())


def drop_sounds(unit: Unit, household_id: int) -> None:
    """Let a household be found by no name any more: it isn't one of its own now."""
    unit.connection.execute(delete(name_key).where(name_key.c.household_id == household_id))
