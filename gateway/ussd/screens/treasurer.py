"""The treasurer's work on a basic phone: what came in, cash confirmed, the day closed."""

from __future__ import annotations

from gateway.locale import Say, mark
from gateway.payments.cash import Handover
from gateway.sms import texts
from gateway.ussd.effects.cash import CloseDay, DayAnswer, Decide, Decided
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, screen, word
from gateway.ussd.screens.animator import FindFamily
from gateway.ussd.screens.correcting import WhichCash

WAYS = {**texts.WAYS, "reversed": mark("taken back"), "refunded": mark("refunded")}


@screen
class TreasurerDesk:
    """What a treasurer does without a computer."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        return Page(
            say("Treasurer's work"),
            [
                say("Today's takings"),
                say("Last payments"),
                say("Cash to confirm"),
                say("A family: cash, changes"),
                say("Close today"),
            ],
        )

    def take(self, choice: Choice, see: See) -> TodaysTakings | LastPayments | CashToConfirm | FindFamily | CloseTheDay:
        match int(choice):
            case 1:
                return TodaysTakings(self.staff)
            case 2:
                return LastPayments(self.staff)
            case 3:
                return CashToConfirm(self.staff)
            case 4:
                return FindFamily(self.staff)
        return CloseTheDay(self.staff)


@screen
class TodaysTakings:
    """What came in today, by way of payment."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        taken = see.takings_today(self.staff)
        lines = [say("Today: {amount}", amount=total) for total in taken.totals]
        if not lines:
            lines = [say("Nothing has come in today.")]
        lines += [
            say("{amount} {way} ({count})", amount=amount, way=say(WAYS[way]), count=count)
            for way, count, amount in taken.rows
        ]
        return Page("\n".join(lines), [say("Last payments"), say("Close today")])

    def take(self, choice: Choice, see: See) -> LastPayments | CloseTheDay:
        return LastPayments(self.staff) if choice == 1 else CloseTheDay(self.staff)


@screen
class LastPayments:
    """The newest payments, with whom they are for; what was recorded by mistake is corrected from here."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        paid = see.last_payments(self.staff)
        if not paid:
            return Page(say("No payment has come in yet."), [say("Home")])
        lines = [
            say("{amount} {name}, {way}, {date}", amount=one.amount, name=one.head, way=say(WAYS[one.way]), date=one.on)
            for one in paid
        ]
        return Page("\n".join(lines), [say("Home"), say("Correct cash")])

    def take(self, choice: Choice, see: See) -> GoHome | WhichCash:
        return GoHome() if choice == 1 else WhichCash(self.staff)


@screen
class CashToConfirm:
    """Cash that animators say they have handed over; ``closing``: the day can't be closed before it is settled."""

    staff: int
    closing: bool = False

    def show(self, say: Say, see: See) -> Page:
        waiting = see.handovers(self.staff)
        if not waiting:
            return Page(say("No cash waits to be confirmed."), [say("Home")])
        return Page(
            say("Confirm this cash before you close:") if self.closing else say("Cash to confirm:"),
            [say("{name}: {amount}", amount=one.amount, name=one.animator) for one in waiting],
        )

    def take(self, choice: Choice, see: See) -> ConfirmReceived | CashToConfirm | GoHome:
        waiting = see.handovers(self.staff)
        if choice > len(waiting):  # another treasurer has settled some meanwhile
            return (
                CashToConfirm(self.staff, self.closing) if waiting else GoHome(word("No cash waits to be confirmed."))
            )
        return ConfirmReceived(self.staff, waiting[choice - 1])


@screen
class ConfirmReceived:
    """Two people, two phones: this one says whether the money is there."""

    staff: int
    handover: Handover

    def show(self, say: Say, see: See) -> Page:
        one = self.handover
        text = say("{name}: {amount}. Count it: is it all there?", amount=one.amount, name=one.animator)
        return Page(text, [say("Yes, I have it"), say("No, it is not right")])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(Decide(self.staff, self.handover.id, choice == 1))

    def done(self, outcome: Decided, see: See) -> GoHome | Again:
        match outcome.answer:
            case "confirmed":
                return GoHome(word("The cash is in your hands now."))
            case "disputed":
                return GoHome(word("Not accepted. The animator is told."))
            case "own":
                return Again(word("Somebody else must confirm what you took yourself."))
            case "gone":
                return GoHome(word("This is settled already."))


@screen
class CloseTheDay:
    """What will be closed: all that came since the last time."""

    staff: int

    def show(self, say: Say, see: See) -> Page:
        taken = see.takings_to_close(self.staff)
        lines = [say("To close: {amount}", amount=total) for total in taken.totals]
        lines = lines or [say("Nothing has come in since the last closing.")]
        lines += [
            say("{amount} {way} ({count})", amount=amount, way=say(WAYS[way]), count=count)
            for way, count, amount in taken.rows
        ]
        return Page("\n".join(lines), [say("Close"), say("Not now")])

    def take(self, choice: Choice, see: See) -> Do | GoHome:
        return Do(CloseDay(self.staff)) if choice == 1 else GoHome()

    def done(self, outcome: DayAnswer, see: See) -> DayClosed | CashToConfirm | GoHome:
        match outcome.answer:
            case "closed":
                return DayClosed(self.staff, outcome)
            case "handovers":
                return CashToConfirm(self.staff, closing=True)
            case "already":
                return GoHome(word("This day is closed already."))


@screen
class DayClosed:
    """The day as it was closed."""

    staff: int
    closed: DayAnswer

    def show(self, say: Say, see: See) -> Page:
        lines = [say("{date} is closed.", date=self.closed.day)]
        lines += [say("Total: {amount}", amount=total) for total in self.closed.totals]
        return Page("\n".join(lines), [say("Home")])

    def take(self, choice: Choice, see: See) -> GoHome:
        return GoHome()
