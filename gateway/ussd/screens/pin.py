"""PINs: asked for before a locked screen, chosen twice over, changed, and done without."""

from __future__ import annotations

from gateway.locale import Say
from gateway.membership.pins import BadPin, matches, read_pin, seal
from gateway.ussd.effects.pins import STAFF, CheckPin, DropPin, PinAnswer, SetPin
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, GoThrough, Place, See, Typed, Word, screen, word


def wait_word(minutes: int) -> Word:
    """Too many wrong answers: how long nothing more is taken."""
    if minutes >= 120:
        return word("Too many wrong tries. Wait {hours} hours.", hours=-(-minutes // 60))
    return word("Too many wrong tries. Wait {minutes} minutes.", minutes=minutes)


@screen
class AskPin:
    """A PIN stands before ``then``. Whose it is: ``lock`` is a card, or staff."""

    lock: str
    then: Place

    def show(self, say: Say, see: See) -> Page:
        if self.lock == STAFF:
            return Page(say("Your staff PIN?"), back=False)
        # Whose card it is isn't said: the phone may be in other hands.
        return Page(say("PIN of this household?"), back=False)

    def take(self, typed: Typed, see: See) -> Do | Again:
        try:
            read_pin(typed)
        except BadPin as bad:
            if bad.args[0] == "digits":
                return Again(word("A PIN has 4 to 6 digits."))
        return Do(CheckPin(self.lock, typed))

    def done(self, outcome: PinAnswer, see: See) -> GoThrough | NewPin | NoPin | GoHome | Again:
        match outcome.answer:
            case "right":
                return GoThrough()
            case "first":
                return NewPin(self.lock, self.then)
            case "none":
                # Of a household, the office has taken it away while it was asked for.
                return NoPin() if self.lock == STAFF else GoHome(word("The PIN is removed."))
            case "locked":
                return Again(wait_word(outcome.wait_minutes))
            case "wrong":
                return Again(wait_word(outcome.wait_minutes) if outcome.wait_minutes else word("Wrong PIN. Try again."))


@screen
class NoPin:
    """The end for staff whom nobody has given a PIN yet."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("You have no PIN yet. Your office gives you one."), ends=True)


@screen
class NewPin:
    """A PIN of one's own; ``then`` is the place behind it, if there is one."""

    lock: str
    then: Place
    differed: bool = False  # the two that were typed weren't the same

    def show(self, say: Say, see: See) -> Page:
        text = say("Choose a PIN: 4 to 6 digits that you keep to yourself.")
        return Page("\n".join([*([say("These were two different PINs.")] if self.differed else []), text]), back=False)

    def take(self, typed: Typed, see: See) -> RepeatPin | Again:
        try:
            return RepeatPin(self.lock, self.then, seal(read_pin(typed)))
        except BadPin as bad:
            if bad.args[0] == "weak":
                return Again(word("This PIN is easy to guess. Choose another."))
            return Again(word("A PIN has 4 to 6 digits."))


@screen
class RepeatPin:
    """The same once more: nobody is locked out by a slip of the finger. Only a sealed PIN is kept meanwhile."""

    lock: str
    then: Place
    sealed: str

    def show(self, say: Say, see: See) -> Page:
        return Page(say("The same PIN once more, please."), back=False)

    def take(self, typed: Typed, see: See) -> Do | NewPin:
        try:
            same = matches(self.sealed, read_pin(typed))
        except BadPin:
            same = False
        # Which of the two was the slip, nobody knows: both are typed anew.
        return Do(SetPin(self.lock, self.sealed)) if same else NewPin(self.lock, self.then, differed=True)

    def done(self, outcome: PinAnswer, see: See) -> GoThrough | GoHome:
        return GoThrough() if self.then else GoHome(word("Your PIN is set. Don't tell it to anyone."))


@screen
class HouseholdPin:
    """The household's PIN, or that there is none."""

    card: str
    has_pin: bool

    def show(self, say: Say, see: See) -> Page:
        if self.has_pin:
            return Page(say("Your household has a PIN."), [say("Change it"), say("Remove it")])
        return Page(say("A PIN keeps others who use this phone out of your household."), [say("Choose a PIN")])

    def take(self, choice: Choice, see: See) -> NewPin | Do:
        if choice == 2:
            return Do(DropPin(self.card))
        return NewPin(self.card, "")

    def done(self, outcome: PinAnswer, see: See) -> GoHome:
        return GoHome(word("The PIN is removed."))
