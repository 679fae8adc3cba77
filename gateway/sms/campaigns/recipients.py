"""Those who are written to by number and not as a household: the readers of news."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from gateway.network.organisations import Tree
from gateway.sms.campaigns.who import BATCH, Who
from gateway.store.schema import news_reader, organisation


def numbers_after(connection: Connection, tree: Tree, who: Who, after: int, most: int = BATCH) -> list[str]:
    """The next readers of the news of an organisation and what is below it, each once, in order of their numbers.

    ``after`` is the last number seen, without its plus. Who reads the news of a mutuelle gets its union's too; who
    reads the union's gets none of a single mutuelle.
    """
    next_ones = news_reader.c.msisdn > f"+{after}" if after else news_reader.c.msisdn > ""
    query = _readers(tree, who).where(next_ones).order_by(news_reader.c.msisdn).limit(most)
    return list(connection.scalars(query))


def count_readers(connection: Connection, tree: Tree, who: Who, after: int) -> int:
    """How many readers there are after a number."""
    rest = _readers(tree, who).where(news_reader.c.msisdn > f"+{after}").subquery()
    return connection.scalar(select(func.count()).select_from(rest)) or 0


def still_readers(connection: Connection, tree: Tree, who: Who, numbers: Sequence[str]) -> set[str]:
    """Which of some numbers still want these news."""
    return set(connection.scalars(_readers(tree, who).where(news_reader.c.msisdn.in_(numbers))))


def _readers(tree: Tree, who: Who) -> Select[Any]:
    return (
        select(news_reader.c.msisdn)
        .join(organisation, organisation.c.id == news_reader.c.organisation_id)
        .where(news_reader.c.ended_at.is_(None), organisation.c.path.like(f"{tree.named(who.under).path}%"))
        .distinct()
    )
