"""What the pages about reconciliation share: their area, the wallets that somebody sees, and the words for all of it.

Reading statements takes as much memory as everything else in a process together, so that whatever needs it is imported
where it is used: a web process in which nobody reconciles stays as small as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from gateway.console.answers import NotThere
from gateway.console.doors import Area, Entrance
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.locale import mark
from gateway.payments.reconciliation.differences.listing import Difference
from gateway.payments.reconciliation.wallets import Wallet, wallet_name, wallets

AREA = Area("reconciliation", Entrance(mark("Reconciliation"), "/reconciliation", Right.RECONCILE))

# How operators are named among people; a word that isn't here is said as it is, with capitals.
_OPERATORS = {
    "mtn_momo": "MTN MoMo",
    "moov_money": "Moov Money",
    "orange_money": "Orange Money",
    "airtel_money": "Airtel Money",
    "mpesa": "M-Pesa",
    "pawapay": "pawaPay",
    "lumicash": "Lumicash",
    "ecocash": "EcoCash",
    "wave": "Wave",
    "free_money": "Free Money",
    "yas": "Yas",
}

KINDS: Mapping[str, str] = {
    "unknown": mark("In the statement, not known to us"),
    "late": mark("Known late"),
    "missing": mark("With us, not in the statement"),
    "amount": mark("Another amount"),
    "twice": mark("There twice"),
    "reversed": mark("Taken back by the operator"),
    "fee": mark("Another fee"),
    "out": mark("Money out to explain"),
    "ambiguous": mark("Several payments possible"),
}
# What each kind is about, said to whoever opens one.
ABOUT: Mapping[str, str] = {
    "unknown": mark("Money came that no payment of ours explains. Until somebody says whose it is, it waits."),
    "late": mark("The statement has paid what we took to be unpaid."),
    "missing": mark("It counts with us, and no line of the statement of its time has it."),
    "amount": mark("Both have it, with another amount."),
    "twice": mark("One number stands for more than one payment."),
    "reversed": mark("The operator has taken it back, and with us it still counts."),
    "fee": mark("The fee in our books isn't the one in the statement."),
    "out": mark("Money left the account, and nobody has said why."),
    "ambiguous": mark("Several payments of ours could be meant by this line: which one?"),
}
MOVED: Mapping[str, str] = {
    "payment": mark("Payment"),
    "reversal": mark("Payment taken back"),
    "refund": mark("Refund"),
    "fee": mark("Operator's fee"),
    "sweep": mark("Transfer of funds"),
    "other": mark("Other movement"),
}
# How a line was matched.
HOWS: Mapping[str, str] = {
    "operator-id": mark("the operator's number of the transaction"),
    "our-id": mark("our key, which the operator repeats"),
    "reference": mark("the card in the reference, the amount and the day"),
    "payer": mark("the payer's number, the amount and the hour"),
    "time": mark("the amount and the minute, as nothing else could be meant"),
    "many-lines": mark("several lines that add up to it"),
    "many-ours": mark("several movements of one day that add up to it"),
    "rule": mark("a rule, which posted it from the statement"),
    "person": mark("somebody's word"),
}
# What the domain says by itself, in stories and of what differs.
SAID: Sequence[str] = (
    mark("both have it, with another amount"),
    mark("its number stands in the books already, and not of this line"),
    mark("a line of another statement has this number too"),
    mark("an earlier line has this number too"),
    mark("it counts with us, and no line of the statement of its time has it"),
    mark("no reference names a card"),
    mark("its reference names no card of ours"),
    mark("taken back in the statement"),
    mark("taken back in the books"),
    mark("posted as the statement says"),
    mark("money left"),
    mark("the fee in the books isn't the statement's"),
    mark("it was identified"),
    mark("it was given or taken back"),
    mark("a later statement has it"),
    mark("it is matched by now"),
)
STEPS: Mapping[str, str] = {
    "found": mark("Found"),
    "asked": mark("Asked for: another person approves it"),
    "refused": mark("Refused"),
    "dropped": mark("Dropped"),
    "settled": mark("Settled"),
    "undone": mark("Undone"),
    "gone": mark("Explained by itself"),
    "again": mark("Open again"),
}
# The choices in two or three words, as stories and lists have them.
CHOICES: Mapping[str, str] = {
    "assign": mark("Identified"),
    "refund": mark("Refund"),
    "keep": mark("Left as it is"),
    "income": mark("Income"),
    "transfer": mark("Transfer of funds"),
    "correction": mark("Operator's correction"),
    "wait": mark("To wait for"),
    "confirmed": mark("Confirmed by the operator"),
    "reverse": mark("Taken back"),
    "lost": mark("Loss"),
    "theirs": mark("As in the statement"),
    "ours": mark("As in our books"),
    "one": mark("One payment"),
    "two": mark("Two payments"),
    "fee": mark("Operator's fee"),
    "expense": mark("Expense"),
    "match": mark("Matched"),
    "unknown": mark("To identify"),
    "rule": mark("By the rules"),
    "undo": mark("To be undone"),
}
# Why something wasn't settled or undone.
NOT_SETTLED: Mapping[str, str] = {
    "gone": mark("What this is about has changed since. Look at it again."),
    "settled": mark("It is settled: undo that first."),
    "open": mark("It is open: there is nothing to undo."),
    "pending": mark("Somebody has asked for something about it: another person approves that or drops it first."),
    "not-asked": mark("Nobody has asked for anything here that another person approves."),
    "choice": mark("This kind of difference has other choices."),
    "needs": mark("This choice needs one more word: fill in the field that belongs to it."),
    "no-reason": mark("Say why."),
    "same-person": mark("Whoever asked can't approve: it takes two people."),
    "card": mark("No household has this card."),
    "receipt": mark("Nothing that moves on this wallet has this number."),
    "number": mark("The statement's line has no number of the operator's."),
    "amount": mark("The amounts don't fit, or more is taken back than still counts."),
    "other-network": mark("The household doesn't pay into this wallet."),
    "currency": mark("The household deals in another currency."),
    "busy": mark("This money is being given back or identified: that is decided first."),
    "unidentified": mark("Nobody has said yet whose this money is: say that first, or take it back."),
    "group": mark("A group paid it: it is settled household by household."),
    "part": mark("It is a part of a group's payment: take it back from one household."),
    "cash": mark("It is cash: no operator has it."),
    "known": mark("This number stands in the books already."),
    "refund": mark("Its refund has to go on first."),
    "paid": mark("It was paid out: it can't be undone."),
    "later": mark("More has followed from it, and that has to be settled first."),
    "moved": mark("The money has left its books for the household's: give it back from there."),
    "reversed": mark("What an operator took back stays so: money that comes again is a new payment."),
    "matched": mark("Another line is this payment already."),
    "rule": mark("A rule has settled it, and no person: it can't be undone here."),
}


def own_wallets(visit: Visit, connection: Connection) -> list[Wallet]:
    """The wallets below the part of the network that is looked at."""
    return wallets(connection, visit.tree, visit.at.path)


def called(visit: Visit, one: Wallet) -> str:
    """What people call a wallet: its operator or bank, and whose it is."""
    whose = visit.tree[one.organisation_id]
    currency = "" if one.currency == whose.currency else f" ({one.currency})"
    return f"{operator_called(one.operator)}{currency} · {whose.name}"


def operator_called(word: str) -> str:
    """What people call an operator or a bank."""
    return _OPERATORS.get(word, word.replace("_", " ").upper() if len(word) < 5 else word.replace("_", " ").title())


def coded(visit: Visit, one: Wallet) -> str:
    """How commands and papers name a wallet."""
    return wallet_name(visit.tree, one)


def moment(visit: Visit, at: datetime, organisation_id: int) -> str:
    """A moment where the money is, as people read it."""
    local = at.astimezone(ZoneInfo(visit.tree[organisation_id].time_zone))
    return f"{visit.say.show(local.date())} {local:%H:%M}"


def said(visit: Visit, text: str) -> str:
    """What the domain said by itself, in the visitor's language; what somebody wrote stays as it is."""
    head, colon, rest = text.partition(": ")
    if colon and head in SAID:
        known = visit.say(head)
        return f"{known}{colon}{rest}"
    return visit.say(text) if text in SAID else text


def theirs_to_see(visit: Visit, one: Difference | Wallet | None) -> None:
    """Raises :class:`NotThere` for what isn't below where somebody may reconcile."""
    if one is None or not visit.may(Right.RECONCILE, one.organisation_id):
        raise NotThere


def money(minor: int, currency: str) -> Money:
    return Money(minor, currency)
