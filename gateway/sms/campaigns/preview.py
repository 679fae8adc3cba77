"""What a campaign would be: how many are written to and how many aren't and why, parts, cost, and real examples."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from gateway.kernel.clock import day_in
from gateway.network.organisations import Tree
from gateway.sms.campaigns.keeping import Campaign
from gateway.sms.campaigns.letters import Letter, write_letters
from gateway.sms.campaigns.recipients import numbers_after
from gateway.sms.campaigns.who import next_batch
from gateway.sms.costs import in_e4
from gateway.store.schema import message

EXAMPLES = 3
SEEN_FOR_PRICE = 1_000


@dataclass
class Preview:
    """``price_e4``: what one part is expected to cost, zero where nobody knows."""

    price_e4: int
    letters: int = 0
    parts: int = 0
    by_language: Counter[str] = field(default_factory=Counter)
    by_parts: Counter[int] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    texts: set[str] = field(default_factory=set)
    examples: list[Letter] = field(default_factory=list)
    longest: Letter | None = None

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
        }


class _Row(NamedTuple):
    """As a message of the campaign would be."""

    id: uuid.UUID
    household_id: int | None
    msisdn: str
    language: str
    text: str


def preview(connection: Connection, tree: Tree, one: Campaign, now: datetime, price_e4: int) -> Preview:
    """Go through everybody that a draft means, as they stand now, and write to nobody; holds some thousands at a time.

    What is counted may differ a little from what is sent: people pay meanwhile.
    """
    found = Preview(price_e4)
    for rows in _rows(connection, tree, one, now):
        written = write_letters(connection, tree, one, rows, now)
        found.skipped.update(written.skipped.values())
        for letter in written.letters:
            _count(found, letter)
    return found


def _count(found: Preview, letter: Letter) -> None:
    found.letters += 1
    found.parts += letter.parts
    found.by_language[letter.language] += 1
    found.by_parts[letter.parts] += 1
    if found.longest is None or len(letter.text) > len(found.longest.text):
        found.longest = letter
    spoken = sum(each.language == letter.language for each in found.examples)
    if spoken < EXAMPLES and letter.text not in {each.text for each in found.examples}:
        found.examples.append(letter)


def _rows(connection: Connection, tree: Tree, one: Campaign, now: datetime) -> Iterator[Sequence[_Row]]:
    if one.kind == "list":
        own = select(message.c.id, message.c.household_id, message.c.msisdn, message.c.language, message.c.text)
        held = connection.execution_options(yield_per=1_000)
        for some in held.execute(own.where(message.c.campaign_id == one.id)).partitions():
            yield [_Row(*row) for row in some]
        return
    after = 0
    today = day_in(tree[one.organisation_id].time_zone, now)
    while True:
        if one.kind == "news":
            numbers = numbers_after(connection, tree, one.who, after)
            if not numbers:
                return
            after = int(numbers[-1][1:])
            yield [_Row(uuid.uuid4(), None, each, "", "") for each in numbers]
            continue
        batch = next_batch(connection, tree, one.who, today, after)
        if batch is None:
            return
        after = batch.last
        if batch.sections:
            yield [_Row(uuid.uuid4(), its_id, "", "", "") for its_id in batch.sections]


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
