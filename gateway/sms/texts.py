"""The texts of the SMS that people get: each says its number first, and each is one part, whatever stands in it.

They are pure: values in, a folded text out. Amounts, dates, card and receipt numbers are never shortened; where the
longest data don't fit into 160 septets, a name gives way, a word at a time from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.kernel.money import Money
from gateway.locale import Say, mark
from gateway.membership.rules import Cover, State
from gateway.sms.gsm7 import fold, parts, septets

# A receipt's number with its code ("000123-48213") may have this many characters without any text growing past its one
# part: enough for ten million million payments.
NUMBER_CHARACTERS = 20

# How a payment came (``collection.way``), for whoever keeps the accounts.
WAYS = {"push": mark("by phone"), "reference": mark("merchant code"), "cash": mark("cash")}

# Why no money came, and what to do now, by the stable reasons of a collection.
_AGAIN = mark("To try again, dial the same code.")
NOT_PAID = {
    "insufficient": (mark("Not enough money on the account."), mark("Top up, then try again.")),
    "rejected": (mark("It was refused on the phone."), _AGAIN),
    "limit": (mark("The account's limit is reached."), mark("Pay less, or try tomorrow.")),
    "no_wallet": (mark("This number has no mobile money account."), mark("Pay from another number.")),
    "expired": (mark("The PIN was not typed in time."), _AGAIN),
    "unavailable": (mark("The operator does not answer."), mark("Try again later.")),
    "other": (mark("The operator refused it."), mark("Try again, or see your treasurer.")),
}


def registered(say: Say, mutuelle: str, card: str, total: Money, first: Money) -> str:
    """To a new member: the card number, what the year costs, what is due now, and how to pay it."""

    def write(name: str) -> str:
        return " ".join(
            (
                say("Card {card}, {mutuelle}.", card=say.card(card), mutuelle=name),
                say("For the year: {amount}.", amount=total),
                to_pay_now(say, first),
                say("To pay, dial the same code."),
            )
        )

    return fit(write, mutuelle)


def to_pay_now(say: Say, first: Money) -> str:
    """The sentence that tells a new member what is due at once."""
    return say("To pay now: {amount}.", amount=first) if first else say("Nothing to pay now.")


def receipt(
    say: Say, number: str, amount: Money, card: str, cover: Cover, left: Money,
    asked: Money | None = None, advance: Money | None = None,
) -> str:  # fmt: skip
    """To whoever paid, and to the member: what came in, and where the household stands with it.

    ``number`` is the receipt's with its code, by which anybody can have it checked. ``asked`` is what was asked for,
    where another amount came; ``advance`` what of it counts beyond all that is due.
    """
    if asked is None or asked == amount:
        opening = say(
            "Receipt {number}: {amount} paid, card {card}.", number=number, amount=amount, card=say.card(card)
        )
        return fold(" ".join(filter(None, (opening, covered(say, cover, left), remaining(say, left)))))
    opening, rest = _other(say, number, amount, asked, card), ""
    if amount.minor > asked.minor:
        rest = say("In advance: {amount}.", amount=advance) if advance else say("It all counts.")
    return first_that_fits(
        (opening, rest, covered(say, cover, left), remaining(say, left)),
        (opening, rest, remaining(say, left)),
        (opening, remaining(say, left)),
    )


def other_currency(say: Say, number: str, amount: Money, asked: Money, card: str) -> str:
    """To whoever paid, and to the member: money of another currency came; it is kept, and somebody looks at it."""
    return fold(" ".join((_other(say, number, amount, asked, card), say("Kept: your mutuelle will look at it."))))


def _other(say: Say, number: str, amount: Money, asked: Money, card: str) -> str:
    return say(
        "Receipt {number}: {amount} paid, {asked} asked, card {card}.",
        number=number, amount=amount, asked=asked, card=say.card(card),
    )  # fmt: skip


def treasurer(
    say: Say, number: str, amount: Money, way: str, head: str, card: str, left: Money, asked: Money | None = None
) -> str:
    """To the treasurer: what came in, how (``push``, ``reference``, ``cash``, or a word shown as it is), from whom.

    ``asked`` is what was asked for, where another amount came; of another currency, it is on suspense.
    """

    def write(name: str) -> str:
        first = say("Receipt {number}: {amount}, {way}.", number=number, amount=amount, way=way_of(say, way))
        whose = say("{head}, card {card}.", head=name, card=say.card(card))
        if asked is None or asked == amount:
            return " ".join((first, whose, remaining(say, left)))
        second = say("Asked: {amount}.", amount=asked)
        if asked.currency != amount.currency:
            return " ".join((first, second, whose, say("To identify.")))
        return first_that_fits((first, second, whose, remaining(say, left)), (first, second, whose))

    return fit(write, head)


def way_of(say: Say, way: str) -> str:
    """How a payment came, for whoever keeps the accounts."""
    return say(WAYS[way]) if way in WAYS else way[:NUMBER_CHARACTERS]


def first_that_fits(*ways: tuple[str, ...]) -> str:
    """The first of several sentences together that is one part; the last when none is."""
    texts = [fold(" ".join(filter(None, way))) for way in ways]
    return next((text for text in texts if parts(text) == 1), texts[-1])


def link(say: Say, amount: Money, card: str, address: str) -> str:
    """To the payer: where to pay. The address is never shortened; a long one makes a second part."""
    text = say("Pay {amount} for card {card} here: {address}", amount=amount, card=say.card(card), address=address)
    return fold(text)


def why_not(say: Say, reason: str) -> tuple[str, str]:
    """Why no money came, and what to do now: two sentences, by a stable reason word."""
    why, what_now = NOT_PAID.get(reason, NOT_PAID["other"])
    return say(why), say(what_now)


def not_paid(say: Say, amount: Money, card: str, reason: str) -> str:
    """To the payer: no money came, why as far as the operator told (a stable reason word), and what to do now."""
    why, what_now = why_not(say, reason)
    sentences = (
        say("Not paid: {amount}, card {card}.", amount=amount, card=say.card(card)),
        why,
        say("Nothing was received."),
        what_now,
    )
    return fold(" ".join(sentences))


def not_paid_elsewhere(say: Say, amount: Money, card: str) -> str:
    """To the household that had asked another's phone to pay: no money came. Nothing of the payer."""
    sentences = (
        say("Not paid: {amount}, card {card}.", amount=amount, card=say.card(card)),
        say("The other phone did not pay."),
        say("Nothing was received."),
        say(_AGAIN),
    )
    return fold(" ".join(sentences))


