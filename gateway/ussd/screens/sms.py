"""SMS reminders and news to this phone: stopped or started; receipts and answers always come."""

from __future__ import annotations

from gateway.locale import Say
from gateway.ussd.effects.family import SmsChosen, StopSms
from gateway.ussd.effects.news import ChooseNews, NewsChosen
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
        return Page(say("SMS reminders come to this phone, and receipts."), [say("Stop reminders"), say("News")])

    def take(self, choice: Choice, see: See) -> Do | NewsChoice:
        return NewsChoice(see.reads_news()) if choice == 2 else Do(StopSms(not self.stopped))

    def done(self, outcome: SmsChosen, see: See) -> GoHome:
        return GoHome(word("No more reminders by SMS.") if outcome.stopped else word("Reminders will come by SMS."))


@screen
class NewsChoice:
    """Whether news come to this phone; who has stopped SMS isn't asked."""

    wanted: bool

    def show(self, say: Say, see: See) -> Page:
        if self.wanted:
            return Page(say("News come to this phone by SMS."), [say("No more news")])
        return Page(say("News come by SMS to whoever asks for them."), [say("Send me news")])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(ChooseNews(not self.wanted))

    def done(self, outcome: NewsChosen, see: See) -> GoHome:
        return GoHome(word("News will come by SMS.") if outcome.wanted else word("No more news by SMS."))
