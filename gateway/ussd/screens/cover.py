"""My cover: the state and its date first, then what is left to pay, then everybody who is covered, by name."""

from __future__ import annotations

from gateway.locale import Say
from gateway.membership.households import Household, Standing
from gateway.membership.people import Beneficiary
from gateway.membership.rules import State
from gateway.ussd.pages import Page
from gateway.ussd.screen import Choice, See, screen
from gateway.ussd.screens.family import RenewYear
from gateway.ussd.screens.pay import PayWhat, pay_what


def cover_line(say: Say, standing: Standing) -> str:
    """The state of cover in one short sentence, with the date that matters."""
    cover = standing.cover
    if cover.state.covered:
        if standing.must_renew:
            return say("Covered until {date}. Renew before then.", date=cover.until)
        if cover.state is State.ACTIVE or not standing.left:
            return say("Covered until {date}.", date=cover.until)
        return say("Covered until {date}. Pay before then.", date=cover.until)
    if cover.state is State.WAITING:
        return say("Cover starts on {date}.", date=cover.begins_on)
    if cover.state is State.LAPSED:
        return say("Your year is over. Renew to be covered.")
    if cover.state is State.SUSPENDED:
        return say("Cover is suspended. Pay {amount} to resume it.", amount=standing.due)
    if cover.state is State.UNPAID:
        # What is due at once mostly covers what cover needs: then one figure stands here and where one pays.
        needed = max(standing.to_start, standing.due)
        return say("Not covered yet. Pay {amount} to start.", amount=needed)
    return say("Not covered: no membership this year.")


@screen
class MyCover:
    """A household's cover."""

    household: Household

    @property
    def card(self) -> str:
        return self.household.card

    def show(self, say: Say, see: See) -> Page:
        standing, people = see.standing_and_roster(self.household)
        lines = [cover_line(say, standing), say("Card {card}", card=say.card(self.household.card))]
        lines.append(say("Left to pay: {amount}", amount=standing.left) if standing.left else say("All is paid."))
        if standing.advance:
            lines.append(say("In advance: {amount}.", amount=standing.advance))
        if standing.left and standing.cover.due_on:
            lines.append(
                say("Next: {amount} by {date}", amount=standing.due, date=max(standing.cover.due_on, see.today))
            )
        lines.append(say.many("{count} person covered:", "{count} people covered:", len(people)))
        lines.extend(_on_card(say, one, standing, see) for one in people)
        labels = {
            "pay": say("Pay") if standing.left else say("Pay in advance"),
            "renew": say("Renew for a new year"),
        }
        return Page("\n".join(lines), [labels[each] for each in _choices(standing)])

    def take(self, choice: Choice, see: See) -> PayWhat | RenewYear:
        choices = _choices(see.standing_and_roster(self.household)[0])
        # Another phone of the family may have renewed meanwhile: the screen of the new year says so.
        if choice > len(choices) or choices[choice - 1] == "renew":
            return RenewYear(self.card)
        return pay_what(self.household, see)


def _choices(standing: Standing) -> list[str]:
    """Paying and, where it is time, renewing: first of all where only that helps."""
    if not standing.renewable:
        return ["pay"]
    return ["renew", "pay"] if standing.must_renew else ["pay", "renew"]


def _on_card(say: Say, one: Beneficiary, standing: Standing, see: See) -> str:
    """Somebody's name, with why they aren't covered like the others, where that is so."""
    if one.id in standing.unpaid:
        return say("{name}, not yet paid", name=one.name)
    if one.covered_from is not None and one.covered_from > see.today:
        return say("{name}, from {date}", name=one.name, date=one.covered_from)
    return one.name
