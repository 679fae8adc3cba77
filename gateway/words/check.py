"""``VERIFIER <card>`` by SMS, for the agents of health facilities: who of a card is covered today, and until when.

No PIN is sent by SMS, so people on the card are shown as to strangers: enough to know whoever shows it.
"""

from __future__ import annotations

from gateway.kernel.clock import day_in
from gateway.kernel.spelling import plain
from gateway.locale import Say
from gateway.membership.households import by_card
from gateway.membership.visits import who_is_covered
from gateway.network.organisations import Tree
from gateway.network.staff import roles_of
from gateway.services import Services
from gateway.sms.words import Asked, Reply, Word
from gateway.store.unit import Unit
from gateway.ussd.effects.doing import Doing
from gateway.ussd.effects.paying import LookUp
from gateway.ussd.screens.find import not_found
from gateway.words import names, texts
from gateway.words.whose import split_card, without_fillers

CHECKED = "sms_check"
MOST_CHECKS_A_DAY = 200  # more patients than a hospital's desk sees


def check_word(services: Services) -> Word:
    """The word that an agent sends with the card of a patient."""

    def handle(unit: Unit, tree: Tree, asked: Asked) -> Reply | None:
        return _check(services, unit, tree, asked)

    return Word(names.every(names.CHECK), handle, _is_a_card, CHECKED, MOST_CHECKS_A_DAY)


def _is_a_card(written: str) -> bool:
    before, card = split_card(without_fillers(plain(written)))
    return card is not None and not before


def _check(services: Services, unit: Unit, tree: Tree, asked: Asked) -> Reply | None:
    agent = next((one for one in roles_of(unit.connection, asked.sender) if one.role == "agent"), None)
    if agent is None:
        return None
    say, typed = Say(asked.language), " ".join(without_fillers(plain(asked.written)))
    works_for = tree[agent.organisation_id]
    doing = Doing(services, unit, asked.key, asked.sender, asked.language, works_for)
    found = LookUp(typed, agent.id).do(doing)
    if len(found.households) > 1:
        return Reply(texts.how_to_verify(say))
    household = by_card(unit.connection, tree, found.households[0].card) if found.households else None
    if household is None:
        return Reply(texts.nobody_checked(say, typed, not_found(found).said(say)))
    today = day_in(household.time_zone, unit.now)
    covered = who_is_covered(unit.connection, tree, household, today)
    return Reply(texts.checked(say, household.card, covered), household)
