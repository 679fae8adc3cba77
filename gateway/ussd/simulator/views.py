"""What the page shows of a phone, as one value: the template writes it out and the script gets it as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.locale import Say
from gateway.sms.gsm7 import septets
from gateway.ussd.simulator.held import Held

NATIVE = ("fr", "en")  # the page's own words; the menu on the phone speaks as its owner chose


@dataclass(frozen=True)
class Meter:
    """What the screen costs of its budget, and how the call stands; figures, and the same in words."""

    used: int
    budget: int
    septets: str
    hops: str
    state: str


@dataclass(frozen=True)
class View:
    """A phone as it stands: its screen, its one field, and its two keys with what they do and the words on them."""

    mode: Literal["idle", "open", "prompt"]
    screen: str
    field: str
    typed: str
    send: str
    send_word: str
    leave: str
    leave_word: str
    meter: Meter
    step: int


def view(say: Say, held: Held | None, first_code: str, budget: int, prompt: str | None, note: str = "") -> View:
    """The phone now. ``note`` says why the last key did nothing; ``prompt`` is an operator's that stands on it."""
    meter, step = _meter(say, held, budget), held.step if held is not None else 0
    if held is not None and held.open:
        keys = ("send", say("Send"), "hang-up", say("Hang up"))
        return View("open", held.screen, say("Your answer"), "", *keys, meter, step)
    if prompt is not None:
        # An operator's prompt can't open over a call: it stands there once the call is over.
        keys = ("approve", say("OK"), "refuse", say("Refuse"))
        return View("prompt", f"{note}\n{prompt}" if note else prompt, say("PIN"), "", *keys, meter, step)
    keys = ("dial", say("Call"), "hang-up", say("Clear"))
    code = held.code if held is not None and held.code else first_code
    screen = note or (held.screen if held is not None else "") or _hint(say, held, code)
    return View("idle", screen, say("Code to call"), code, *keys, meter, step)


def _meter(say: Say, held: Held | None, budget: int) -> Meter:
    used, hops = (septets(held.screen), held.hops) if held is not None else (0, 0)
    if held is None or not held.screen:
        state = say("No call")
    else:
        state = say("Call open") if held.open else say("Call over")
    return Meter(
        used,
        budget,
        say("{used} of {budget} septets", used=used, budget=budget),
        say.many("{count} screen", "{count} screens", hops),
        state,
    )


def _hint(say: Say, held: Held | None, code: str) -> str:
    if held is None:
        return say("First choose the number of this phone.")
    return say("Press the green key to call {code}.", code=code) if code else say("No short code is known yet.")


def words(say: Say, demo: bool) -> dict[str, str]:
    """The page's own words."""
    if demo:
        about = say("Everything here is played: no operator is asked, no SMS leaves, no money moves.")
    else:
        about = say(
            "Whoever opens this page can act as any phone number. What is done here counts: SMS may leave, "
            "wallets may be asked for money."
        )
    return {
        "title": say("A phone to try the menu"),
        "simulation": say("Simulation"),
        "about": about,
        "screen": say("Screen"),
        "keys": say("Keys"),
        "erase": say("Erase"),
        "number": say("Number of this phone"),
        "number_help": say("With its country code, like {example}.", example="+229 01 66 00 09 00"),
        "no_number": say("This is not a phone number."),
        "take": say("Take this phone"),
        "codes": say("Short codes"),
        "others": say("Other phones"),
        "newcomer": say("Somebody who isn't registered yet"),
        "messages": say("Messages"),
        "refresh": say("Has anything come to this phone?"),
        "lost": say("The gateway doesn't answer. Your answer is still here: try again."),
    }
