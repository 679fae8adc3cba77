"""Guests: those who read a campaign's text on their own phones before anybody else does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from gateway.locale import mark
from gateway.network.organisations import Organisation, Tree
from gateway.sms.campaigns.keeping import BadCampaign, Campaign, tell
from gateway.sms.campaigns.letters import Letter
from gateway.sms.outgoing import Outgoing, in_key, queue_messages
from gateway.store.or_set import or_set
from gateway.store.schema import sms_guest
from gateway.store.unit import Unit

EVENT = "campaign_try"


@dataclass(frozen=True)
class Guest:
    """Somebody who tries texts; ``language`` None: the mutuelle's. ``organisation_id``: whose guest, once kept."""

    msisdn: str
    name: str
    language: str | None
    organisation_id: int | None = None


_KEEP = or_set(sms_guest, ("organisation_id", "msisdn"), "name", "language")


def invite(unit: Unit, organisation_id: int, guest: Guest) -> None:
    """Add a guest, or change their name and language."""
    row = {
        "organisation_id": organisation_id,
        "msisdn": guest.msisdn,
        "name": guest.name,
        "language": guest.language,
    }
    unit.connection.execute(_KEEP[unit.connection.dialect.name], row)


def dismiss(unit: Unit, organisation_id: int, msisdn: str) -> bool:
    """Take a guest away; False when there is none of that number."""
    own = (sms_guest.c.organisation_id == organisation_id) & (sms_guest.c.msisdn == msisdn)
    return unit.connection.scalar(delete(sms_guest).where(own).returning(sms_guest.c.msisdn)) is not None


def guests_of(connection: Connection, tree: Tree, place: Organisation) -> list[Guest]:
    """The guests of an organisation, and of those above it."""
    above = [one.id for one in tree.upward(place.id)]
    rows = connection.execute(
        select(sms_guest).where(sms_guest.c.organisation_id.in_(above)).order_by(sms_guest.c.name)
    )
    return list({row.msisdn: Guest(row.msisdn, row.name, row.language, row.organisation_id) for row in rows}.values())


def try_on(
    unit: Unit, one: Campaign, place: Organisation, guests: Sequence[Guest], examples: Sequence[Letter], by_name: str
) -> int:
    """Write an example to each guest, in their language where there is one; how many messages that are.

    Raises :class:`BadCampaign` where there are no guests, or nobody would be written to.
    """
    if not guests:
        raise BadCampaign(mark("there are no guests: gateway campaign guests add"))
    if not examples:
        raise BadCampaign(mark("nobody would be written to: there is no example"))
    outgoing = []
    for guest in guests:
        wanted = guest.language or place.languages[0]
        letter = next((each for each in examples if each.language == wanted), examples[0])
        key = f"{EVENT}:{one.id}:{in_key(f'{guest.msisdn}{unit.now.isoformat()}')}"
        outgoing.append(Outgoing(EVENT, guest.msisdn, letter.language, letter.text, place.id, None, key))
    queue_messages(unit, "replies", *outgoing)
    tell(unit, one.id, "tried", by_name, f"{len(outgoing)} {'guest' if len(outgoing) == 1 else 'guests'}")
    return len(outgoing)
