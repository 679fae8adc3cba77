"""Who may do what in the office: rights by role, and a role counts for its organisation and everything below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from gateway.network.organisations import Organisation, Tree
from gateway.network.staff import Member


class Right(StrEnum):
    """What a door asks of whoever wants to go through."""

    ANYBODY = "anybody"  # also who hasn't entered
    INSIDE = "inside"  # whoever has entered, whatever their role
    SEE_TODAY = "see_today"
    SEE_HOUSEHOLDS = "see_households"
    CHANGE_HOUSEHOLDS = "change_households"  # register, change, merge, split, move
    IMPORT_HOUSEHOLDS = "import_households"
    EXPORT_HOUSEHOLDS = "export_households"  # registers and cards on paper and as files
    UNMASK = "unmask"  # see a whole phone number; it is traced
    SEE_MONEY = "see_money"
    TAKE_CASH = "take_cash"
    CLOSE_DAY = "close_day"
    DECIDE_MONEY = "decide_money"  # settle cases, identify money, ask again
    REFUND = "refund"  # ask for it and approve what another asked for
    SEE_REMINDERS = "see_reminders"
    SEND_REMINDERS = "send_reminders"
    RECONCILE = "reconcile"  # take statements in, settle what differs
    CLOSE_WALLET = "close_wallet"
    SEE_BOOKS = "see_books"
    CLOSE_BOOKS = "close_books"
    SEE_NETWORK = "see_network"
    CHANGE_NETWORK = "change_network"
    GIVE_KEYS = "give_keys"  # to other systems; and what these are told by themselves
    CHANGE_TEXTS = "change_texts"
    SEE_STAFF = "see_staff"
    CHANGE_STAFF = "change_staff"
    SEE_REQUESTS = "see_requests"
    ANSWER_REQUESTS = "answer_requests"
    SEE_VISITS = "see_visits"
    ANSWER_PRIVACY = "answer_privacy"  # give people their data, make households nameless
    SEE_EVENTS = "see_events"  # who did what in the office


_EVERYTHING = frozenset(Right) - {Right.ANYBODY}
_SEES = frozenset(
    {Right.INSIDE, Right.SEE_TODAY, Right.SEE_HOUSEHOLDS, Right.SEE_REQUESTS, Right.SEE_VISITS, Right.SEE_NETWORK}
)

# The treasurer has the money; the animator the households, the reminders and the complaints; the adviser the visits.
# An administrator has everything of their subtree but the cash box: who decides about money doesn't take it in as well.
# The agent of a health facility has the phone.
GRANTS: Mapping[str, frozenset[Right]] = {
    "administrator": _EVERYTHING - {Right.TAKE_CASH, Right.CLOSE_DAY},
    "treasurer": _EVERYTHING
    - {
        Right.CHANGE_NETWORK,
        Right.GIVE_KEYS,
        Right.CHANGE_STAFF,
        Right.CHANGE_TEXTS,
        Right.IMPORT_HOUSEHOLDS,
        Right.SEE_EVENTS,
        Right.ANSWER_PRIVACY,
    },
    "animator": _SEES
    | {
        Right.CHANGE_HOUSEHOLDS,
        Right.IMPORT_HOUSEHOLDS,
        Right.EXPORT_HOUSEHOLDS,
        Right.UNMASK,
        Right.SEE_MONEY,
        Right.TAKE_CASH,
        Right.SEE_REMINDERS,
        Right.SEND_REMINDERS,
        Right.CHANGE_TEXTS,
        Right.ANSWER_REQUESTS,
    },
    "adviser": _SEES,
    "agent": frozenset(),
}


def roots_of(tree: Tree, roles: Sequence[Member], right: Right) -> tuple[Organisation, ...]:
    """The organisations at which somebody has a right, the highest only, in the tree's order."""
    held = {one.organisation_id: tree[one.organisation_id] for one in roles if right in GRANTS[one.role]}
    tops = [one for one in held.values() if not any(one is not other and one.under(other) for other in held.values())]
    return tuple(sorted(tops, key=lambda one: one.path))


def role_for(tree: Tree, roles: Sequence[Member], right: Right, organisation_id: int) -> Member | None:
    """The role by which somebody has a right in an organisation: the nearest one at or above it."""
    here = tree[organisation_id]
    held = [one for one in roles if right in GRANTS[one.role] and here.under(tree[one.organisation_id])]
    return max(held, key=lambda one: len(tree[one.organisation_id].path), default=None)
