"""An operator's SMS that a treasurer's phone forwards to us is taken for what it says.

What arrives is evidence from a person, not from the operator: only a treasurer's phone is listened to, the money is
taken into that treasurer's books, and the stored notice stays beside it. What can't be read to the last figure is left
to a person.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from gateway.kernel.masking import mask_number
from gateway.ledger.chart import Chart
from gateway.membership.households import by_phone
from gateway.network.organisations import Network, Tree
from gateway.network.staff import roles_of
from gateway.payments.decisions.cases import Case, open_case
from gateway.payments.unasked.incoming import Known, Posted, Seen, Suspense, see
from gateway.payments.unasked.operator_sms import Read, Text, Unread, built_in, plain_text, read_sms
from gateway.sms.words import Sms, Words, read_inbound
from gateway.store.outbox import Task
from gateway.store.unit import Store, Unit

log = logging.getLogger(__name__)

# An operator's SMS that is older than this tells of a payment that a statement should have told of.
OLDEST = timedelta(days=31)


@dataclass(frozen=True)
class Forwarded:
    """The handler of the outbox's ``sms.read``; the task's subject is the notice's id.

    A treasurer's text is an operator's SMS, or one for a person to read; only where it is one of the ``words`` with
    what belongs to it, and the treasurer is a member too, it is a member's. Other phones' texts are words, where any
    are listened to.
    """

    store: Store
    network: Network
    chart: Chart
    texts: Sequence[Text] = field(default_factory=built_in)
    words: Words | None = None

    def __call__(self, task: Task) -> timedelta | None:
        with self.store.write() as unit:
            sms = read_inbound(unit.connection, int(task.subject))
            if sms is not None:
                self._read(unit, self.network.tree(), sms)
        return None

    def _read(self, unit: Unit, tree: Tree, sms: Sms) -> None:
        books = _kept_by(unit, tree, sms.sender)
        if books and not self._is_a_members_word(unit, tree, sms, books):
            _read_forwarded(unit, tree, self.chart, sms, books, self.texts)
        elif self.words is not None:
            self.words.take(unit, tree, sms)
        else:
            log.info("an SMS from %s is kept: it is from no treasurer", mask_number(sms.sender))

    def _is_a_members_word(self, unit: Unit, tree: Tree, sms: Sms, books: Sequence[int]) -> bool:
        """Whether a treasurer, who is a member too, writes for their own household."""
        if self.words is None or not self.words.is_one(sms.text):
            return False
        if any(isinstance(read_sms(sms.text, tree[each], self.texts), Read) for each in books):
            return False
        return bool(by_phone(unit.connection, tree, sms.sender))


def _kept_by(unit: Unit, tree: Tree, sender: str) -> list[int]:
    """The organisations whose books the holder of a phone keeps as a treasurer, by id."""
    offices = [one.organisation_id for one in roles_of(unit.connection, sender) if one.role == "treasurer"]
    return sorted({tree.books_of(each).id for each in offices})


def _read_forwarded(
    unit: Unit, tree: Tree, chart: Chart, sms: Sms, books: Sequence[int], texts: Sequence[Text]
) -> Posted | Suspense | Known | Unread:
    text = sms.text
    if len(books) > 1:
        return _for_a_person(unit, books[0], text, sms.notice_id, "whoever forwarded it keeps several books")
    said = read_sms(text, tree[books[0]], texts)
    if isinstance(said, Unread):
        return _for_a_person(unit, books[0], text, sms.notice_id, said.why)
    # An operator's clock that is ahead of ours gives nobody a day that hasn't come.
    paid_at = min(said.paid_at or sms.received_at, sms.received_at)
    if sms.received_at - paid_at > OLDEST:
        return _for_a_person(unit, books[0], text, sms.notice_id, "it is more than a month old")
    seen = Seen(
        said.operator,
        said.operator_id,
        books[0],
        said.amount,
        said.payer,
        said.reference,
        paid_at,
        sms.notice_id,
        said.fee,
    )
    return see(unit, tree, chart, seen)


def unread(connection: Connection, case: Case) -> Sms | None:
    """The SMS that a case is about, as it came; None for any other case."""
    named = re.match(r"notice (\d+): ", case.said) if case.kind == "unread-sms" else None
    return read_inbound(connection, int(named[1])) if named else None


def _for_a_person(unit: Unit, books_id: int, text: str, notice_id: int, why: str) -> Unread:
    """A case for what can't be read, once for each text, however often it is forwarded."""
    digest = hashlib.blake2b(plain_text(text).casefold().encode(), digest_size=16).hexdigest()
    open_case(unit, "unread-sms", books_id, None, None, f"notice {notice_id}: {why}", f"unread-sms:{books_id}:{digest}")
    return Unread(why)
