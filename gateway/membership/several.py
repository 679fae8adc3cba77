"""How some households stand, read together: what the phone says of one, for those that are named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Connection, Select, bindparam, or_, select

from gateway.kernel.money import Money
from gateway.ledger.accounts import Statement, ask_statement, read_statement
from gateway.ledger.chart import HOUSEHOLD_ROLES
from gateway.ledger.rules import position
from gateway.membership.households import Enrolment, ask_enrolments, last_of, read_enrolments
from gateway.membership.rules import Cover, cover
from gateway.network.organisations import Tree
from gateway.store.schema import account, line, membership
from gateway.store.together import Ask

MOST = 2_000  # at a time: a few tens of megabytes


@dataclass(frozen=True)
class Stands:
    """A household's cover on a day, what is left to pay (*reste à payer*), and the last year it was enrolled for."""

    cover: Cover
    left: Money
    last: Enrolment | None
    lines: Statement

    def left_of(self, due_on: date) -> Money:
        """What is unpaid of all that is due by ``due_on``, and zero where nothing falls due on that very day.

        Payments fill the oldest dues first, as everywhere.
        """
        filled = position(self.lines.dues, self.lines.credits).filled
        if not any(one.due.due_on == due_on and one.left_minor for one in filled):
            return Money(0, self.left.currency)
        return Money(sum(one.left_minor for one in filled if one.due.due_on <= due_on), self.left.currency)


# Written out: the driver looks through hundreds of placeholders for longer than the database works.
_IDS = bindparam("ids", type_=BigInteger, expanding=True, literal_execute=True)


def among(ids: Iterable[int]) -> BindParameter[int]:
    """The same for a statement made on the spot: ``household.c.id.in_(among(ids))``."""
    return bindparam(None, list(ids), type_=BigInteger, expanding=True, literal_execute=True)


def of_several(ask: Ask, whose: ColumnElement[int], which: Any) -> Select[Any]:
    """What is asked of one household, asked of ``which`` ids, with whose each row is before its other columns.

    Its conditions aren't taken over, but for the household's.
    """
    one, _ = ask
    assert isinstance(one, Select)
    return select(whose, *one.selected_columns).select_from(*one.get_final_froms()).where(whose.in_(which))


_ENROLMENTS = of_several(ask_enrolments(0), membership.c.household_id, _IDS).order_by(
    membership.c.household_id, membership.c.starts_on
)
_LINES = of_several(ask_statement(0), line.c.household_id, _IDS).where(
    or_(*(account.c.role == one for one in HOUSEHOLD_ROLES))
)


def standings(connection: Connection, tree: Tree, on: date, section_of: Mapping[int, int]) -> dict[int, Stands]:
    """How households stand on a day, by id; ``section_of`` names at most :data:`MOST` of them with their sections."""
    if not section_of:
        return {}
    ids = {"ids": list(section_of)}
    years = by_household(connection.execute(_ENROLMENTS, ids))
    moves = by_household(connection.execute(_LINES, ids))
    found = {}
    for its_id, section_id in section_of.items():
        section = tree[section_id]
        enrolments = read_enrolments([row[1:] for row in years[its_id]], section.time_zone)
        lines = read_statement(moves[its_id])
        stands = cover([each.membership for each in enrolments], lines.dues, lines.credits, on)
        last = last_of(enrolments)
        left = Money(stands.left_minor, last.currency if last else section.currency)
        found[its_id] = Stands(stands, left, last, lines)
    return found


def by_household(rows: Iterable[Any]) -> defaultdict[int, list[Any]]:
    """Rows by their ``household_id``."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.household_id].append(row)
    return found
