"""Which rows are a place's own, and which of others' its own rows cannot be read without: names, plans, facilities.

A family that moved away stays in the books of the mutuelle it left: its card and where it is now go along, its people
and phones don't. A family that came from other books brings its past in them along: the entries that stand on it, and
its payments, under the name of whoever keeps those books; nothing else of them. Of an entry that stands on others'
families too its own lines come, and one that balances them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, case, cast, func, or_, select, union

from gateway.exchange.leaving.tables import columns_of, table_of, target_of
from gateway.kernel.faults import Fault
from gateway.network.organisations import Organisation, Tree
from gateway.store import schema as s


@dataclass(frozen=True)
class Scope:
    """What is dumped. ``own``: the place and all below it; ``named``: those whose rows of names and plans come too."""

    place: Organisation
    whole: bool
    own: tuple[int, ...]
    named: tuple[int, ...]


def scope_of(connection: Connection, tree: Tree, place: Organisation) -> Scope:
    """What a dump of a place holds; raises :class:`Fault` for one that has its books with somebody above it."""
    own = {one.id for one in tree.by_code.values() if one.under(place)}
    for section in tree.sections_under(place.id):
        books = tree.books_of(section.id)
        if books.id not in own:
            raise Fault(f"{place.code} keeps no books of its own: dump {books.code}, which has them")
    every = {one.id for one in tree.by_code.values()}
    if own == every:
        return Scope(place, True, tuple(sorted(own)), tuple(sorted(own)))
    first = Scope(place, False, tuple(sorted(own)), ())
    found = set(own) | set(connection.scalars(_others(first)))
    named = {above.id for one in found for above in tree.upward(one)}
    return Scope(place, False, first.own, tuple(sorted(named)))


def _others(scope: Scope) -> Any:
    """The organisations of whatever rows of others come along."""
    return union(
        select(s.household.c.section_id).where(s.household.c.id.in_(_cards(scope))),
        select(s.facility.c.organisation_id).where(s.facility.c.id.in_(_visited(scope))),
        select(s.plan.c.organisation_id).where(s.plan.c.id.in_(_taken_plans(scope))),
        select(s.payer_group.c.organisation_id).where(s.payer_group.c.id.in_(_paying(scope))),
        select(s.staff.c.organisation_id).where(s.staff.c.id.in_(_staff(scope))),
        select(s.entry.c.organisation_id).where(s.entry.c.id.in_(_past(scope))),
        select(s.collection.c.organisation_id).where(s.collection.c.household_id.in_(_living(scope))),
    )


def _living(scope: Scope) -> Select[Any]:
    return select(s.household.c.id).where(s.household.c.section_id.in_(scope.own))


def _own(scope: Scope, table: Any) -> Select[Any]:
    return select(table.c.id).where(table.c.organisation_id.in_(scope.own))


def _households(scope: Scope) -> Any:
    """Those that live here, and those that stand in the books of here."""
    in_books = (
        select(s.line.c.household_id)
        .join(s.account, s.account.c.id == s.line.c.account_id)
        .where(s.account.c.organisation_id.in_(scope.own), s.line.c.household_id.is_not(None))
    )
    paid = select(s.collection.c.household_id).where(
        s.collection.c.organisation_id.in_(scope.own), s.collection.c.household_id.is_not(None)
    )
    given = (
        select(s.assignment.c.household_id)
        .join(s.incoming, s.incoming.c.id == s.assignment.c.incoming_id)
        .where(s.incoming.c.organisation_id.in_(scope.own), s.assignment.c.household_id.is_not(None))
    )
    return union(_living(scope), in_books, paid, given)


def _cards(scope: Scope) -> Select[Any]:
    """Those, and the ones that something here was merged into: their card alone."""
    here = s.household.alias("here")
    into = select(here.c.merged_into_id).where(here.c.section_id.in_(scope.own), here.c.merged_into_id.is_not(None))
    return select(s.household.c.id).where(or_(*(s.household.c.id.in_(each) for each in (_households(scope), into))))


def _past(scope: Scope) -> Select[Any]:
    """Entries in the books of others that stand on families who live here: what they owed and paid before they came."""
    ours = select(s.line.c.entry_id).where(s.line.c.household_id.in_(_living(scope)))
    return select(s.entry.c.id).where(s.entry.c.organisation_id.not_in(scope.own), s.entry.c.id.in_(ours))


def _shared(scope: Scope) -> Select[Any]:
    """Those of them that stand on families who don't live here, too."""
    theirs = (s.line.c.household_id.is_not(None), s.line.c.household_id.not_in(_living(scope)))
    return select(s.line.c.entry_id).where(s.line.c.entry_id.in_(_past(scope)), *theirs)


