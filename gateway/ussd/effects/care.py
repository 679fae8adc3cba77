"""A health facility announces a visit: a number for the facility, and a word to the household's own mutuelle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gateway.locale import Say
from gateway.membership import visits
from gateway.network import facilities
from gateway.sms import notices
from gateway.ussd.effects.doing import Doing


@dataclass(frozen=True)
class VisitAnswer:
    """The authorisation number, or a stable word why there is none."""

    number: str = ""
    refused: str = ""


@dataclass(frozen=True)
class AnnounceVisit:
    """Somebody who is covered is at a facility now."""

    OUTCOME: ClassVar[type] = VisitAnswer
    QUIET: ClassVar[bool] = False

    staff: int
    household: str
    beneficiary_id: int

    def do(self, doing: Doing) -> VisitAnswer:
        member = doing.staff(self.staff, "agent")
        household = doing.household(self.household)
        made = visits.announce(doing.unit, doing.tree, member, household, self.beneficiary_id)
        if isinstance(made, visits.NotCovered):
            return VisitAnswer(refused=made.because)
        if not made.known:
            home = doing.tree.books_of(household.section_id)
            at = facilities.by_id(doing.unit.connection, member.facility_id or 0)
            for msisdn, language in visits.to_tell(doing.unit.connection, doing.tree, home.id):
                text = notices.visit(Say(language), made.number, made.person, at.name)
                doing.tell("visit", msisdn, language, text, home.id, household.id)
        return VisitAnswer(made.number)
