"""Words that people send us by SMS: the first word says what is wanted, and each text gets at most one short answer.

Answers are limited, lest two machines talk to each other for ever: the same answer isn't given twice within an hour, no
phone gets more than ten in a day, one that we don't know three; and what is no word, or none for this phone, is
answered once a day. What a text asks for is done whether it is answered or not, and once, however often its work comes.
Answers aren't reminders: whoever has stopped those gets them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from gateway.kernel.masking import mask_number
from gateway.kernel.msisdn import BadMsisdn, country_of, read_caller
from gateway.kernel.spelling import one_slip, plain
from gateway.membership.households import Household, ask_language, by_phone
from gateway.network.organisations import Organisation, Tree
from gateway.network.staff import roles_of
from gateway.sms.africastalking import read_form
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.effects import Outcome, effect_key, once_in
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
MOST_TO_STRANGERS_A_DAY = 3
SHORTEST_WITH_SLIPS = 5  # of shorter words, one letter makes another word


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
    """What a text asks: ``written`` is what stands behind the word, as it was written.

    ``households`` are those of the phone; ``language`` is its holder's; ``home`` is who answers. ``key`` is this SMS's
    own: whatever is made under it is made once.
    """

    sender: str
    households: tuple[Household, ...]
    language: str
    home: Organisation
    key: str
    written: str


@dataclass(frozen=True)
class Reply:
    """The text of an answer, of one part, and the household that it is about; ``language`` where it is another now."""

    text: str
    household: Household | None = None
    language: str | None = None


@dataclass(frozen=True)
class Word:
    """A word by any of its ``names``, in plain letters (``j ai paye``).

    ``handle`` does what is asked in the text's own transaction; None: nothing, for a phone that the word isn't for.
    ``whole`` tells whether what is written behind the word is all that belongs there, and nothing else is. Answers are
    counted by their ``event``, and ``most_a_day`` go to a phone that we know.
    """

    names: tuple[str, ...]
    handle: Callable[[Unit, Tree, Asked], Reply | None]
    whole: Callable[[str], bool]
    event: str = ANSWER
    most_a_day: int = MOST_ANSWERS_A_DAY


@dataclass(frozen=True)
class Words:
    """All words that are listened to; ``otherwise`` writes the answer to what is none, or none for this phone."""

    words: Sequence[Word]
    otherwise: Callable[[Unit, Asked], str]

    def find(self, text: str) -> tuple[Word, str] | None:
        """The word that a text begins with, the longest that fits, and what is written behind it.

        Of two words with one name it is the one that what is written behind it belongs to, else the first. Where none
        fits, one slip is forgiven in a longer word, if only one can be meant.
        """
        text = text[:LONGEST_TEXT]
        written = plain(text)
        names = {name for word in self.words for name in word.names if _begins(written, name)}
        if names:
            name = max(names, key=len)
            rest = _behind(text, name)
            having = [word for word in self.words if name in word.names]
            return next((word for word in having if word.whole(rest)), having[0]), rest
        typed = _first_letters(written)
        if len(typed) < SHORTEST_WITH_SLIPS:
            return None
        rest = _behind(text, typed)
        near = [word for word in self.words if any(slipped(typed, name) for name in word.names)]
        meant = [word for word in near if word.whole(rest)] or near
        return (meant[0], rest) if len(meant) == 1 else None

    def is_one(self, text: str) -> bool:
        """Is the text a word with what belongs to it, and nothing else?"""
        found = self.find(text)
        return found is not None and found[0].whole(found[1])

    def take(self, unit: Unit, tree: Tree, sms: Sms) -> None:
        """Do what a text asks for, and answer it; nothing for one that was taken before."""
        take_turn(unit, f"sms:{sms.sender}")
        households = tuple(by_phone(unit.connection, tree, sms.sender))
        home = _home(tree, sms.sender, households)
        if home is None:
            log.info("an SMS from %s is kept: no network is in its country", mask_number(sms.sender))
            return
        language = _language(unit.connection, sms.sender, households) or home.languages[0]
        key = effect_key("sms", str(sms.notice_id))

        def do(unit: Unit) -> Outcome:
            word, rest = self.find(sms.text) or (None, "")
            asked = Asked(sms.sender, households, language, home, key, rest)
            reply = word.handle(unit, tree, asked) if word else None
            if word is not None and reply is not None:
                known = bool(households) or word.event != ANSWER
                _answer(unit, sms, asked, word.event, reply, word.most_a_day if known else MOST_TO_STRANGERS_A_DAY)
            else:
                _answer(unit, sms, asked, HELP, Reply(self.otherwise(unit, asked)), 1)
            return {}

        once_in(unit, key, "sms", do)


def _begins(written: str, name: str) -> bool:
    """Does a text begin with a name? A number may follow at once: ``paye11005237542``."""
    behind = written.removeprefix(name)
    return written.startswith(name) and (not behind or not behind[0].isalpha())


def _first_letters(written: str) -> str:
    """The letters that a text begins with."""
    return written[: next((place for place, one in enumerate(written) if not one.isalpha()), len(written))]


def slipped(typed: str, name: str) -> bool:
    """Is a name of one longer word meant, with one slip?"""
    return len(name) >= SHORTEST_WITH_SLIPS and " " not in name and one_slip(typed, name)


def _behind(text: str, name: str) -> str:
    """What is written behind the name that a text begins with, as it was written."""
    begin = next((place for place, letter in enumerate(text) if plain(letter)), 0)
    ends = (end for end in range(begin + 1, len(text) + 1) if plain(text[begin:end]) == name)
    end = next(ends, len(text))
    while end < len(text) and not plain(text[end]):
        end += 1
    return text[end:].strip()


def _home(tree: Tree, sender: str, households: Sequence[Household]) -> Organisation | None:
    """Who answers: the mutuelle of the phone's first household, else the network of its country."""
    if households:
        return tree.books_of(households[0].section_id)
    country = country_of(sender)
    return next((one for one in tree.by_id.values() if one.parent_id is None and one.country == country), None)


def _language(connection: Connection, sender: str, households: Sequence[Household]) -> str | None:
    """The language that the phone chose, or its household's, or the one that its holder works in."""
    chosen = connection.execute(*ask_language(sender)).scalar()
    if chosen:
        return str(chosen)
    spoken = [one.language for one in households] or [one.language for one in roles_of(connection, sender)]
    return next(filter(None, spoken), None)


def _answer(unit: Unit, sms: Sms, asked: Asked, event: str, reply: Reply, most: int) -> None:
    if not _may_answer(unit, sms.sender, event, reply.text, most):
        log.info("an SMS from %s isn't answered: it has had its answers", mask_number(sms.sender))
        return
    about = reply.household.id if reply.household else None
    key = f"{event}:{sms.notice_id}"
    language = reply.language or asked.language
    outgoing = Outgoing(event, sms.sender, language, reply.text, asked.home.id, about, key)
    queue_messages(unit, "replies", outgoing)


def _may_answer(unit: Unit, sender: str, event: str, text: str, most: int) -> bool:
    told = (message.c.msisdn == sender) & (message.c.event == event)
    today = told & (message.c.created_at > unit.now - DAY)
    if (unit.connection.scalar(select(func.count()).select_from(message).where(today)) or 0) >= most:
        return False
    lately = told & (message.c.text == text) & (message.c.created_at > unit.now - SAME_AFTER)
    return unit.connection.scalar(select(message.c.id).where(lately).limit(1)) is None
