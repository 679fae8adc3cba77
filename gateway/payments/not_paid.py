"""What a payer is told of an order that brought nothing, or that still waits for them: why, or where to pay."""

from __future__ import annotations

from gateway.locale import Say
from gateway.membership.households import Household, by_id
from gateway.network.organisations import Tree
from gateway.payments.collections import Collection, who_asked
from gateway.payments.payers import group_money
from gateway.payments.posting import message_of
from gateway.payments.push.daily import BY_FAMILY
from gateway.payments.readers import Reader, readers
from gateway.sms import texts
from gateway.sms.outgoing import queue_messages
from gateway.sms.templates.wording import Wording
from gateway.store.unit import Unit


def tell_not_paid(unit: Unit, tree: Tree, one: Collection, reason: str) -> None:
    """Queue the word to the payer that nothing came; and to the household, where it had asked another's phone.

    The household learns that nothing came, and not why: that is between the payer and their operator.
    """
    if one.group_id is not None:
        group, payer = group_money.group_of(unit.connection, one), group_money.payer_of(unit.connection, tree, one)
        text = texts.group_not_paid(Say(payer.language), one.amount, group.name, reason)
        others: list[tuple[Reader, str]] = []
    else:
        family, payer, rest = _family(unit, tree, one)
        own = Wording(unit.connection, tree, one.organisation_id)
        text = own.not_paid(Say(payer.language), one.amount, family, reason)
        told = rest if who_asked(unit.connection, one) == BY_FAMILY else []
        others = [(each, texts.not_paid_elsewhere(Say(each.language), one.amount, family.card)) for each in told]
    queue_messages(unit, "receipts", *(message_of(one, "not_paid", *each) for each in ((payer, text), *others)))


def tell_link(unit: Unit, tree: Tree, one: Collection, link: str) -> None:
    """Queue the SMS with the address where the payer pays."""
    if one.group_id is not None:
        group, payer = group_money.group_of(unit.connection, one), group_money.payer_of(unit.connection, tree, one)
        text = texts.group_link(Say(payer.language), one.amount, group.name, link)
    else:
        family, payer, _ = _family(unit, tree, one)
        text = texts.link(Say(payer.language), one.amount, family.card, link)
    queue_messages(unit, "receipts", message_of(one, "link", payer, text))


def _family(unit: Unit, tree: Tree, one: Collection) -> tuple[Household, Reader, list[Reader]]:
    """The household, the phone that was asked, and the household's other phones."""
    family = by_id(unit.connection, tree, one.of_household)
    told = readers(unit.connection, tree, tree[one.organisation_id], family.id, family.language, one.payer).members
    payer = next(each for each in told if each.msisdn == one.payer)
    return family, payer, [each for each in told if each is not payer]
