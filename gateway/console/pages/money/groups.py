"""Groups that pay for their households: what each was asked for and paid, how that was divided, and asking anew."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from gateway.console.answers import Answer, Done, Page, Refused
from gateway.console.doors import Area
from gateway.console.pages.money.words import state_of, tabs, when
from gateway.console.rights import Right, role_for
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.locale import mark
from gateway.payments.payers.deduction_lists import deductions
from gateway.payments.payers.group_statements import balance_of_group
from gateway.payments.payers.groups import ask_group, groups, payments_of_group, whole_due
from gateway.payments.payers.shares import BadSplit, group_by_id, members_of
from gateway.payments.push.daily import LIMITED, Limited
from gateway.payments.push.limits import largest_payment
from gateway.payments.push.wishes import Asked
from gateway.store.effects import effect_key
from gateway.store.unit import Unit

AREA = Area("groups")
MOST_GROUPS, MOST_SUMMED, MOST_LISTS = 200, 60, 12
_RULES = {
    "due": mark("each household what it has to pay now"),
    "equal": mark("the same for each household"),
    "fixed": mark("each household its own amount"),
}
_NOT_DIVIDED = {
    "nobody": mark("The group has no household."),
    "amount": mark("There is nothing to divide."),
    "no-fixed": mark("A household of the group has no amount of its own."),
    "not-the-sum": mark("The amount isn't the sum of the group's own amounts."),
    "currency": mark("A household of the group pays in another currency."),
    "other-network": mark("A household of the group doesn't pay into this mutuelle's wallet."),
}


@AREA.get("/collections/groups", Right.SEE_MONEY)
def list_page(visit: Visit) -> Answer:
    """The groups of this part of the network."""
    with visit.store.read() as connection:
        found = groups(connection, visit.at.path)[:MOST_GROUPS]
    rows = [(one, visit.number(one.msisdn) if one.msisdn else "", _RULES[one.rule]) for one in found]
    return Page("money/groups.html", visit.say("Groups"), {"tabs": tabs(visit), "rows": rows})


@AREA.get("/collections/groups/<group>", Right.SEE_MONEY)
def one_page(visit: Visit, row: Row[Any]) -> Answer:
    """A group: how it stands, its households and lists, what it was asked for and paid, and asking its phone."""
    return page_of(visit, row)


def page_of(visit: Visit, row: Row[Any]) -> Page:
    """A group's page, shown again where an act on it was refused."""
    with visit.store.read() as connection:
        group = group_by_id(connection, row.id)
        members = members_of(connection, visit.tree, group)
        payments = payments_of_group(connection, visit.tree, group)
        today = visit.today(group.organisation_id)
        # Each household's standing is read for it: of a long list nobody is made to wait for the sum.
        due = whole_due(connection, visit.tree, group, today) if len(members) <= MOST_SUMMED else None
        stands = balance_of_group(connection, visit.tree, group)
        lists = deductions(connection, "/", MOST_LISTS, group_id=group.id)
    values = {
        "tabs": tabs(visit),
        "group": group,
        "phone": visit.number(group.msisdn) if group.msisdn else "",
        "rule": visit.say(_RULES[group.rule]),
        "members": members,
        "due": due,
        "proposed": f"{due.decimal.normalize():f}" if due else "",
        "payments": [
            (each.one, state_of(each.one.state, each.one.reason), len(each.shares), each.where) for each in payments
        ],
        "when": lambda at: when(visit, at, group.organisation_id),
        "stands": stands,
        "lists": [(one, when(visit, one.at, group.organisation_id)) for one in lists],
        "may": visit.may(Right.DECIDE_MONEY, group.organisation_id),
        "takes_cash": _takes_cash(visit, group.organisation_id),
        "card": show_card,
        "can_ask": group.msisdn is not None and visit.may(Right.DECIDE_MONEY, group.organisation_id),
    }
    return Page("money/group.html", group.name, values)


def _takes_cash(visit: Visit, organisation_id: int) -> bool:
    """Do they keep the box of the group's mutuelle?"""
    role = role_for(visit.tree, visit.who.roles, Right.TAKE_CASH, organisation_id)
    return role is not None and role.role == "treasurer"


@AREA.post("/collections/groups/<group>/ask", Right.DECIDE_MONEY, shown_by=page_of)
def ask(visit: Visit, row: Row[Any]) -> Answer:
    """Ask the group's phone for the money of all its households, by one prompt."""
    books = visit.tree.books_of(row.organisation_id)
    amount = visit.amount("amount", books.currency)
    most = largest_payment(amount.currency)
    if amount > most:
        raise Refused(visit.say("At most {most} at a time.", most=most), "amount")
    if row.msisdn is None:
        raise Refused(visit.say("The group has no phone."))
    route = visit.parts.services.route(row.msisdn, books.country)
    if route is None or route.provider is None:
        raise Refused(visit.say("This phone can't be asked: its operator isn't connected."))
    if route.down:
        raise Refused(visit.say("{operator} doesn't answer now. Try again later.", operator=route.operator))
    provider = route.provider

    def act(unit: Unit) -> Done:
        group = group_by_id(unit.connection, row.id)
        try:
            wish = ask_group(
                unit, visit.tree, group, amount, provider=provider, environment=route.environment,
                effect_key=effect_key("office-group", str(visit.who.login_id), visit.sent.get("once")),
                after=visit.parts.services.push_delay,
            )  # fmt: skip
        except BadSplit as wrong:
            raise Refused(visit.say(_NOT_DIVIDED[wrong.args[0]]), "amount") from None
        if isinstance(wish, Limited):
            raise Refused(visit.say(LIMITED[wish.what], amount=wish.amount), "amount")
        if wish is Asked.IN_PROGRESS:
            raise Refused(visit.say("This phone is being asked already: wait for the answer."))
        note = visit.say("{amount} is asked of {payer}: they type their PIN.", amount=amount,
                         payer=visit.number(row.msisdn))  # fmt: skip
        return Done(f"/collections/groups/{row.id}", note, after={"amount": amount})

    return visit.do("group.asked", act, about=f"group:{row.id}", place=row.organisation_id)
