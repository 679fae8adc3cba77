"""Operators and who carries our SMS: how each is reached, whether it answers, what may be at most, what was used."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from gateway.console.answers import Answer, Page
from gateway.console.doors import Area
from gateway.console.pages.network import words
from gateway.console.pages.reminders import words as reminder_words
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.money import Money
from gateway.payments.push import limits
from gateway.payments.push.breaker import Line, Standing, standings
from gateway.payments.push.daily import Used, used_since
from gateway.payments.push.operators import Operator
from gateway.sms.aggregators import NAMES, Trouble, troubles

AREA = Area("network_operators")


@AREA.get("/network/operators", Right.SEE_MONEY)
def operators(visit: Visit) -> Answer:
    """The operators of the countries that are looked at, read-only."""
    own = [one for one in visit.tree.by_id.values() if one.under(visit.at)]
    countries, currencies = {one.country for one in own}, sorted({one.currency for one in own})
    books = sorted({one.books_id for one in own})
    midnight = datetime.combine(visit.today(), time(), ZoneInfo(visit.at.time_zone))
    with visit.store.read() as connection:
        stand = {one.line: one for one in standings(connection)}
        sick = {one.name: one for one in troubles(connection)}
        used = used_since(connection, books, midnight)
    say = visit.say
    values = {
        "tabs": words.tabs(visit),
        "operators": [
            _operator(visit, one, stand) for one in visit.parts.services.operators.all if one.country in countries
        ],
        "several": len(countries) > 1,
        "used": [(_line_name(one), one.asked, one.paid, one.amount) for one in used],
        "limits": [_limits(one) for one in currencies],
        "prompts": [
            (say("PIN prompts on one phone in a day"), limits.PROMPTS),
            (say("of these, asked by somebody else"), limits.PROMPTS_BY_OTHERS),
            (say("of these, refused or left alone until it stops"), limits.UNANSWERED_BY_OTHERS),
        ],
        "aggregators": [_aggregator(visit, name, sick.get(name)) for name in _configured(visit)],
        "codes": [
            (code, visit.tree[one.organisation_id].name, one.septets)
            for code, one in sorted(visit.tree.codes.items())
            if visit.tree[one.organisation_id].under(visit.at) or visit.at.under(visit.tree[one.organisation_id])
        ],
    }
    return Page("network/operators.html", say("Operators, SMS and short codes"), values)


def _operator(visit: Visit, one: Operator, stand: dict[Line, Standing]) -> dict[str, Any]:
    lines = []
    for push in one.pushes:
        connected = visit.parts.services.providers.get(push.provider)
        serves = connected is not None and connected.serves(push.environment)
        lines.append((push.provider, *_state(visit, serves, stand.get(Line(push.provider, push.environment)))))
    return {
        "name": one.name,
        "country": one.country,
        "prefixes": ", ".join(one.prefixes),
        "lines": lines,
        "reference": one.reference,
    }


def _state(visit: Visit, serves: bool, standing: Standing | None) -> tuple[str, str, str]:
    """A word, the kind of its badge, and what more there is to say."""
    say = visit.say
    if not serves:
        return say("no keys here"), "quiet", ""
    if standing is None:
        return say("answers"), "good", ""
    since = reminder_words.moment(say, visit.at, standing.since)
    if standing.open_until is None or standing.open_until <= visit.now:
        if standing.failures:
            return say("answers with gaps"), "wait", say("since {moment}", moment=since)
        return say("unsure"), "wait", say("since {moment}", moment=since)
    until = reminder_words.moment(say, visit.at, standing.open_until)
    return say("doesn't answer"), "bad", say("since {moment}, tried again at {until}", moment=since, until=until)


def _line_name(one: Used) -> str:
    return f"{one.provider} · {one.environment}" if one.environment else one.provider


def _limits(currency: str) -> tuple[Money, ...]:
    return (
        limits.largest_payment(currency),
        limits.most_for_household(currency),
        limits.most_from_payer(currency),
        limits.largest_float(currency),
        limits.largest_alone(currency),
    )


def _configured(visit: Visit) -> list[str]:
    settings = visit.parts.settings
    every = (("africastalking", settings.africastalking_username), ("smpp", settings.smpp_host))
    return sorted((name for name, key in every if key), key=lambda name: name != settings.sms_first)


def _aggregator(visit: Visit, name: str, trouble: Trouble | None) -> tuple[str, str, str, str]:
    say = visit.say
    if trouble is None:
        return NAMES.get(name, name), say("takes SMS"), "good", ""
    since = reminder_words.moment(say, visit.at, trouble.since)
    why = reminder_words.why(say, trouble.reason)
    text = say("since {moment}: {why}", moment=since, why=why)
    if trouble.until is None:
        return NAMES.get(name, name), say("takes SMS with gaps"), "wait", text
    word = say("somebody has to act") if trouble.needs_somebody else say("is left alone for a while")
    return NAMES.get(name, name), word, "bad", text
