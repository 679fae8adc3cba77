"""A group and its rule: how what it pays is divided among the households on its list, to the last unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from gateway.kernel.money import Money
from gateway.membership.households import Household, by_id, standing
from gateway.network.organisations import Tree
from gateway.payments.unasked.suspense import reaches
from gateway.store.schema import payer_group, payer_group_member

Rule = Literal["due", "equal", "fixed"]

# --- the rule ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Need:
    """A household in a split: what it has to pay now (or next), and its own amount where the rule is ``fixed``."""

    household_id: int
    card: str
    due_minor: int
    fixed_minor: int | None = None


class BadSplit(ValueError):
    """What can't be divided; ``args[0]`` says why.

    ``nobody``: the list is empty. ``amount``: nothing to divide. ``no-fixed``: a household has no amount of its own.
    ``not-the-sum``: their own amounts make another sum. ``currency``: a household deals in another. ``other-network``:
    a household doesn't pay into the wallet that the money came to.
    """


def split(members: Sequence[Need], amount: Money, rule: Rule) -> tuple[tuple[int, Money], ...]:
    """The share of each household (its id), by card number; shares add up to the amount, none is zero.

    ``equal``: the same for each; units that can't be divided go, one each, to the lowest card numbers. ``due``: what
    each has to pay now; where there is less, in proportion to it, the units left over to the largest remainders (then
    the lowest card numbers); where there is more, the rest as ``equal``. ``fixed``: each its own amount, and nothing
    but their sum is taken. The order in which households are given changes nothing.
    """
    if not members:
        raise BadSplit("nobody")
    if amount.minor <= 0:
        raise BadSplit("amount")
    ordered = sorted(members, key=lambda one: one.card)
    shares = _SPLIT[rule](ordered, amount.minor)
    return tuple(
        (one.household_id, Money(share, amount.currency)) for one, share in zip(ordered, shares, strict=True) if share
    )


def _equal(members: Sequence[Need], amount: int) -> list[int]:
    each, rest = divmod(amount, len(members))
    return [each + (place < rest) for place in range(len(members))]


def _due(members: Sequence[Need], amount: int) -> list[int]:
    dues = [one.due_minor for one in members]
    total = sum(dues)
    if amount >= total:
        return [due + more for due, more in zip(dues, _equal(members, amount - total), strict=True)]
    shares = [amount * due // total for due in dues]
    remainders = [(-(amount * due % total), place) for place, due in enumerate(dues)]
    for _, place in sorted(remainders)[: amount - sum(shares)]:
        shares[place] += 1
    return shares


def _fixed(members: Sequence[Need], amount: int) -> list[int]:
    shares = []
    for one in members:
        if one.fixed_minor is None:
            raise BadSplit("no-fixed")
        shares.append(one.fixed_minor)
    if sum(shares) != amount:
        raise BadSplit("not-the-sum")
    return shares


_SPLIT = {"equal": _equal, "due": _due, "fixed": _fixed}


# --- the group -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Somebody who pays for many households of one part of the network; ``msisdn`` is E.164, where known."""

    id: int
    organisation_id: int
    code: str
    name: str
    msisdn: str | None
    rule: Rule


def read_group(row: Row[Any]) -> Group:
    """A group from its row."""
    return Group(row.id, row.organisation_id, row.code, row.name, row.msisdn, row.rule)


def group_by_id(connection: Connection, group_id: int) -> Group:
    """The group with an id that is known to exist."""
    return read_group(connection.execute(select(payer_group).where(payer_group.c.id == group_id)).one())


def members_of(connection: Connection, tree: Tree, group: Group) -> list[tuple[Household, int | None]]:
    """A group's households by card, each with its own amount in minor units where the rule is ``fixed``."""
    rows = connection.execute(
        select(payer_group_member.c.household_id, payer_group_member.c.amount_minor).where(
            payer_group_member.c.group_id == group.id
        )
    ).all()
    found = [(by_id(connection, tree, row.household_id), row.amount_minor) for row in rows]
    return sorted(found, key=lambda each: each[0].card)


def needs(connection: Connection, members: Sequence[tuple[Household, int | None]], on: date) -> list[Need]:
    """What each household of a group has to pay on a day."""
    return [
        Need(one.id, one.card, standing(connection, one, on).due.minor, fixed_minor) for one, fixed_minor in members
    ]


Share = tuple[Household, Money]


def divide(connection: Connection, tree: Tree, group: Group, books_id: int, amount: Money, on: date) -> list[Share]:
    """The share of each household on a group's list, by card, as its rule has it on a day; raises :class:`BadSplit`.

    ``books_id`` is whose wallet the money came, or is to come, to.
    """
    members = members_of(connection, tree, group)
    families = {one.id: one for one, _ in members}
    if any(one.currency != amount.currency for one in families.values()):
        raise BadSplit("currency")
    if not all(reaches(tree, books_id, one.section_id) for one in families.values()):
        raise BadSplit("other-network")
    return [(families[its_id], share) for its_id, share in split(needs(connection, members, on), amount, group.rule)]


def of_one_network(tree: Tree, books_id: int, amount: Money, shares: Sequence[Share]) -> list[Share]:
    """The same shares, where all their households pay in the money's currency into its wallet; raises BadSplit."""
    if any(family.currency != amount.currency for family, _ in shares):
        raise BadSplit("currency")
    if not all(reaches(tree, books_id, family.section_id) for family, _ in shares):
        raise BadSplit("other-network")
    return list(shares)
