"""Who asked for news: of a mutuelle, a union or a whole network, member or not; whoever has stopped SMS gets none."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from gateway.store.if_new import if_new
from gateway.store.schema import news_reader
from gateway.store.unit import Unit

_NEW = if_new(news_reader, "msisdn", "organisation_id")


def subscribe(unit: Unit, msisdn: str, organisation_id: int) -> bool:
    """Let a phone have the news of an organisation, and of those above it; False where it has them already."""
    row = {"msisdn": msisdn, "organisation_id": organisation_id, "since": unit.now}
    if unit.connection.scalar(_NEW[unit.connection.dialect.name], row) is not None:
        return True
    own = (news_reader.c.msisdn == msisdn) & (news_reader.c.organisation_id == organisation_id)
    ended = own & news_reader.c.ended_at.is_not(None)
    again = unit.connection.execute(update(news_reader).where(ended).values(since=unit.now, ended_at=None))
    return again.rowcount == 1


def unsubscribe(unit: Unit, msisdn: str) -> bool:
    """End all news to a phone; False where it had none."""
    own = (news_reader.c.msisdn == msisdn) & news_reader.c.ended_at.is_(None)
    return unit.connection.execute(update(news_reader).where(own).values(ended_at=unit.now)).rowcount > 0


def news_of(connection: Connection, msisdn: str) -> list[int]:
    """The organisations whose news a phone has asked for."""
    own = (news_reader.c.msisdn == msisdn) & news_reader.c.ended_at.is_(None)
    return list(connection.scalars(select(news_reader.c.organisation_id).where(own).order_by(news_reader.c.since)))