# --- groups -----------------------------------------------------------------------------------------------------------


def group_receipt(say: Say, number: str, amount: Money, count: int, name: str, asked: Money | None = None) -> str:
    """To a group's phone: what came, for how many households; ``asked`` where that was another amount."""

    def write(shown: str) -> str:
        sentences = [
            say.many(
                "Receipt {number}: {amount}, {count} household of {name}.",
                "Receipt {number}: {amount}, {count} households of {name}.",
                count, number=number, amount=amount, name=shown,
            )
        ]  # fmt: skip
        if asked is not None and asked != amount:
            sentences.append(say("Asked: {amount}.", amount=asked))
        return " ".join((*sentences, say("Each has its receipt.")))

    return fit(write, name)


def group_treasurer(
    say: Say, number: str, amount: Money, way: str, count: int, name: str, asked: Money | None = None
) -> str:
    """To the treasurer: what a group paid and how, for how many households; ``asked`` where that was another amount."""

    def write(shown: str) -> str:
        sentences = [
            say("Receipt {number}: {amount}, {way}.", number=number, amount=amount, way=way_of(say, way)),
            say.many("{name}: {count} household.", "{name}: {count} households.", count, name=shown),
        ]
        if asked is not None and asked != amount:
            sentences.append(say("Asked: {amount}.", amount=asked))
        return " ".join(sentences)

    return fit(write, name)


def group_not_paid(say: Say, amount: Money, name: str, reason: str) -> str:
    """To a group's phone: no money came, and why as far as the operator told."""
    why, _ = why_not(say, reason)

    def write(shown: str) -> str:
        return " ".join(
            (
                say("Not paid: {amount}, {name}.", amount=amount, name=shown),
                why,
                say("Nothing was received."),
                say("To try again, tell your mutuelle."),
            )
        )

    return fit(write, name)


def group_link(say: Say, amount: Money, name: str, address: str) -> str:
    """To a group's phone: where to pay. The address is never shortened; a long one makes a second part."""
    return fit(
        lambda shown: say("Pay {amount} for {name} here: {address}", amount=amount, name=shown, address=address), name
    )


def covered(say: Say, cover: Cover, left: Money) -> str:
    """The sentence of a receipt that says where the household's cover stands; nothing where it has no membership."""
    match cover.state:
        case State.NONE:
            return ""
        case State.UNPAID:
            return say("To be covered: {amount}.", amount=Money(cover.to_start_minor, left.currency))
        case State.WAITING:
            return say("Cover starts on {date}.", date=cover.begins_on)
        case State.ACTIVE:
            return say("Covered until {date}.", date=cover.until)
        case State.GRACE:
            if not left:  # the year has ended, and no payment makes cover last longer
                return say("Covered until {date}. Renew before then.", date=cover.until)
            return say("Covered only until {date}.", date=cover.until)
        case State.SUSPENDED:
            return say("Suspended: pay {amount}.", amount=Money(cover.to_start_minor, left.currency))
        case State.LAPSED:
            return say("The year is over: renew by phone.")


def remaining(say: Say, left: Money) -> str:
    """The sentence that says what is left to pay."""
    return say("Left to pay: {amount}.", amount=left) if left else say("All is paid.")


def fit(write: Callable[..., str], *names: str, most_parts: int = 1) -> str:
    """The folded text that ``write`` makes of names, the longest of them shortened until it is one part, or a few."""
    ways = [list(_shorter(" ".join(name.split()))) or [""] for name in names]
    while True:
        text = fold(write(*(way[0] for way in ways)))
        longest = max(ways, key=lambda way: (len(way) > 1, septets(fold(way[0]))))
        if parts(text) <= most_parts or len(longest) == 1:
            return text
        del longest[0]


def _shorter(name: str) -> Iterator[str]:
    """The name, then without its last word, and so on (never ending in "de"); then the beginnings of its first word."""
    words = name.split()
    for count in range(len(words), 0, -1):
        dangling = 1 < count < len(words) and len(words[count - 1]) <= 3 and words[count - 1].islower()
        if not dangling:
            yield " ".join(words[:count])
    for length in range(len(words[0]) - 1 if words else 0, 0, -1):
        yield words[0][:length]


def group_cash(say: Say, number: str, amount: Money, name: str) -> str:
    """To a group's phone and the treasurer: cash came, and will be divided by the group's list."""
    return fit(
        lambda shown: " ".join(
            (
                say("Receipt {number}: {amount} in cash from {name}.", number=number, amount=amount, name=shown),
                say("It will be divided by the group's list."),
            )
        ),
        name,
    )
