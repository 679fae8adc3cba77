"""What a person can ask for in the menu: each effect happens once under its key, and always answers the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.membership.households import by_card, choose_language, register
from gateway.membership.people import Person
from gateway.network.organisations import Organisation
from gateway.payments.collections import Asked, ask_for_payment
from gateway.services import Services
from gateway.sms.outgoing import Outgoing, queue_messages
from gateway.sms.texts import registered
from gateway.store.effects import once
from gateway.store.unit import Unit
from gateway.ussd.screen import decode_value, encode_value


@dataclass(frozen=True)
class SetLanguage:
    """Speak this language with the caller from now on."""

    language: str


@dataclass(frozen=True)
class RegisterHousehold:
    """Register a household with its head first, in a section, in a plan."""

    section_id: int
    plan_id: int
    people: tuple[Person, ...]


@dataclass(frozen=True)
class AskForPayment:
    """Ask a wallet for money for a household."""

    card: str
    amount: Money
    payer: str
    provider: str


Effect = SetLanguage | RegisterHousehold | AskForPayment


@dataclass(frozen=True)
class RegisteredAs:
    """A registration's answer. ``known`` when the same head was registered from this phone before."""

    card: str
    total: Money
    first: Money
    known: bool = False


@dataclass(frozen=True)
class LanguageSet:
    """The language was remembered."""


@dataclass(frozen=True)
class PaymentAnswer:
    """What became of an asking: ``asked``, or ``in-progress`` when an earlier one is still open."""

    answer: Literal["asked", "in-progress", "gone"]


Outcome = RegisteredAs | LanguageSet | PaymentAnswer

_ANSWERS: dict[type, type] = {
    SetLanguage: LanguageSet,
    RegisterHousehold: RegisteredAs,
    AskForPayment: PaymentAnswer,
}


def perform(services: Services, effect: Effect, key: str, caller: str, language: str, root: Organisation) -> Outcome:
    """Do ``effect`` once under ``key`` for the phone ``caller``; a repeat gets the first one's answer."""

    def do(unit: Unit) -> dict[str, object]:
        if isinstance(effect, SetLanguage):
            choose_language(unit, caller, effect.language)
            return encode_value(LanguageSet())
        if isinstance(effect, RegisterHousehold):
            return encode_value(_register(services, unit, effect, key, caller, language))
        return encode_value(_ask(services, unit, effect, key, root))

    stored = once(services.store, key, type(effect).__name__, do)
    answer: Outcome = decode_value(_ANSWERS[type(effect)], stored)
    return answer


def _register(
    services: Services, unit: Unit, effect: RegisterHousehold, key: str, caller: str, language: str
) -> RegisteredAs:
    tree = services.network.tree()
    plan = services.plan(unit.connection, effect.plan_id)
    made = register(unit, tree, services.chart, effect.section_id, plan, effect.people, caller, language)
    if not made.known:
        mutuelle = tree.books_of(effect.section_id)
        text = registered(Say(language), mutuelle.name, made.card, made.total, made.first)
        queue_messages(
            unit,
            "receipts",
            Outgoing("registered", caller, language, text, mutuelle.id, made.household_id, f"registered:{key}"),
        )
    return RegisteredAs(made.card, made.total, made.first, made.known)


def _ask(services: Services, unit: Unit, effect: AskForPayment, key: str, root: Organisation) -> PaymentAnswer:
    tree = services.network.tree()
    household = by_card(unit.connection, tree, effect.card)
    if household is None:
        return PaymentAnswer("gone")
    asked = ask_for_payment(
        unit,
        effect_key=key,
        books=tree.books_of(household.section_id),
        household_id=household.id,
        provider=effect.provider,
        payer=effect.payer,
        amount=effect.amount,
        after=services.push_delay,
    )
    return PaymentAnswer("asked" if asked is Asked.NOW else "in-progress")
