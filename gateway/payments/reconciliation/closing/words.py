"""What papers call the lists, the differences and the choices about them: texts of the catalogues."""

from __future__ import annotations

from gateway.locale import mark

LISTS = {
    "across": mark("On the two sides of midnight"),
    "theirs": mark("In the statement and not with us"),
    "ours": mark("With us and not in the statement"),
    "amounts": mark("Not the same on both sides"),
    "open": mark("In open differences"),
}
SIDES = {"theirs": mark("Statement"), "ours": mark("Books")}

# Kinds of lines of a statement, and of movements of ours.
MOVED = {
    "payment": mark("Payment"),
    "reversal": mark("Payment taken back"),
    "refund": mark("Refund"),
    "fee": mark("Operator's fee"),
    "sweep": mark("Transfer of funds"),
    "other": mark("Other movement"),
    "collection": mark("Contribution"),
    "incoming": mark("Payment not asked for"),
    "returned": mark("Payment taken back"),
    "entry": mark("Entry in the books"),
}

KINDS = {
    "unknown": mark("Not known to us"),
    "missing": mark("Not in the statement"),
    "amount": mark("Another amount"),
    "twice": mark("There twice"),
    "reversed": mark("Payment taken back"),
    "late": mark("Known late"),
    "fee": mark("Operator's fee"),
    "out": mark("Money out to explain"),
    "ambiguous": mark("Several possible"),
}

CHOICES = {
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
}
