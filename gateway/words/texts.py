"""The texts that answer words: pure, folded, and one part each, with the menu's words wherever it has them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.kernel.money import Money
from gateway.locale import NAMES, Say
from gateway.membership.households import Standing
from gateway.membership.people import to_strangers
from gateway.membership.visits import Covered, OnCard
from gateway.sms.gsm7 import fold, parts
from gateway.sms.texts import first_that_fits, fit
from gateway.ussd.effects.paying import ReceiptAnswer
from gateway.ussd.screens.cover import cover_line

# --- how households stand ---------------------------------------------------------------------------------------------


def cover(say: Say, shown: Sequence[Standing], locked: bool) -> str:
    """The state of each household's cover, at most two; ``locked``: another one's stands behind its PIN."""
    return _each(say, [(_of(say, one, cover_line(say, one)),) for one in shown], locked)


def balance(say: Say, shown: Sequence[Standing], locked: bool) -> str:
    """What each household has still to pay, what is next, and what it has paid in advance."""
    return _each(say, [_money(say, one) for one in shown], locked)


def _money(say: Say, one: Standing) -> tuple[str, ...]:
    left = say("Left to pay: {amount}.", amount=one.left) if one.left else say("All is paid.")
    rest = []
    if one.left and one.cover.due_on:
        rest.append(say("Next: {amount} by {date}.", amount=one.due, date=one.cover.due_on))
    if one.advance:
        rest.append(say("In advance: {amount}.", amount=one.advance))
    return (_of(say, one, left), *rest)


def _each(say: Say, sentences: Sequence[tuple[str, ...]], locked: bool) -> str:
    """All that is said of each; what doesn't fit into one part gives way from its end, then all but the first card."""
    behind_pin = say("Another card has a PIN: dial the code.") if locked else ""
    everything = tuple(sentence for each in sentences for sentence in each)
    openings = tuple(each[0] for each in sentences)
    another = say("Send the word with the other card's number.") if len(sentences) > 1 else ""
    return first_that_fits(
        (*everything, behind_pin),
        (*openings, behind_pin),
        openings,
        (*sentences[0], another),
        (sentences[0][0], another),
        (sentences[0][0],),
    )


def _of(say: Say, one: Standing, said: str) -> str:
    return _of_card(say, one.household.card, said)


def _of_card(say: Say, card: str, said: str) -> str:
    return say("Card {card}: {said}", card=say.card(card), said=said)


def several_cards(say: Say, count: int) -> str:
    """More households have this phone than one part can tell of."""
    return fold(
        say.many(
            "This phone is on {count} card. Send the word with the card's number, or dial the code.",
            "This phone is on {count} cards. Send the word with the card's number, or dial the code.",
            count,
        )
    )


def not_this_phones(say: Say) -> str:
    """The card that was named is none of the phone's."""
    return fold(say("This card is not one of this phone's. Look at its number again."))


def locked(say: Say) -> str:
    """The household has a PIN, which no SMS may hold."""
    return fold(say("This card has a PIN. Dial the code: it is in the menu, behind the PIN."))


# --- paying -----------------------------------------------------------------------------------------------------------


def prompt_comes(say: Say, amount: Money, card: str) -> str:
    """The wallet is being asked."""
    return fold(
        say(
            "Wait: your phone will ask for your mobile money PIN. {amount}, card {card}. The receipt comes by SMS.",
            amount=amount,
            card=say.card(card),
        )
    )


def by_code(say: Say, amount: Money, operator: str, code: str, card: str) -> str:
    """The wallet can't be asked: how to pay the merchant code, and what to send afterwards."""

    def write(name: str) -> str:
        return " ".join(
            (
                say("Pay {amount}, {operator}, merchant {code}, reference {card}.", amount=amount, operator=name,
                    code=code, card=card),
                say("Then send PAID and the payment's number."),
            )
        )  # fmt: skip

    return fit(write, operator)


def to_treasurer(say: Say, amount: Money, card: str) -> str:
    """Neither a prompt nor a merchant code: cash."""
    sentences = (
        say("This phone's network can't pay here yet."),
        say("Pay {amount} to your treasurer. Show card {card}.", amount=amount, card=say.card(card)),
    )
    return fold(" ".join(sentences))


def how_to_pay(say: Say) -> str:
    """What was sent is no amount: how it is written."""
    return fold(say("Send PAY and the amount, and for another family its card: PAY 2000 123456789"))


def which_card_to_pay(say: Say) -> str:
    """Several households have this phone."""
    return fold(say("Which family? Send PAY, the amount, then the card number: PAY 2000 123456789"))


def plainly(text: str) -> str:
    """What the menu says, as it leaves by SMS."""
    return fold(text)


# --- receipts and complaints ------------------------------------------------------------------------------------------


