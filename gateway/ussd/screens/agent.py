"""For the agent of a health facility: who of a card is covered today, by whom, until when; and a visit announced."""

from __future__ import annotations

from datetime import date

from gateway.locale import Say, mark
from gateway.membership.visits import OnCard
from gateway.ussd.effects.care import AnnounceVisit, VisitAnswer
from gateway.ussd.effects.paying import Found, LookUp, Seen
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, screen, word
from gateway.ussd.screens.find import not_found

COVERED = {"F": mark("{name}: she is covered until {date}."), "M": mark("{name}: he is covered until {date}.")}


@screen
class AgentDesk:
    """A patient's card, or a phone of the family."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        return Page(say("The patient's card number, or phone number?"))

    def take(self, typed: Typed, see: See) -> Do:
        return Do(LookUp(typed, self.staff))

    def done(self, outcome: Found, see: See) -> CoveredToday | WhichPatients | Again:
        if not outcome.households:
            return Again(not_found(outcome))
        if len(outcome.households) > 1:
            return WhichPatients(self.staff, outcome.households)
        return CoveredToday(self.staff, outcome.households[0].card)


@screen
class WhichPatients:
    """Several families have this phone number."""

    staff: int
    households: tuple[Seen, ...]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Which household?"), [one.name for one in self.households])

    def take(self, choice: Choice, see: See) -> CoveredToday:
        return CoveredToday(self.staff, self.households[choice - 1].card)


@screen
class CoveredToday:
    """Covered or not, first; then the mutuelle, and each who is covered today."""

    staff: int
    household: str

    def show(self, say: Say, see: See) -> Page:
        found = see.covered_today(self.household)
        if found is None:
            return Page(say("This card is not known."), [say("Another patient")])
        here = [one for one in found.people if one.covered]
        if not here:
            lines = [say("NOT covered today."), found.mutuelle]
            if found.resumes is not None:
                lines.append(say("Suspended: pay {amount}.", amount=found.resumes))
            starts = [one.covered_from for one in found.people if one.covered_from is not None]
            if starts:
                lines.append(say("Cover starts on {date}.", date=min(starts)))
            return Page("\n".join(lines), [say("Another patient")])
        lines = [say("COVERED until {date}.", date=found.until), found.mutuelle]
        later = [one for one in found.people if not one.covered]
        if later:
            lines.append(say("Not yet: {names}", names=", ".join(one.name for one in later)))
        lines.append(say("Who is here?"))
        return Page("\n".join(lines), [*(f"{one.name} {one.birth_year}" for one in here), say("Another patient")])

    def take(self, choice: Choice, see: See) -> ConfirmVisit | AgentDesk:
        found = see.covered_today(self.household)
        here = [one for one in found.people if one.covered] if found is not None else []
        if found is None or choice > len(here):
            return AgentDesk(self.staff)
        return ConfirmVisit(self.staff, self.household, here[choice - 1], found.mutuelle, found.until)


@screen
class ConfirmVisit:
    """The person once more; this answer announces the visit."""

    staff: int
    household: str
    person: OnCard
    mutuelle: str
    until: date | None

    def show(self, say: Say, see: See) -> Page:
        covered = (
            mark("{name}: she is covered until {date}.")
            if self.person.sex == "F"
            else mark("{name}: he is covered until {date}.")
        )
        lines = [say(covered, name=self.person.name, date=self.until), self.mutuelle]
        return Page("\n".join(lines), [say("Announce the visit"), say("Another patient")])

    def take(self, choice: Choice, see: See) -> Do | AgentDesk:
        if choice == 2:
            return AgentDesk(self.staff)
        return Do(AnnounceVisit(self.staff, self.household, self.person.id))

    def done(self, outcome: VisitAnswer, see: See) -> VisitAnnounced | Again:
        match outcome.refused:
            case "":
                return VisitAnnounced(self.staff, outcome.number, self.person.name)
            case "no-agreement":
                return Again(word("Your facility has no agreement in force. Call the mutuelle."))
        return Again(word("No longer covered. Nothing was announced."))


@screen
class VisitAnnounced:
    """The authorisation number, to write on the care certificate."""

    staff: int
    number: str
    name: str

    def show(self, say: Say, see: See) -> Page:
        lines = [say("Visit number {number}", number=self.number), self.name, say("Write it on the care certificate.")]
        return Page("\n".join(lines), [say("Another patient"), say("Home")])

    def take(self, choice: Choice, see: See) -> AgentDesk | GoHome:
        return AgentDesk(self.staff) if choice == 1 else GoHome()
