"""Addresses of other systems that want to be told: whose they are, of what they are told, and the secret they check.

The secret is shown once and kept sealed with SECRET_KEY: under another one nothing can be signed for them, and each
needs a new secret.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, delete, insert, select, update

from gateway.kernel.faults import Fault
from gateway.kernel.sealing import Keys
from gateway.locale import mark
from gateway.network.organisations import Organisation
from gateway.store.schema import organisation, webhook, webhook_mark
from gateway.store.unit import Unit

SECRET_BEGINS = "whsec_"  # as Standard Webhooks has it, so that its libraries read ours
_SECRET_BYTES = 32
_PURPOSE = "webhook"
MOST_OF_ONE = 20
LONGEST_URL = 300


class Event(StrEnum):
    """What others can be told of."""

    PAYMENT_POSTED = "payment.posted"
    PAYMENT_REVERSED = "payment.reversed"
    HOUSEHOLD_REGISTERED = "household.registered"
    HOUSEHOLD_CHANGED = "household.changed"
    VISIT_ANNOUNCED = "visit.announced"
    COMPLAINT_OPENED = "complaint.opened"
    TEST = "webhook.test"


# The same for people; a test is nobody's choice.
EVENTS: Mapping[Event, str] = {
    Event.PAYMENT_POSTED: mark("A payment was posted"),
    Event.PAYMENT_REVERSED: mark("A payment was taken back"),
    Event.HOUSEHOLD_REGISTERED: mark("A household was registered"),
    Event.HOUSEHOLD_CHANGED: mark("A household changed"),
    Event.VISIT_ANNOUNCED: mark("A visit was announced"),
    Event.COMPLAINT_OPENED: mark("A complaint came in"),
}


class BadWebhook(Fault):
    """No endpoint can be made or changed so."""


@dataclass(frozen=True)
class Endpoint:
    """An address as it stands. ``disabled_because``: why nothing goes there any more; None while it does.

    ``failed_at``: when the last try came to nothing, and of which delivery; None where it was taken.
    """

    id: int
    organisation_id: int
    path: str
    url: str
    events: frozenset[Event]
    made_at: datetime
    made_by: str
    disabled_at: datetime | None
    disabled_because: str | None
    failed_at: datetime | None
    failed_key: str | None

    @property
    def host(self) -> str:
        """What may be shown and logged of the address: its path may hold somebody's token."""
        return urlsplit(self.url).hostname or ""


def read_url(typed: str, *, private: bool) -> str:
    """An address that others can be told at; ``private``: http and this network's own addresses are let through."""
    url = typed.strip()
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadWebhook(mark("this is no address: give one such as https://example.org/cotisa")) from None
    if len(url) > LONGEST_URL or not parts.hostname or port == 0 or not url.isascii() or any(map(str.isspace, url)):
        raise BadWebhook(mark("this is no address: give one such as https://example.org/cotisa"))
    if parts.username or parts.password or parts.fragment:
        raise BadWebhook(mark("an address with a password or a # in it can't be used"))
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        raise BadWebhook(mark("the address must begin with https://"))
    return url


def read_events(typed: Sequence[str]) -> frozenset[Event]:
    """What somebody wants to be told of; raises :class:`BadWebhook` for what nobody can be told."""
    known = {event.value: event for event in EVENTS}
    unknown = [one for one in typed if one not in known]
    if unknown or not typed:
        raise BadWebhook(
            mark("no event {event}: there are {known}"), event=", ".join(unknown) or "-", known=", ".join(known)
        )
    return frozenset(known[one] for one in typed)


def add(
    unit: Unit, keys: Keys, place: Organisation, url: str, events: frozenset[Event], by_name: str
) -> tuple[int, str]:
    """An endpoint of an organisation, told of what happens there and below from now on: its id, and its secret.

    The secret is never seen again. Raises :class:`BadWebhook` where there are too many already.
    """
    held = select(webhook.c.id).where(webhook.c.organisation_id == place.id, webhook.c.disabled_at.is_(None))
    unit.connection.execute(select(organisation.c.id).where(organisation.c.id == place.id).with_for_update())
    if len(unit.connection.execute(held).all()) >= MOST_OF_ONE:
        raise BadWebhook(
            mark("{name} has {most} addresses already: disable one first"), name=place.name, most=MOST_OF_ONE
        )
    if unit.connection.scalar(select(webhook.c.id).where(webhook.c.disabled_at.is_(None)).limit(1)) is None:
        unit.connection.execute(delete(webhook_mark))  # nobody followed for a while: begin where things are now
    secret = SECRET_BEGINS + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
    values = {
        "organisation_id": place.id,
        "url": url,
        "events": sorted(events),
        "secret": keys.seal(_PURPOSE, secret, unit.now),
        "made_at": unit.now,
        "made_by": by_name,
    }
    made = unit.connection.scalar(insert(webhook).values(values).returning(webhook.c.id))
    assert made is not None
    return made, secret


def secret_of(connection: Connection, keys: Keys, its_id: int, now: datetime) -> str | None:
    """The secret by which an endpoint checks what it gets; None where it was sealed under another SECRET_KEY."""
    sealed = connection.scalar(select(webhook.c.secret).where(webhook.c.id == its_id))
    found = keys.unseal(_PURPOSE, str(sealed), now)
    return found if isinstance(found, str) else None


def disable(unit: Unit, its_id: int, because: str) -> bool:
    """Send nothing more to an endpoint; False where nothing went there anyway."""
    done = unit.connection.execute(
        update(webhook)
        .where(webhook.c.id == its_id, webhook.c.disabled_at.is_(None))
        .values(disabled_at=unit.now, disabled_because=because[:80])
    )
    return bool(done.rowcount)


_ASKED = select(webhook, organisation.c.path).join(organisation, organisation.c.id == webhook.c.organisation_id)


def by_id(connection: Connection, its_id: int) -> Endpoint | None:
    """The endpoint of this number, disabled or not."""
    row = connection.execute(_ASKED.where(webhook.c.id == its_id)).first()
    return _read(row) if row is not None else None


def below(connection: Connection, path: str, *, with_disabled: bool = True) -> list[Endpoint]:
    """The endpoints of an organisation and of those below it, the oldest first."""
    which = _ASKED.where(organisation.c.path.startswith(path, autoescape=True))
    if not with_disabled:
        which = which.where(webhook.c.disabled_at.is_(None))
    return [_read(row) for row in connection.execute(which.order_by(webhook.c.id))]


def _read(row: Row[Any]) -> Endpoint:
    return Endpoint(
        row.id,
        row.organisation_id,
        row.path,
        row.url,
        frozenset(map(Event, row.events)),
        row.made_at,
        row.made_by,
        row.disabled_at,
        row.disabled_because,
        row.failed_at,
        row.failed_key,
    )