def genuine(say: Say, number: str, one: ReceiptAnswer) -> str:
    """What a genuine receipt is of. The card and the name are not those of anybody who only found an SMS."""

    def write(name: str) -> str:
        sentences = [
            say("Receipt {number}: genuine.", number=number),
            say("{amount} paid on {date}", amount=one.amount, date=one.on),
            say("for {name}, card ending in {digits}", name=name, digits=one.card[-3:]) + ".",
        ]
        if one.taken_back:
            sentences.append(say("This receipt no longer counts."))
        elif one.gone_back is not None:
            sentences.append(say("{amount} of it went back.", amount=one.gone_back))
        return " ".join(sentences)

    return fit(write, one.name)


def not_genuine(say: Say, number: str) -> str:
    """No receipt has this number with this code."""
    return fold(
        say("{number}: NOT a genuine receipt. Check the figures. If they are right, tell your mutuelle.", number=number)
    )


def how_to_check(say: Say) -> str:
    """What was sent is no receipt's number with its code: how it is written."""
    return fold(say("Send RECEIPT, its number and its code, as in the SMS: RECEIPT 000123-48213"))


def how_to_complain(say: Say) -> str:
    """Nothing was said."""
    return fold(say("Send COMPLAINT, then say in a few words what happened."))


def often_today(say: Say) -> str:
    """As many complaints as are taken of one phone in a day."""
    return fold(say("You have written often today. Ask to be called back."))


# --- the phone's own --------------------------------------------------------------------------------------------------


def which_language(say: Say, offered: Sequence[str]) -> str:
    """None was named, or one that the network doesn't offer."""
    named = ", ".join(f"{one.upper()} {NAMES[one]}" for one in offered)
    return fold(say("Send LANGUAGE and one of: {languages}", languages=named))


def language_chosen(say: Say, name: str) -> str:
    """In the language that was chosen."""
    return fold(say("Your language: {language}.", language=name))


def reminders(say: Say, *, stopped: bool) -> str:
    """Whether reminders come from now on."""
    return fold(say("No more reminders by SMS.") if stopped else say("Reminders will come by SMS."))


def news_come(say: Say, places: str) -> str:
    """Of whom news come from now on, and how they end."""

    def write(name: str) -> str:
        return say("News of {mutuelle} will come by SMS. To end them, send NEWS STOP.", mutuelle=name)

    return fit(write, places)


def no_more_news(say: Say) -> str:
    """News have ended; reminders haven't."""
    return fold(say("No more news by SMS."))


def news_after_start(say: Say) -> str:
    """The phone has stopped SMS: what it sends to have news."""
    return fold(say("You have stopped SMS. To have news, send START, then NEWS."))


def words(say: Say, *, member: bool, agent: bool) -> str:
    """What this phone can send. It begins with no word, lest a machine that sends it back asks for something."""
    everybody = say("RECEIPT number code, COMPLAINT text, LANGUAGE, STOP, START")
    own = say("COVER, BALANCE, PAY amount, PAID number") if member else say("PAY amount card")
    check = say("CHECK card") if agent else ""
    every_word = ", ".join(filter(None, (check, own, everybody, say("NEWS"))))
    return fold(say("Send: {words}", words=every_word))


# --- for agents of health facilities ----------------------------------------------------------------------------------


def checked(say: Say, card: str, found: Covered) -> str:
    """Covered or not, first; the mutuelle, and who is covered today, as many by name as fit."""
    here = [one for one in found.people if one.covered]
    if here:
        opening = _of_card(say, card, say("COVERED until {date}.", date=found.until))
        for shown in range(len(here), 0, -1):
            text = fold(f"{opening} {found.mutuelle}. {_people(say, here, shown)}")
            if parts(text) == 1:
                return text
        rest = _people(say, here, 0)
    else:
        opening, rest = _of_card(say, card, say("NOT covered today.")), ""
        starts = [one.covered_from for one in found.people if one.covered_from is not None]
        if found.resumes is not None:
            rest = say("Suspended: pay {amount}.", amount=found.resumes)
        elif starts:
            rest = say("Cover starts on {date}.", date=min(starts))
    return fit(lambda mutuelle: " ".join(filter(None, (opening, f"{mutuelle}.", rest))), found.mutuelle)


def _people(say: Say, here: Sequence[OnCard], shown: int) -> str:
    """How many are covered, and the first of them."""
    named = [f"{to_strangers(one.name)} {one.birth_year}" for one in here[:shown]]
    all_of_them = ", ".join(named) + "." if shown == len(here) else ", ".join([*named, "..."])
    how_many = say.many("{count} person covered:", "{count} people covered:", len(here))
    return f"{how_many} {all_of_them}"


def nobody_checked(say: Say, typed: str, why: str) -> str:
    """No household has the number that an agent sent, and why."""
    return fit(lambda shown: f"{shown}: {why}" if shown else why, typed)


def how_to_verify(say: Say) -> str:
    """Several families have the number that an agent sent."""
    return fold(say("Send CHECK and the card number: CHECK 123456789"))
