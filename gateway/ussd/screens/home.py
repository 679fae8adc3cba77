"""Home: what one can do from here, for members, for those who aren't yet, and for staff; and going on after a drop."""

from __future__ import annotations

from typing import Literal

from gateway.locale import Say, mark
from gateway.membership.households import Household
from gateway.ussd.effects.paying import Found, LookUp
from gateway.ussd.pages import Page
from gateway.ussd.screen import Again, Choice, Do, GoHome, GoOn, Role, See, Typed, screen, word
from gateway.ussd.screens.agent import AgentDesk
from gateway.ussd.screens.animator import AnimatorDesk
from gateway.ussd.screens.cover import MyCover
from gateway.ussd.screens.facilities import PickFacility, WhichDistrict, facilities_near
from gateway.ussd.screens.family import MyFamily, my_family
from gateway.ussd.screens.language import Language
from gateway.ussd.screens.pay import PayFor, PayWhat, WhichSeen, found_to_pay, is_a_number, pay_what
from gateway.ussd.screens.payments import MyPayments
from gateway.ussd.screens.pin import HouseholdPin
from gateway.ussd.screens.receipt import WhichReceipt
from gateway.ussd.screens.register import HeadName
from gateway.ussd.screens.requests import ComplainOf, WantCall
from gateway.ussd.screens.sms import SmsChoice, sms_choice
from gateway.ussd.screens.treasurer import TreasurerDesk

# As many as are read of one phone: more names than anybody scrolls through.
MOST_HOUSEHOLDS = 20


Item = Literal[
    "register", "cover", "pay", "pay-for", "payments", "family", "facilities", "more", "desk", "go-on",
]  # fmt: skip
LABELS: dict[str, str] = {
    "register": mark("Register my family"),
    "cover": mark("My cover"),
    "pay": mark("Pay"),
    "pay-for": mark("Pay for a family"),
    "payments": mark("My payments"),
    "family": mark("My family"),
    "facilities": mark("Health centres"),
    "more": mark("Other services"),
    "go-on": mark("Go on where I was"),
}
DESKS = {
    "animator": mark("Animator's work"),
    "treasurer": mark("Treasurer's work"),
    "agent": mark("Check a patient"),
}
MEMBERS: tuple[Item, ...] = ("cover", "pay", "payments", "family", "facilities", "more")
STRANGERS: tuple[Item, ...] = ("register", "pay-for", "facilities", "more")


@screen
class Home:
    """The first screen of everybody who has a language, with the households and the roles of the phone that dialled.

    ``unfinished``: the person came away from something half told, which is still there to go on with.
    """

    households: tuple[Household, ...] = ()
    roles: tuple[Role, ...] = ()
    unfinished: bool = False

    def _items(self) -> list[tuple[Item, Role | None]]:
        desks: list[tuple[Item, Role | None]] = [("desk", role) for role in self.roles if role.role in DESKS]
        own: list[tuple[Item, Role | None]] = [(item, None) for item in (MEMBERS if self.households else STRANGERS)]
        last: list[tuple[Item, Role | None]] = [("go-on", None)] if self.unfinished else []
        # Whoever only works with this phone finds the work first.
        return [*own, *desks, *last] if self.households else [*desks, *own, *last]

    def show(self, say: Say, see: See) -> Page:
        households = self.households
        # Whose phone it is, where it is one family's.
        text = say("Welcome, {name}.", name=households[0].head) if len(households) == 1 else see.root.name
        return Page(text, [self._label(say, see, item, role) for item, role in self._items()])

    def _label(self, say: Say, see: See, item: Item, role: Role | None) -> str:
        if role is None:
            return say(LABELS[item])
        label = say(DESKS[role.role])
        twice = sum(one.role == role.role for one in self.roles) > 1
        return f"{label}: {see.organisation(role.organisation_id).name}" if twice else label

    def take(
        self, choice: Choice, see: See
    ) -> (
        HeadName
        | MyCover
        | PayWhat
        | PayFor
        | MyPayments
        | MyFamily
        | WhichHousehold
        | PickFacility
        | WhichDistrict
        | OtherServices
        | AnimatorDesk
        | TreasurerDesk
        | AgentDesk
        | GoOn
    ):
        item, role = self._items()[choice - 1]
        households = self.households
        match item:
            case "go-on":
                return GoOn()
            case "register":
                return HeadName()
            case "pay-for":
                return PayFor()
            case "facilities":
                return facilities_near(households[0] if households else None, see)
            case "more":
                return OtherServices(households)
            case "desk":
                assert role is not None
                return _desk(role)
        if len(households) > 1:
            return WhichHousehold(households[:MOST_HOUSEHOLDS], item)
        return _own(households[0], item, see)


