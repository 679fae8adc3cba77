"""Complaints, in the person's own words, and wishes to be called back: each gets a number and is answered."""

from __future__ import annotations

from typing import ClassVar

from gateway.locale import Say, mark
from gateway.ussd.effects.requests import CallBack, Complain, Filed
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, See, Typed, screen, word

CATEGORIES = (
    ("cover", mark("My cover")),
    ("payment", mark("A payment")),
    ("care", mark("Care at a health centre")),
    ("staff", mark("Somebody of the mutuelle")),
    ("other", mark("Something else")),
)
LONGEST_COMPLAINT = 300


@screen
class ComplainOf:
    """What is it about?"""

    card: str | None

    def show(self, say: Say, see: See) -> Page:
        return Page(say("What is your complaint about?"), [say(label) for _, label in CATEGORIES])

    def take(self, choice: Choice, see: See) -> ComplaintText:
        return ComplaintText(self.card, CATEGORIES[choice - 1][0])


@screen
class ComplaintText:
    """In the person's own words."""

    card: str | None
    category: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Say in a few words what happened."))

    def take(self, typed: Typed, see: See) -> ConfirmComplaint | Again:
        if len(typed) > LONGEST_COMPLAINT:
            return Again(word("This is too long."))
        if sum(letter.isalpha() for letter in typed) < 3:
            return Again(word("Please write it in words."))
        return ConfirmComplaint(self.card, self.category, typed)


@screen
class ConfirmComplaint:
    """The words once more; this answer sends them."""

    RESUMES: ClassVar[bool] = True

    card: str | None
    category: str
    text: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Your complaint: {text}", text=self.text), [say("Send"), say("Write again")])

    def take(self, choice: Choice, see: See) -> Do | ComplaintText:
        if choice == 2:
            return ComplaintText(self.card, self.category)
        return Do(Complain(self.card, self.category, self.text))

    def done(self, outcome: Filed, see: See) -> ComplaintFiled | GoHome:
        if not outcome.number:
            return GoHome(word("You have written often today. Ask to be called back."))
        return ComplaintFiled(outcome.number)


@screen
class ComplaintFiled:
    """The end: a number, and how the answer comes."""

    number: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Complaint {number} is written down. The answer comes by SMS.", number=self.number), ends=True)


@screen
class WantCall:
    """For those who would rather talk: also whoever has forgotten the household's PIN, so it isn't asked for."""

    household: str | None

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Shall your mutuelle call this phone?"), [say("Yes, call me")])

    def take(self, choice: Choice, see: See) -> Do:
        return Do(CallBack(self.household))

    def done(self, outcome: Filed, see: See) -> CallAsked:
        return CallAsked(outcome.already)


@screen
class CallAsked:
    """The end: somebody will call."""

    already: bool

    def show(self, say: Say, see: See) -> Page:
        if self.already:
            return Page(say("You have asked already. Somebody will call you."), ends=True)
        return Page(say("Noted. Somebody of your mutuelle will call you."), ends=True)