def _own_sum(scope: Scope, entry_id: ColumnElement[Any]) -> Any:
    """What stands on families who live here in an entry."""
    line = s.line.alias("own_line")
    own = (line.c.entry_id == entry_id, line.c.household_id.in_(_living(scope)))
    return select(cast(func.sum(line.c.amount_minor), BigInteger)).where(*own).scalar_subquery()


def _balancing(scope: Scope) -> Select[Any]:
    """Of each shared entry the line that balances what comes along of it: one that is nobody's, where there is one."""
    line = s.line.alias("other_line")
    nobodys = line.c.household_id.is_(None)
    return (
        select(func.coalesce(func.min(case((nobodys, line.c.id))), func.min(line.c.id)))
        .where(
            line.c.entry_id.in_(_shared(scope)),
            nobodys | line.c.household_id.not_in(_living(scope)),
            _own_sum(scope, line.c.entry_id) != 0,
        )
        .group_by(line.c.entry_id)
    )


def _visited(scope: Scope) -> Select[Any]:
    return select(s.visit.c.facility_id).where(s.visit.c.organisation_id.in_(scope.own))


def _taken_plans(scope: Scope) -> Select[Any]:
    return select(s.membership.c.plan_id).where(s.membership.c.household_id.in_(_households(scope)))


def _paying(scope: Scope) -> Any:
    return union(
        select(s.collection.c.group_id).where(
            s.collection.c.organisation_id.in_(scope.own), s.collection.c.group_id.is_not(None)
        ),
        select(s.assignment.c.group_id)
        .join(s.incoming, s.incoming.c.id == s.assignment.c.incoming_id)
        .where(s.incoming.c.organisation_id.in_(scope.own), s.assignment.c.group_id.is_not(None)),
    )


def _staff(scope: Scope) -> Any:
    taking, its = s.cash_taking, s.collection
    return union(
        _own(scope, s.staff),
        select(taking.c.staff_id).join(its, its.c.id == taking.c.collection_id).where(
            its.c.organisation_id.in_(scope.own)
        ),
        select(s.handover.c.staff_id).where(s.handover.c.organisation_id.in_(scope.own)),
        select(s.closing.c.staff_id).where(s.closing.c.organisation_id.in_(scope.own)),
    )  # fmt: skip


# Of these, the rows of the place and all below it.
_BY_ORGANISATION = {
    "category_proposal", "request", "period", "incoming", "software_payment", "money_case", "refund",
    "handover", "closing", "wallet", "sms_template", "sms_guest", "news_reader", "target_population",
    "group_movement",
}  # fmt: skip
# Of these, whatever the named organisations have: their plans count below them.
_BY_NAME = {"subsidiser", "category", "plan", "consent_text", "keeping_time"}
# Of these, the rows whose parent is dumped.
_BY_PARENT = {
    "category_proposal_event": "proposal_id", "seal": "entry_id", "collection_event": "collection_id",
    "assignment": "incoming_id", "deduction_row": "deduction_id", "deduction_part": "deduction_id",
    "duplicate_event": "pair_id", "tariff": "plan_id", "subsidy_invoice_line": "line_id",
}  # fmt: skip
# Of these, the rows of the households that live here.
_BY_HOUSEHOLD = {
    "card_alias", "beneficiary", "phone", "household_category", "household_change", "declaration", "consent",
    "data_request", "erasure",
}  # fmt: skip


