"""Who did what in the office, when, from where, and how it was before and after: written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import insert

from gateway.kernel.money import Money
from gateway.store.schema import office_event
from gateway.store.unit import Unit

LONGEST_NAME, LONGEST_WHAT, LONGEST_ABOUT, LONGEST_ADDRESS = 60, 40, 80, 45


class Doer(Protocol):
    """Whoever did something; without ``login_id`` it was not done from inside."""

    @property
    def login_id(self) -> int | None: ...

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class Outside:
    """A doer who isn't inside: the command line, or the machine itself."""

    name: str
    login_id: None = None


COMMAND = Outside("gateway staff")


def trace(
    unit: Unit,
    *,
    by: Doer | None,
    organisation_id: int | None,
    what: str,
    about: str,
    address: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write down what was done, in the transaction that does it.

    ``what`` is the act in two words (``household.moved``), ``about`` the thing (``household:12``). ``before`` and
    ``after`` hold what changed; a number, a PIN or a password never stands in them. ``organisation_id``: whose affair
    it is, None for the whole installation's. ``by`` None: nobody knows who it was.
    """
    unit.connection.execute(
        insert(office_event).values(
            at=unit.now,
            login_id=by.login_id if by is not None else None,
            by_name=by.name[:LONGEST_NAME] if by is not None else "",
            organisation_id=organisation_id,
            what=what[:LONGEST_WHAT],
            about=about[:LONGEST_ABOUT],
            address=address[:LONGEST_ADDRESS],
            before=_plain(before) if before is not None else None,
            after=_plain(after) if after is not None else None,
        )
    )


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, Enum):
        return _plain(value.value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return str(value)
