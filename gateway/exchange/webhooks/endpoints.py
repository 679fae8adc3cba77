"""Addresses of other systems that want to be told: whose they are, of what they are told, and the secret they check.

The secret is shown once and kept sealed with SECRET_KEY: under another one nothing can be signed for them, and each
needs a new secret. A new one may be made at any time: what it takes the place of signs along for :data:`SIGNS_ALONG`,
so that whoever checks has time to change over.
"""

from __future__ import annotations

import base64
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
SIGNS_ALONG = timedelta(hours=24)
MOST_EARLIER = 2  # so many more are sealed in one column
MOST_OF_ONE = 20
LONGEST_URL = 300
DISABLED = mark("this address is disabled: add it anew")


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
    secret = _new_secret()
    values = {
        "organisation_id": place.id,
        "url": url,
        "events": sorted(events),
        "secret": _Secrets(secret).sealed(keys, unit.now),
        "made_at": unit.now,
        "made_by": by_name,
    }
    made = unit.connection.scalar(insert(webhook).values(values).returning(webhook.c.id))
    assert made is not None
    return made, secret


def rotate(unit: Unit, keys: Keys, its_id: int) -> str:
    """Give an endpoint a new secret, which is never seen again; those before sign along for :data:`SIGNS_ALONG`.

    Raises :class:`BadWebhook` where it is disabled, or :data:`MOST_EARLIER` earlier ones sign along already.
    """
    row = unit.connection.execute(
        select(webhook.c.secret, webhook.c.disabled_at).where(webhook.c.id == its_id).with_for_update()
    ).one()
    if row.disabled_at is not None:
        raise BadWebhook(DISABLED)
    held = _read_secrets(keys, row.secret, unit.now)
    made = _Secrets(_new_secret())
    if held is not None:
        earlier = held.in_force(unit.now).earlier
        if len(earlier) >= MOST_EARLIER:
            raise BadWebhook(mark("two earlier secrets still sign along: a day after the first it can have another"))
        made = _Secrets(made.newest, ((held.newest, unit.now + SIGNS_ALONG), *earlier))
    unit.connection.execute(update(webhook).where(webhook.c.id == its_id).values(secret=made.sealed(keys, unit.now)))
    return made.newest


def secrets_of(connection: Connection, keys: Keys, its_id: int, now: datetime) -> tuple[str, ...]:
    """The secrets that sign for an endpoint, the newest first; none where it was sealed under another SECRET_KEY."""
    sealed = connection.scalar(select(webhook.c.secret).where(webhook.c.id == its_id))
    found = _read_secrets(keys, str(sealed), now)
    return (found.newest, *(one for one, _ in found.in_force(now).earlier)) if found is not None else ()


def forget_earlier(unit: Unit, keys: Keys) -> int:
    """Throw away the secrets that sign along no longer; of how many endpoints."""
    forgotten = 0
    for its_id, sealed in unit.connection.execute(select(webhook.c.id, webhook.c.secret)).all():
        found = _read_secrets(keys, sealed, unit.now)
        if found is None or found.in_force(unit.now) == found:
            continue
        own = (webhook.c.id == its_id) & (webhook.c.secret == sealed)  # unless it was given another meanwhile
        left = found.in_force(unit.now).sealed(keys, unit.now)
        forgotten += unit.connection.execute(update(webhook).where(own).values(secret=left)).rowcount
    return forgotten


@dataclass(frozen=True)
class _Secrets:
    """What is sealed in the column: the newest secret, and the earlier ones with the moments until which they sign."""

    newest: str
    earlier: tuple[tuple[str, datetime], ...] = ()

    def in_force(self, now: datetime) -> _Secrets:
        return _Secrets(self.newest, tuple(one for one in self.earlier if now < one[1]))

    def sealed(self, keys: Keys, now: datetime) -> str:
        earlier = [[secret, math.ceil(until.timestamp())] for secret, until in self.earlier]
        return keys.seal(_PURPOSE, [self.newest, *earlier], now)


def _read_secrets(keys: Keys, sealed: str, now: datetime) -> _Secrets | None:
    """What a column holds: a list, or the one secret of an endpoint that was made before they could be changed."""
    found = keys.unseal(_PURPOSE, sealed, now)
    if isinstance(found, str):
        return _Secrets(found)
    if not isinstance(found, list):
        return None
    newest, *earlier = found
    return _Secrets(newest, tuple((secret, datetime.fromtimestamp(until, UTC)) for secret, until in earlier))


def _new_secret() -> str:
    return SECRET_BEGINS + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


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
