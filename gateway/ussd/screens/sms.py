"""SMS reminders to this phone: stopped or started; receipts and answers always come."""

from __future__ import annotations

from gateway.locale import Say
from gateway.ussd.effects.family import SmsChosen, StopSms
from gateway.ussd.pages import Page
from gateway.ussd.screen import Choice, Do, GoHome, See, screen, word


def sms_choice(see: See) -> SmsChoice:
    """As it is now for the phone that dialled."""
    return SmsChoice(see.sms_stopped())


@screen
class SmsChoice:
    """Whether reminders come to this phone."""

    stopped: bool

    def show(self, say: Say, see: See) -> Page:
        if self.stopped:
            return Page(say("No SMS reminders come to this phone. Receipts do."), [say("Send me reminders")])
        return Page(say("SMS reminders come to this phone, and receipts."), [say("Stop reminders")])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(StopSms(not self.stopped))

    def done(self, outcome: SmsChosen, see: See) -> GoHome:
        return GoHome(word("No more reminders by SMS.") if outcome.stopped else word("Reminders will come by SMS."))
