"""Whoever runs a part of the network is told once, by SMS, that another system is told nothing more."""

from __future__ import annotations

from sqlalchemy import Connection

from gateway.exchange.webhooks.endpoints import Endpoint
from gateway.locale import Say
from gateway.network.organisations import Tree
from gateway.network.staff import Member, everybody
from gateway.sms.gsm7 import fold
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.store.unit import Unit

EVENT = "webhook_off"
MOST_TOLD = 5
_HOST_CHARACTERS = 40


def tell_disabled(unit: Unit, tree: Tree, one: Endpoint) -> int:
    """Queue a message to each of those who can mend it; how many there are."""
    place = tree[one.organisation_id]
    words = [
        Outgoing(
            EVENT,
            each.msisdn,
            language,
            fold(_text(Say(language), one)),
            each.organisation_id,
            None,
            f"{EVENT}:{one.id}:{unit.now.timestamp():.0f}:{each.id}",
        )
        for each in _keepers(unit.connection, tree, place.id)
        for language in (each.language or place.languages[0],)
    ]
    queue_messages(unit, "receipts", *words)
    return len(words)


def _text(say: Say, one: Endpoint) -> str:
    return say(
        "Webhook {number} to {host} is off: it took nothing. Ask its keeper, then add it anew.",
        number=one.id,
        host=one.host[:_HOST_CHARACTERS],
    )


def _keepers(connection: Connection, tree: Tree, organisation_id: int) -> list[Member]:
    """The administrators of the organisation, or of the nearest above it that has any; else its treasurers so."""
    there = everybody(connection)
    upward = [each.id for each in tree.upward(organisation_id)]
    for role in ("administrator", "treasurer"):
        for its_id in upward:
            found = {each.msisdn: each for each in there if each.organisation_id == its_id and each.role == role}
            if found:
                return list(found.values())[:MOST_TOLD]
    return []