def _desk(role: Role) -> AnimatorDesk | TreasurerDesk | AgentDesk:
    if role.role == "animator":
        return AnimatorDesk(role.staff)
    return TreasurerDesk(role.staff) if role.role == "treasurer" else AgentDesk(role.staff)


Own = Literal["cover", "pay", "payments", "family"]
Service = Literal["pin", "complain", "call"]


def _own(household: Household, item: Own, see: See) -> MyCover | PayWhat | MyPayments | MyFamily:
    """What a household does every day."""
    match item:
        case "cover":
            return MyCover(household)
        case "pay":
            return pay_what(household, see)
        case "payments":
            return MyPayments(household)
        case "family":
            return my_family(household.card, see)


def _service(household: Household, item: Service) -> HouseholdPin | ComplainOf | WantCall:
    """What it wants less often."""
    match item:
        case "pin":
            return HouseholdPin(household.card, household.pin)
        case "complain":
            return ComplainOf(household.card)
        case "call":
            return WantCall(household.card)


@screen
class WhichHousehold:
    """Several households share this phone: which one is it about?

    Where one pays, it may be another family's: by its card number typed here, as on the screen behind this one.
    """

    households: tuple[Household, ...]
    item: Own | Service

    def show(self, say: Say, see: See) -> Page:
        others = [say("For another family")] if self.item == "pay" else []
        return Page(say("Which household?"), [*(one.head for one in self.households), *others])

    def take(
        self, choice: Choice, see: See
    ) -> MyCover | PayWhat | PayFor | MyPayments | MyFamily | HouseholdPin | ComplainOf | WantCall:
        if choice > len(self.households):
            return PayFor()
        household, item = self.households[choice - 1], self.item
        if item == "pin" or item == "complain" or item == "call":
            return _service(household, item)
        return _own(household, item, see)

    def typed(self, typed: Typed, see: See) -> Do | Again:
        if self.item != "pay" or not is_a_number(typed):
            return Again(word("Please type one of the numbers shown."))
        return Do(LookUp(typed))

    def done(self, outcome: Found, see: See) -> PayWhat | WhichSeen | Again:
        return found_to_pay(outcome, see)


SERVICES: tuple[tuple[Service | Literal["language", "receipt", "sms", "register"], str], ...] = (
    ("language", mark("Language")),
    ("complain", mark("Complain")),
    ("call", mark("Be called back")),
    ("receipt", mark("Check a receipt")),
    ("sms", mark("SMS reminders")),
    ("pin", mark("PIN code")),
    ("register", mark("Register another family")),
)


@screen
class OtherServices:
    """What is wanted less often."""

    households: tuple[Household, ...]

    def _items(self) -> list[tuple[Service | Literal["language", "receipt", "sms", "register"], str]]:
        return [one for one in SERVICES if self.households or one[0] not in ("pin", "register")]

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Other services"), [say(label) for _, label in self._items()])

    def take(
        self, choice: Choice, see: See
    ) -> Language | ComplainOf | WantCall | WhichReceipt | SmsChoice | HouseholdPin | HeadName | WhichHousehold:
        item = self._items()[choice - 1][0]
        match item:
            case "language":
                return Language()
            case "receipt":
                return WhichReceipt()
            case "sms":
                return sms_choice(see)
            case "register":
                return HeadName()
        if not self.households:
            return ComplainOf(None) if item == "complain" else WantCall(None)
        if len(self.households) > 1:
            return WhichHousehold(self.households[:MOST_HOUSEHOLDS], item)
        return _service(self.households[0], item)


@screen
class Resume:
    """The last call was cut off: go on there, or begin again."""

    def show(self, say: Say, see: See) -> Page:
        return Page(say("Your last call was cut off."), [say("Go on"), say("Start again")])

    def take(self, choice: Choice, see: See) -> GoOn | GoHome:
        return GoOn() if choice == 1 else GoHome()
