"""What a campaign would be: how many are written to and how many aren't and why, parts, cost, and real examples."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, func, select

from gateway.kernel.clock import day_in
from gateway.network.organisations import Tree
from gateway.sms.campaigns.keeping import Campaign
from gateway.sms.campaigns.letters import Letter, write_letters
from gateway.sms.campaigns.progress import slices_of
from gateway.sms.campaigns.recipients import count_readers, numbers_after
from gateway.sms.campaigns.who import candidates, next_batch
from gateway.sms.costs import in_e4
from gateway.store.schema import message

T = TypeVar("T")
EXAMPLES = 3
SEEN_FOR_PRICE = 1_000


@dataclass
class Preview:
    """``price_e4``: what one part is expected to cost, zero where nobody knows.

    ``share``: below one where there was no time to go through everybody, and what is counted is scaled up from those
    who were looked at: about so many.
    """

    price_e4: int
    letters: int = 0
    parts: int = 0
    by_language: Counter[str] = field(default_factory=Counter)
    by_parts: Counter[int] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    texts: set[str] = field(default_factory=set)
    examples: list[Letter] = field(default_factory=list)
    longest: Letter | None = None
    shortest: Letter | None = None
    share: float = 1.0

    @property
    def cost_e4(self) -> int:
        """What it is expected to cost."""
        return self.parts * self.price_e4

    def as_json(self) -> dict[str, Any]:
        """What a campaign keeps of it when it is started."""
        return {
            "price_e4": self.price_e4,
            "letters": self.letters,
            "parts": self.parts,
            "cost_e4": self.cost_e4,
            "skipped": dict(self.skipped),
        } | ({"share": round(self.share, 4)} if self.share < 1 else {})


class _Row(NamedTuple):
    """As a message of the campaign would be."""

    id: uuid.UUID
    household_id: int | None
    msisdn: str
    language: str
    text: str


def preview(
    connection: Connection, tree: Tree, one: Campaign, now: datetime, price_e4: int, for_s: float | None = None
) -> Preview:
    """Go through everybody that a draft means, as they stand now, and write to nobody; holds some thousands at a time.

    What is counted may differ a little from what is sent: people pay meanwhile. With ``for_s`` it takes about so many
    seconds at most, and what it hasn't come to is reckoned from what it has.
    """
    found, begun = Preview(price_e4), time.monotonic()
    seen, looked = 0, 0
    for each in _rows(connection, tree, one, now):
        written = write_letters(connection, tree, one, each.rows, now)
        found.skipped.update(written.skipped.values())
        for letter in written.letters:
            _count(found, letter)
        looked, seen = looked + each.looked, each.last
        if for_s is not None and time.monotonic() - begun > for_s:
            left = _left(connection, tree, one, now, seen, looked)
            if left:
                _scale(found, looked / (looked + left))
            break
    return found


def _left(connection: Connection, tree: Tree, one: Campaign, now: datetime, seen: int, looked: int) -> int:
    """How many nobody has looked at yet."""
    if one.kind == "list":
        own = select(func.count()).select_from(message).where(message.c.campaign_id == one.id)
        return (connection.scalar(own) or 0) - looked
    if one.kind == "news":
        return count_readers(connection, tree, one.who, seen)
    return candidates(connection, tree, one.who, day_in(tree[one.organisation_id].time_zone, now), seen)


def _scale(found: Preview, share: float) -> None:
    found.share = share
    found.letters, found.parts = round(found.letters / share), round(found.parts / share)
    found.by_language = _scaled(found.by_language, share)
    found.by_parts = _scaled(found.by_parts, share)
    found.skipped = _scaled(found.skipped, share)


def _scaled(counted: Counter[T], share: float) -> Counter[T]:
    return Counter({key: round(count / share) for key, count in counted.items()})


def _count(found: Preview, letter: Letter) -> None:
    found.letters += 1
    found.parts += letter.parts
    found.by_language[letter.language] += 1
    found.by_parts[letter.parts] += 1
    if found.longest is None or len(letter.text) > len(found.longest.text):
        found.longest = letter
    if found.shortest is None or len(letter.text) < len(found.shortest.text):
        found.shortest = letter
    spoken = sum(each.language == letter.language for each in found.examples)
    if spoken < EXAMPLES and letter.text not in {each.text for each in found.examples}:
        found.examples.append(letter)


class _Some(NamedTuple):
    """Some rows, up to which id or number they go, and how many were looked at for them."""

    rows: Sequence[_Row]
    last: int
    looked: int


def _rows(connection: Connection, tree: Tree, one: Campaign, now: datetime) -> Iterator[_Some]:
    if one.kind == "list":
        own = select(message.c.id, message.c.household_id, message.c.msisdn, message.c.language, message.c.text)
        for part in slices_of(connection, one):
            some = connection.execute(own.where(part)).all()
            yield _Some([_Row(*row) for row in some], 0, len(some))
        return
    after = 0
    today = day_in(tree[one.organisation_id].time_zone, now)
    while True:
        if one.kind == "news":
            numbers = numbers_after(connection, tree, one.who, after)
            if not numbers:
                return
            after = int(numbers[-1][1:])
            yield _Some([_Row(uuid.uuid4(), None, each, "", "") for each in numbers], after, len(numbers))
            continue
        batch = next_batch(connection, tree, one.who, today, after)
        if batch is None:
            return
        after = batch.last
        yield _Some([_Row(uuid.uuid4(), its_id, "", "", "") for its_id in batch.sections], after, batch.looked)


def price_of_part(connection: Connection, currency: str, setting: Decimal, of_setting: str) -> int:
    """What a part costs in a currency, in ten-thousandths: the mean of what aggregators took last, else the setting's.

    Zero where nobody knows: the setting (SMS_PRICE) is in the currency ``of_setting``.
    """
    last = (
        select(message.c.cost_e4, message.c.parts)
        .where(message.c.cost_currency == currency, message.c.cost_e4 > 0, message.c.parts > 0)
        .order_by(message.c.handed_at.desc())
        .limit(SEEN_FOR_PRICE)
        .subquery()
    )
    cost_e4, parts = connection.execute(select(func.sum(last.c.cost_e4), func.sum(last.c.parts))).one()
    if parts:
        return -(-int(cost_e4) // int(parts))
    return in_e4(setting) if currency == of_setting else 0
