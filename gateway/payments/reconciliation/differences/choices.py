"""What may be chosen for each kind of difference, what each choice posts, and who may choose it alone: one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gateway.locale import mark
from gateway.payments.reconciliation.differences.found import Kind

Needs = Literal["card", "receipt", "refund", "until"]


@dataclass(frozen=True)
class Choice:
    """A way of settling a difference.

    ``does`` is for people, a text of the catalogues; ``posts`` is its entry, by roles of the chart of accounts, debit
    before credit. ``needs`` is what must be named with it, ``may`` what can be. ``alone``: one person decides it
    whatever the amount, as nothing is lost by it, or as what it asks for takes two people by itself.
    """

    word: str
    does: str
    posts: str = ""
    needs: Needs | None = None
    alone: bool = False
    may: Needs | None = None


CHOICES: Mapping[Kind, tuple[Choice, ...]] = {
    "unknown": (
        Choice(
            "assign",
            mark("it is this household's, which gets its receipt"),
            "D suspense C receivable, advance",
            "card",
            alone=True,
        ),
        Choice("refund", mark("give it back: asks for a refund, which another person approves"), alone=True),
        Choice("keep", mark("leave it to be identified, and ask about it here no longer"), alone=True),
        Choice("income", mark("it is the mutuelle's own: a donation, a subsidy"), "D suspense C subsidies"),
        Choice("transfer", mark("it is our own money, from another account of ours"), "D suspense C transfer"),
        Choice(
            "correction",
            mark("the operator corrects what it had wrong, and what stands on 4711 for it"),
            "D suspense C unexplained",
        ),
    ),
    "late": (),
    "missing": (
        Choice("wait", mark("look again from a day on"), needs="until", alone=True),
        Choice("confirmed", mark("the operator's support confirmed it in writing: the reason says where")),
        Choice(
            "reverse", mark("it never came: it is taken back, and the member is told"), "D receivable, advance C wallet"
        ),
        Choice(
            "lost",
            mark("it never came, and the mutuelle bears it: the household keeps its credit"),
            "D losses C wallet",
        ),
    ),
    "amount": (
        Choice(
            "theirs",
            mark("the statement is right: what is more counts for the household, what is less is taken back"),
            "D wallet C receivable, advance, or back",
        ),
        Choice("ours", mark("the operator is wrong, and has to correct it"), "D unexplained C wallet, or back"),
    ),
    "twice": (
        Choice(
            "one",
            mark("it is one: what the statement has twice counts once, what we have twice is taken back"),
            "of ours: D receivable, advance C wallet",
        ),
        Choice(
            "two",
            mark("they are two: what we don't know waits to be identified, what it lacks is unexplained"),
            "D wallet C suspense; of what left, or is ours: D unexplained C wallet",
        ),
    ),
    "reversed": (
        Choice(
            "reverse",
            mark("it is gone: it is taken back, and the member is told"),
            "D receivable, advance C wallet",
            may="receipt",
        ),
        Choice("keep", mark("it goes on counting, and the operator has to give it back"), "D unexplained C wallet"),
    ),
    "fee": (
        Choice("theirs", mark("the fee is the statement's"), "D fees C wallet, or back"),
        Choice("ours", mark("the operator took a wrong fee, and has to correct it"), "D unexplained C wallet, or back"),
    ),
    "out": (
        Choice("transfer", mark("to another account of ours, as a bank's"), "D transfer C unexplained"),
        Choice("fee", mark("a fee of the operator's"), "D fees C unexplained"),
        Choice("refund", mark("it paid out this refund"), "D wallet C unexplained, and the refund's own", "refund"),
        Choice("expense", mark("an expense; which one, the accountant details from losses"), "D losses C unexplained"),
        Choice("keep", mark("leave it unexplained, or the operator corrects what it had wrong by it"), alone=True),
    ),
    "ambiguous": (
        Choice(
            "match",
            mark("it is this payment of ours, which is posted where it wasn't yet"),
            "where it wasn't: D wallet C receivable, advance",
            "receipt",
        ),
        Choice(
            "unknown", mark("it is none of ours: it is posted like any money that we don't know"), "D wallet C suspense"
        ),
    ),
}


def choice_of(kind: Kind, word: str) -> Choice | None:
    """The choice with a word, where a difference of this kind has it."""
    return next((each for each in CHOICES[kind] if each.word == word), None)


def choices_table() -> str:
    """All of them, as the table of the docs."""
    rows = [_row(kind, each) for kind, choices in CHOICES.items() for each in choices]
    return "\n".join(("| kind | choice | what it means | posts | people |", "|" + " --- |" * 5, *rows))


def _row(kind: Kind, one: Choice) -> str:
    named = f" `--{one.needs}`" if one.needs else f" (`--{one.may}`)" if one.may else ""
    word = f"`{one.word}`{named}"
    return f"| {kind} | {word} | {one.does} | {one.posts or 'nothing'} | {'one' if one.alone else 'one, or two'} |"
