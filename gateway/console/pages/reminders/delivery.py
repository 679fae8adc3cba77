"""What becomes of SMS: who got them in a month, by whom and at what cost, and the numbers that none reaches."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import redis

from gateway.console.answers import Answer, Page
from gateway.console.doors import Area
from gateway.console.pages.reminders import words
from gateway.console.pages.reminders.campaigns import tabs
from gateway.console.rights import Right
from gateway.console.visit import Visit
from gateway.kernel.card import show_card
from gateway.payments.push.operators import Operators
from gateway.sms.aggregators import troubles
from gateway.sms.delivery import Outcome, Rate, rates
from gateway.sms.failing import all_failing

AREA = Area("sms_delivery")
ROWS = 50
KEPT_FOR_S = 600  # so long the figures of a month stand before they are counted anew


@AREA.get("/reminders/delivery", Right.SEE_REMINDERS)
def delivery(visit: Visit) -> Answer:
    """A month's messages by event, aggregator and operator, with what they cost."""
    month = _month(visit)
    found, counted_at = _rates(visit, month)
    say = visit.say
    total = Outcome()
    for one in found:
        _add(total, one.outcome)
    with visit.store.read() as connection:
        sick = [(each.name, words.why(say, each.reason)) for each in troubles(connection) if each.until is not None]
    values = {
        "tabs": tabs(visit),
        "month": f"{month:%Y-%m}",
        "months": [(f"{each:%Y-%m}", f"{each:%m/%Y}") for each in _months(visit)],
        "rows": [_line(visit, one) for one in found],
        "handed": total.handed,
        "delivered": total.delivered,
        "rate": _percent(total),
        "parts": total.parts,
        "cost": words.costs(say, total.cost_e4) or "0",
        "counted_at": words.moment(say, visit.at, counted_at),
        "sick": sick,
    }
    return Page("reminders/delivery.html", say("Delivery of SMS"), values)


def _month(visit: Visit) -> date:
    """The first day of the month that is looked at."""
    typed = visit.asked.get("month")
    if re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", typed):
        return date.fromisoformat(f"{typed}-01")
    return visit.today().replace(day=1)


def _months(visit: Visit) -> list[date]:
    """The last twelve months, this one first."""
    found = [visit.today().replace(day=1)]
    while len(found) < 12:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def _rates(visit: Visit, month: date) -> tuple[list[Rate], datetime]:
    """The figures of a month, kept for some minutes: they are counted from every message of it."""
    key = f"office:delivery:{visit.at.id}:{month:%Y-%m}"
    try:
        known = visit.parts.redis.get(key)
        if isinstance(known, bytes | str):
            kept = json.loads(known)
            rows = [Rate(each[0], each[1], each[2], Outcome(**each[3])) for each in kept["rows"]]
            return rows, datetime.fromisoformat(kept["at"])
    except redis.RedisError:
        key = ""
    found = _counted(visit, month)
    try:
        if key:
            lines = [(one.event, one.aggregator, one.operator, asdict(one.outcome)) for one in found]
            visit.parts.redis.set(key, json.dumps({"at": visit.now.isoformat(), "rows": lines}), ex=KEPT_FOR_S)
    except redis.RedisError:
        pass
    return found, visit.now


def _counted(visit: Visit, month: date) -> list[Rate]:
    zone, operators = ZoneInfo(visit.at.time_zone), visit.parts.services.operators
    after = (month + timedelta(days=32)).replace(day=1)
    since, until = (datetime.combine(each, time(), zone).astimezone(UTC) for each in (month, after))
    organisations = [one.id for one in visit.tree.by_id.values() if one.under(visit.at)]
    beginning = 4 + max((len(prefix) for one in operators.all for prefix in one.prefixes), default=0)
    with visit.store.read() as connection:
        return rates(
            connection,
            lambda msisdn: _operator(operators, msisdn),
            beginning,
            since,
            organisations,
            until=until,
        )


def _operator(operators: Operators, msisdn: str) -> str:
    found = operators.of(msisdn)
    return found.name if found else ""


def _add(total: Outcome, one: Outcome) -> None:
    total.handed += one.handed
    total.delivered += one.delivered
    total.parts += one.parts
    _sum(total.failed, one.failed)
    _sum(total.cost_e4, one.cost_e4)


def _sum(into: dict[str, int], more: Mapping[str, int]) -> None:
    for key, count in more.items():
        into[key] = into.get(key, 0) + count


def _percent(outcome: Outcome) -> str:
    return f"{100 * outcome.rate:.0f} %" if outcome.rate is not None else ""


def _line(visit: Visit, one: Rate) -> dict[str, Any]:
    say, outcome = visit.say, one.outcome
    return {
        "event": words.event_name(say, one.event),
        "way": " · ".join(each for each in (one.aggregator, one.operator or say("other operators")) if each),
        "handed": outcome.handed,
        "delivered": outcome.delivered,
        "rate": _percent(outcome),
        "parts": outcome.parts,
        "cost": words.costs(say, outcome.cost_e4),
        "else": _else(visit, outcome),
    }


def _else(visit: Visit, outcome: Outcome) -> list[str]:
    """What became of those that weren't delivered."""
    say = visit.say
    counted = [
        (say("waiting"), outcome.waiting),
        (say("on the way"), outcome.on_the_way),
        (say("no news"), outcome.unknown),
        (say("uncertain"), outcome.uncertain),
        *((say("failed: {why}", why=words.why(say, why) or say("no reason told")), count)
          for why, count in outcome.failed.items()),
        *((say("not written to: {why}", why=words.why(say, why)), count) for why, count in outcome.skipped.items()),
    ]  # fmt: skip
    return [say("{what} {count}", what=what, count=count) for what, count in counted if count]


# --- numbers that fail ------------------------------------------------------------------------------------------------


@AREA.get("/reminders/delivery/failing", Right.SEE_REMINDERS)
def failing(visit: Visit) -> Answer:
    """The numbers that no SMS reaches any more, with the households whose they are, those that fail longest first."""
    with visit.store.read() as connection:
        found = all_failing(connection, visit.at.path, _after(visit), ROWS + 1)
    shown, say = found[:ROWS], visit.say
    more = ""
    if len(found) > ROWS:
        last = shown[-1]
        more = f"/reminders/delivery/failing?after={round(last.since.timestamp() * 1_000_000)}-{last.household_id}"
    values = {
        "tabs": tabs(visit),
        "rows": [
            {
                "number": visit.number(one.msisdn),
                "card": show_card(one.card) if one.card else "",
                "household": one.household_id,
                "section": visit.tree[one.section_id].name if one.section_id else "",
                "failures": one.failures,
                "since": one.since.date(),
                "why": words.why(say, one.reason),
            }
            for one in shown
        ],
        "more": more,
        "may_see": visit.may(Right.SEE_HOUSEHOLDS),
    }
    return Page("reminders/failing.html", say("Numbers that no SMS reaches"), values)


def _after(visit: Visit) -> tuple[datetime, int] | None:
    """The last row of the page before, as its address has it."""
    typed = re.fullmatch(r"(\d{1,16})-(\d{1,18})", visit.asked.get("after"))
    if typed is None:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(typed[1])), int(typed[2])
