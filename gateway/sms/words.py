"""Words that people send us by SMS: the first word says what is wanted, and each text gets at most one short answer.

Answers are limited, lest two machines talk to each other for ever: the same answer isn't given twice within an hour, no
phone gets more than ten in a day, and a phone or a word that we don't know gets one a day. What a text asks for is done
whether it is answered or not. Answers aren't reminders: whoever has stopped those gets them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from gateway.kernel.masking import mask_number
from gateway.kernel.msisdn import BadMsisdn, country_of, read_caller
from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.membership.households import Household, ask_language, by_phone
from gateway.network.organisations import Organisation, Tree
from gateway.sms import answers
from gateway.sms.africastalking import read_form
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.schema import message, notice
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

log = logging.getLogger(__name__)

INBOUND = "at.inbound"
LONGEST_TEXT = 1000  # longer than any that a person types or an operator writes
ANSWER, HELP = "sms_answer", "sms_help"
SAME_AFTER = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_ANSWERS_A_DAY = 10


@dataclass(frozen=True)
class Sms:
    """An SMS that came; ``sender`` is E.164."""

    notice_id: int
    sender: str
    text: str
    received_at: datetime


def read_inbound(connection: Connection, notice_id: int) -> Sms | None:
    """A stored SMS; None for one that nobody can answer: its sender is a name or a short code, and no phone."""
    row = connection.execute(select(notice).where(notice.c.id == notice_id, notice.c.source == INBOUND)).first()
    if row is None:
        return None
    form = read_form(bytes(row.body))
    try:
        sender = read_caller(form.get("from", ""))
    except BadMsisdn:
        return None
    return Sms(row.id, sender, form.get("text", ""), row.received_at)


@dataclass(frozen=True)
class Asked:
    """What a text asks: ``rest`` is what stands behind the word, in plain small letters and single spaces.

    ``households`` are those of the phone; ``language`` is its holder's.
    """

    sender: str
    households: tuple[Household, ...]
    language: str
    rest: str


@dataclass(frozen=True)
class Reply:
    """The text of an answer, of one part, and the household that it is about."""

    text: str
    household: Household | None = None


@dataclass(frozen=True)
class Word:
    """A word by any of its ``names``, in plain letters (``j ai paye``).

    ``handle`` does what is asked in the text's own transaction; None: nothing, for a phone that the word isn't for.
    ``whole`` tells whether what stands behind the word is all that belongs there, and nothing else is.
    """

    names: tuple[str, ...]
    handle: Callable[[Unit, Tree, Asked], Reply | None]
    whole: Callable[[str], bool]


@dataclass(frozen=True)
class Words:
    """All words that are listened to."""

    words: Sequence[Word]

    def find(self, text: str) -> tuple[Word, str] | None:
        """The word that a text begins with, the longest that fits, and what stands behind it."""
        written = plain(text[:LONGEST_TEXT])
        found = [(name, word) for word in self.words for name in word.names if _begins(written, name)]
        if not found:
            return None
        name, word = max(found, key=lambda one: len(one[0]))
        return word, written.removeprefix(name).strip()

    def is_one(self, text: str) -> bool:
        """Is the text a word with what belongs to it, and nothing else?"""
        found = self.find(text)
        return found is not None and found[0].whole(found[1])

    def take(self, unit: Unit, tree: Tree, sms: Sms) -> None:
        """Do what a text asks for, and answer it."""
        take_turn(unit, f"sms:{sms.sender}")
        households = tuple(by_phone(unit.connection, tree, sms.sender))
        home = _home(tree, sms.sender, households)
        if home is None:
            log.info("an SMS from %s is kept: no network is in its country", mask_number(sms.sender))
            return
        language = _language(unit.connection, sms.sender, households) or home.languages[0]
        found = self.find(sms.text)
        reply = found[0].handle(unit, tree, Asked(sms.sender, households, language, found[1])) if found else None
        if reply is not None:
            _answer(unit, sms, ANSWER, reply, language, home.id)
        else:
            say = Say(language)
            text = answers.how_to_declare(say) if households else answers.unknown_phone(say)
            _answer(unit, sms, HELP, Reply(text), language, home.id)


def _begins(written: str, name: str) -> bool:
    """Does a text begin with a name? A number may follow at once: ``paye11005237542``."""
    behind = written.removeprefix(name)
    return written.startswith(name) and (not behind or not behind[0].isalpha())


def _home(tree: Tree, sender: str, households: Sequence[Household]) -> Organisation | None:
    """Who answers: the mutuelle of the phone's first household, else the network of its country."""
    if households:
        return tree.books_of(households[0].section_id)
    country = country_of(sender)
    return next((one for one in tree.by_id.values() if one.parent_id is None and one.country == country), None)


def _language(connection: Connection, sender: str, households: Sequence[Household]) -> str | None:
    """The language that the phone chose, or its household's."""
    chosen = connection.execute(*ask_language(sender)).scalar()
    return chosen or next(filter(None, (one.language for one in households)), None)


def _answer(unit: Unit, sms: Sms, event: str, reply: Reply, language: str, organisation_id: int) -> None:
    if not _may_answer(unit, sms.sender, event, reply.text):
        log.info("an SMS from %s isn't answered: it has had its answers", mask_number(sms.sender))
        return
    about = reply.household.id if reply.household else None
    key = f"{event}:{sms.notice_id}"
    outgoing = Outgoing(event, sms.sender, language, reply.text, organisation_id, about, key)
    queue_messages(unit, "replies", outgoing)


def _may_answer(unit: Unit, sender: str, event: str, text: str) -> bool:
    told = (message.c.msisdn == sender) & (message.c.event == event)
    today = told & (message.c.created_at > unit.now - DAY)
    number = unit.connection.scalar(select(func.count()).select_from(message).where(today)) or 0
    if number >= (1 if event == HELP else MOST_ANSWERS_A_DAY):
        return False
    lately = told & (message.c.text == text) & (message.c.created_at > unit.now - SAME_AFTER)
    return unit.connection.scalar(select(message.c.id).where(lately).limit(1)) is None
