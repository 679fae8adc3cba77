"""The animator's work on a basic phone: families registered and served, who is due, cash on its way, calls to make."""

from __future__ import annotations

from gateway.kernel.money import Money
from gateway.kernel.msisdn import BadMsisdn, read_msisdn, show_national
from gateway.locale import Say
from gateway.membership.arrears import DueRow
from gateway.membership.requests import Request
from gateway.ussd.effects.cash import HandedOver, HandOver
from gateway.ussd.effects.family import AddPhone, PhoneAdded
from gateway.ussd.effects.paying import Found, LookUp, Seen
from gateway.ussd.effects.pins import DropPin, PinAnswer
from gateway.ussd.effects.requests import CallDone, Called
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, screen, word
from gateway.ussd.screens.cash import CashWhat, cash_what
from gateway.ussd.screens.family import MyFamily, my_family
from gateway.ussd.screens.find import not_found
from gateway.ussd.screens.register import RegisterFor


@screen
class AnimatorDesk:
    """What an animator does from the field."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        return Page(
            say("Animator's work"),
            [
                say("A family: cash, changes"),
                say("Register a family"),
                say("Who is due this month"),
                say("Collected today"),
                say("Calls to make"),
            ],
        )

    def take(self, choice: Choice, see: See) -> FindFamily | RegisterFor | DueHere | CollectedToday | CallsToMake:
        match int(choice):
            case 1:
                return FindFamily(self.staff)
            case 2:
                return RegisterFor(self.staff)
            case 3:
                return DueHere(self.staff)
            case 4:
                return CollectedToday(self.staff)
        return CallsToMake(self.staff)


# --- one family -------------------------------------------------------------------------------------------------------


@screen
class FindFamily:
    """A family of one's own office."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Card number or phone number of the family?"))

    def take(self, typed: Typed, see: See) -> Do:
        return Do(LookUp(typed, self.staff))

    def done(self, outcome: Found, see: See) -> FamilyDesk | WhichFamily | Again:
        own = tuple(one for one in outcome.households if see.is_mine(self.staff, one.card))
        if not own:
            if outcome.households:
                return Again(word("This family belongs to another office."))
            return Again(not_found(outcome))
        return FamilyDesk(self.staff, own[0].card) if len(own) == 1 else WhichFamily(self.staff, own)


@screen
class WhichFamily:
    """Several families have this phone number."""

    staff: int
    households: tuple[Seen, ...]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Which household?"), [one.name for one in self.households])

    def take(self, choice: Choice, see: See) -> FamilyDesk:
        return FamilyDesk(self.staff, self.households[choice - 1].card)


@screen
class FamilyDesk:
    """Everything that staff do for a family."""

    staff: int
    household: str

    def show(self, say: Say, see: See) -> Page:
        one = see.household(self.household)
        name = one.head if one is not None else ""
        choices = [
            say("Take cash"),
            say("The family, renewal"),
            say("Give it a phone"),
            say("Remove its PIN"),
        ]
        text = say("{name}, card {card}", name=name, card=say.card(self.household))
        if see.unreachable(self.household):
            text = "\n".join((text, say("SMS do not reach this family.")))
        return Page(text, choices)

    def take(self, choice: Choice, see: See) -> CashWhat | MyFamily | GivePhone | ForgetPin | GoHome:
        household = see.household(self.household)
        if household is None:
            return GoHome()
        match int(choice):
            case 1:
                return cash_what(self.staff, household, see)
            case 2:
                return my_family(self.household, see, self.staff)
            case 3:
                return GivePhone(self.staff, self.household)
        return ForgetPin(self.staff, self.household)


@screen
class GivePhone:
    """Another phone of the family, or its first."""

    staff: int
    household: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("The family's phone number?"))

    def take(self, typed: Typed, see: See) -> ConfirmPhone | Again:
        try:
            return ConfirmPhone(self.staff, self.household, read_msisdn(typed, see.root.country))
        except BadMsisdn:
            return Again(
                word("This is not a mobile number. Write it like {example}.", example=show_national(see.caller))
            )


@screen
class ConfirmPhone:
    """The number once more: whoever has that phone will see the family's cover."""

    staff: int
    household: str
    phone: str

    def show(self, say: Say, see: See) -> Page:
        one = see.household(self.household)
        name = one.head if one is not None else ""
        return Page(say("{phone} for {name}?", phone=show_national(self.phone), name=name), [say("Yes"), say("No")])

    def take(self, choice: Choice, see: See) -> Do | FamilyDesk:
        return (
            Do(AddPhone(self.household, self.phone, self.staff))
            if choice == 1
            else FamilyDesk(self.staff, self.household)
        )

    def done(self, outcome: PhoneAdded, see: See) -> GoHome:
        return GoHome(word("They had this phone already.") if outcome.known else word("The phone is theirs now."))