def _where(scope: Scope, name: str) -> list[ColumnElement[bool]]:
    """Which rows of a table are dumped, where it isn't the whole network."""
    table = table_of(name)
    if name == "organisation":
        return [table.c.id.in_(scope.named)]
    if name in _BY_NAME:
        return [table.c.organisation_id.in_(scope.named)]
    if name in _BY_HOUSEHOLD:
        return [table.c.household_id.in_(_living(scope))]
    if name in _BY_ORGANISATION:
        return [table.c.organisation_id.in_(scope.own)]
    if name in _BY_PARENT:
        column = table.c[_BY_PARENT[name]]
        return [column.in_(ids_of(scope, str(target_of(column))))]
    living = _living(scope)
    match name:
        case "organisation_move":
            return [table.c.organisation_id.in_(scope.own), table.c.to_parent_id.in_(scope.named)]
        case "facility":
            return [table.c.organisation_id.in_(scope.own) | table.c.id.in_(_visited(scope))]
        case "staff":
            return [table.c.id.in_(_staff(scope))]
        case "old_number":
            return [table.c.household_id.in_(living), table.c.organisation_id.in_(scope.named)]
        case "facility_agreement":
            facilities = ids_of(scope, "facility")
            return [table.c.facility_id.in_(facilities), table.c.organisation_id.in_(scope.named)]
        case "deduction":
            groups = ids_of(scope, "payer_group")
            return [table.c.organisation_id.in_(scope.own), table.c.group_id.in_(groups)]
        case "household":
            return [table.c.id.in_(_cards(scope))]
        case "account":
            used = select(s.line.c.account_id).where(s.line.c.entry_id.in_(_past(scope)))
            return [table.c.organisation_id.in_(scope.own) | table.c.id.in_(used)]
        case "entry":
            return [table.c.organisation_id.in_(scope.own) | table.c.id.in_(_past(scope))]
        case "line":
            shared, balancing = table.c.entry_id.in_(_shared(scope)), table.c.id.in_(_balancing(scope))
            whole = table.c.entry_id.in_(_past(scope)) & ~shared
            own = table.c.account_id.in_(_own(scope, s.account))
            return [or_(own, whole, shared & table.c.household_id.in_(living), balancing)]
        case "collection":
            return [table.c.organisation_id.in_(scope.own) | table.c.household_id.in_(living)]
        case "cash_taking":
            return [table.c.collection_id.in_(_own(scope, s.collection))]
        case "caller":
            return [table.c.msisdn.in_(select(s.phone.c.msisdn).where(s.phone.c.household_id.in_(living)))]
        case "membership":
            return [table.c.household_id.in_(_households(scope))]
        case "household_merge":
            return [table.c.stays_id.in_(living), table.c.goes_id.in_(living)]
        case "category_proposal_row":
            its = (table.c.proposal_id.in_(_own(scope, s.category_proposal)), table.c.household_id.in_(living))
            return [*its, table.c.section_id.in_(scope.named)]
        case "visit":
            return [table.c.organisation_id.in_(scope.own), table.c.household_id.in_(living)]
        case "cover_tally":
            return [table.c.section_id.in_(scope.own)]
        case "duplicate_pair":
            its = (table.c.one_id.in_(living), table.c.other_id.in_(living))
            return [*its, table.c.organisation_id.in_(scope.named)]
        case "subsidy_invoice":
            lines = s.subsidy_invoice_line
            return [table.c.id.in_(select(lines.c.invoice_id).where(lines.c.line_id.in_(ids_of(scope, "line"))))]
        case "payer_group":
            return [table.c.organisation_id.in_(scope.own) | table.c.id.in_(_paying(scope))]
        case "payer_group_member":
            return [table.c.group_id.in_(ids_of(scope, "payer_group")), table.c.household_id.in_(living)]
    raise LookupError(name)


def ids_of(scope: Scope, name: str) -> Any:
    """The ids of a table's dumped rows."""
    table = table_of(name)
    return select(*table.primary_key.columns).where(*([] if scope.whole else _where(scope, name)))


def rows_of(scope: Scope, name: str) -> Select[Any]:
    """A table's dumped rows in the order of their keys; what leads to rows of others that don't come along is empty."""
    table = table_of(name)
    chosen: list[ColumnElement[Any]] = []
    if scope.whole:
        chosen.extend(columns_of(table))
        return select(*chosen).order_by(*table.primary_key.columns)
    for column in columns_of(table):
        target = target_of(column)
        if target is not None and column.nullable:
            chosen.append(case((column.in_(ids_of(scope, target)), column)).label(column.name))
        else:
            chosen.append(column)
    if name == "line":
        balances = s.line.c.id.in_(_balancing(scope))
        own_sum = _own_sum(scope, s.line.c.entry_id)
        for place, column in enumerate(columns_of(table)):
            if column.name == "amount_minor":
                chosen[place] = case((balances, -own_sum), else_=column).label(column.name)
            elif column.nullable:  # whose line it was, and which due
                chosen[place] = case((~balances, chosen[place])).label(column.name)
    return select(*chosen).where(*_where(scope, name)).order_by(*table.primary_key.columns)
