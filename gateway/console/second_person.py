"""Two people for what one alone may not do: told apart by their logins too, however their names are written."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from gateway.console.person import Person
from gateway.store.schema import office_event


def asked_it(connection: Connection, who: Person, what: str, about: str, at: datetime) -> bool:
    """Did this very login ask for something (``refund.asked``) about a thing at this moment?

    What a page asks for and its event are written in one transaction, so they bear one moment. What was asked for
    elsewhere (the command line) has no login: there the names decide alone.
    """
    query = (
        select(office_event.c.login_id)
        .where(office_event.c.about == about, office_event.c.what == what, office_event.c.at == at)
        .order_by(office_event.c.id.desc())
        .limit(1)
    )
    return connection.scalar(query) == who.login_id