@screen
class ForgetPin:
    """A household that has forgotten its PIN does without one until it chooses another."""

    staff: int
    household: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Remove this household's PIN? They are told by SMS."), [say("Yes, remove it"), say("No")])

    def take(self, choice: Choice, see: See) -> Do | FamilyDesk:
        return Do(DropPin(self.household, self.staff)) if choice == 1 else FamilyDesk(self.staff, self.household)

    def done(self, outcome: PinAnswer, see: See) -> GoHome:
        return GoHome(word("The PIN is removed."))


# --- the section ------------------------------------------------------------------------------------------------------


@screen
class DueHere:
    """Who has something to pay by the end of the month, the longest due first."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        due = see.due_this_month(self.staff)
        if not due:
            return Page(say("Nobody is due this month."), [say("Home")])
        counted = say.many("{count} family is due:", "{count} families are due:", len(due))
        unreachable = see.unreachable(*(one.card for one in due))
        return Page(counted, [self._row(say, one, one.card in unreachable) for one in due])

    @staticmethod
    def _row(say: Say, one: DueRow, unreachable: bool) -> str:
        phone = f" {show_national(one.msisdn)}" if one.msisdn else ""
        row = f"{one.head} {say.show(one.amount)}{phone}"
        return say("{family} (no SMS gets there)", family=row) if unreachable else row

    def take(self, choice: Choice, see: See) -> FamilyDesk | DueHere | GoHome:
        due = see.due_this_month(self.staff)
        if choice > len(due):  # somebody has paid meanwhile
            return DueHere(self.staff) if due else GoHome(word("Nobody is due this month."))
        return FamilyDesk(self.staff, due[choice - 1].card)


@screen
class CollectedToday:
    """What one took today, and what one still has to hand over."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        today, held = see.collected_today(self.staff), see.held(self.staff)
        lines = [say.many("Today: {count} receipt.", "Today: {count} receipts.", len(today.payments))]
        lines += [say("In all: {amount}", amount=amount) for amount in today.totals]
        lines += [say("With you: {amount}", amount=amount) for amount in held]
        return Page("\n".join(lines), [say("Hand over to the treasurer") if held else say("Home")])

    def take(self, choice: Choice, see: See) -> ConfirmHandOver | GoHome:
        held = see.held(self.staff)
        return ConfirmHandOver(self.staff, tuple(held)) if held else GoHome()


@screen
class ConfirmHandOver:
    """All that one holds goes to the treasurer, who confirms it on another phone."""

    staff: int
    held: tuple[Money, ...]

    def show(self, say: Say, see: See) -> Page:
        amounts = ", ".join(say.show(amount) for amount in self.held)
        return Page(say("Hand over {amounts} to your treasurer?", amounts=amounts), [say("Yes"), say("No")])

    def take(self, choice: Choice, see: See) -> Do | GoHome:
        return Do(HandOver(self.staff)) if choice == 1 else GoHome()

    def done(self, outcome: HandedOver, see: See) -> OnItsWay | GoHome:
        if not outcome.amounts:
            return GoHome(word("You hold no cash."))
        return OnItsWay(self.staff, outcome.amounts)


@screen
class OnItsWay:
    """What the treasurer has to confirm now."""

    staff: int
    amounts: tuple[Money, ...]

    def show(self, say: Say, see: See) -> Page:
        amounts = ", ".join(say.show(amount) for amount in self.amounts)
        return Page(
            say("{amounts}: your treasurer confirms it on their own phone. You get an SMS.", amounts=amounts),
            [say("Home")],
        )

    def take(self, choice: Choice, see: See) -> GoHome:
        return GoHome()


@screen
class CallsToMake:
    """Those who asked to be called back, the longest waiting first."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        calls = see.calls_to_make(self.staff)
        if not calls:
            return Page(say("Nobody waits for a call."), [say("Home")])
        return Page(
            say("Who waits for a call:"), [say("Call {phone}", phone=show_national(one.msisdn)) for one in calls]
        )

    def take(self, choice: Choice, see: See) -> OneCall | CallsToMake | GoHome:
        calls = see.calls_to_make(self.staff)
        if choice > len(calls):  # somebody else has called meanwhile
            return CallsToMake(self.staff) if calls else GoHome(word("Nobody waits for a call."))
        return OneCall(self.staff, calls[choice - 1])


@screen
class OneCall:
    """The number to call."""

    staff: int
    call: Request

    def show(self, say: Say, see: See) -> Page:
        lines = [say("Call {phone}", phone=show_national(self.call.msisdn))]
        if self.call.card:
            lines.append(say("Card {card}", card=say.card(self.call.card)))
        lines.append(say("asked on {date}", date=self.call.created_at.date()))
        return Page("\n".join(lines), [say("I have called"), say("Not yet")])

    def take(self, choice: Choice, see: See) -> Do | CallsToMake:
        return Do(CallDone(self.staff, self.call.number)) if choice == 1 else CallsToMake(self.staff)

    def done(self, outcome: Called, see: See) -> CallsToMake:
        return CallsToMake(self.staff)
