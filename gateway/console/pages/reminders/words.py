"""How campaigns, what becomes of messages and what it costs are said in the office, and what its pages reckon with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import redis
from sqlalchemy import Connection

from gateway.console.visit import Visit
from gateway.kernel.money import EXPONENT, Money
from gateway.locale import NAMES, Say, mark
from gateway.membership.rules import State as Cover
from gateway.network.organisations import Organisation
from gateway.sms.campaigns.keeping import GATEWAY, Campaign, Event
from gateway.sms.campaigns.preview import Preview, preview, price_of_part
from gateway.sms.campaigns.states import State
from gateway.sms.costs import E4, show_cost

LOOK_FOR_S = 2.0  # so long a page goes through those who are meant; the rest is reckoned
PRICE_FOR_S = 600
MOST_PLACES = 200  # so many organisations are offered in a list

# How a campaign stands: in a word, and the kind of its badge.
STANDS: Mapping[State, tuple[str, str]] = {
    State.DRAFT: (mark("draft"), "quiet"),
    State.SCHEDULED: (mark("scheduled"), "wait"),
    State.RUNNING: (mark("running"), "wait"),
    State.PAUSED: (mark("paused"), "bad"),
    State.DONE: (mark("done"), "good"),
    State.CANCELLED: (mark("cancelled"), "quiet"),
}
KINDS = {
    "reminder": mark("to households"),
    "rule": mark("by rule"),
    "news": mark("news"),
    "list": mark("from a file"),
}
BECAME = {
    "waiting": mark("waits"),
    "sending": mark("is being handed over"),
    "sent": mark("on its way"),
    "delivered": mark("delivered"),
    "failed": mark("failed"),
    "uncertain": mark("uncertain: it may have gone"),
    "unknown": mark("no news of it after three days"),
    "skipped": mark("not written to"),
}
WHY = {
    "paid": mark("has paid meanwhile"),
    "no longer meant": mark("is no longer meant"),
    "no phone": mark("no phone"),
    "opted_out": mark("wants no SMS"),
    "number fails": mark("no SMS reaches the number any more"),
    "nothing due": mark("nothing is due"),
    "no cover": mark("has no cover"),
    "no code": mark("there is no code to dial"),
    "code": mark("there is no code to dial"),
    "cancelled": mark("the campaign was cancelled"),
    "too late": mark("too late: a week had passed"),
    "by hand": mark("by hand"),
    "budget": mark("its budget is used up"),
    "no_report": mark("no report came"),
    "no_credit": mark("our credit for SMS is used up"),
    "bad_credentials": mark("our key for SMS is refused"),
    "invalid_sender": mark("our sender's name is refused"),
    "wrong_address": mark("the address for SMS is wrong"),
    "bad_number": mark("nobody has this number"),
    "unsupported_number": mark("a number that gets no SMS"),
    "no_route": mark("the operator isn't reached"),
    "absent": mark("the phone was off for too long"),
    "AbsentSubscriber": mark("the phone was off for too long"),
    "Expired": mark("the phone was off for too long"),
    "suspended": mark("the operator has suspended the number"),
    "do_not_disturb": mark("the operator lets it through to nobody who wants quiet"),
    "delivery_failure": mark("the operator couldn't deliver it"),
    "Failed": mark("the operator couldn't deliver it"),
    "rejected_by_gateway": mark("the operator has rejected it"),
    "Rejected": mark("the operator has rejected it"),
    "throttled": mark("too much at once: it is tried again"),
    "unavailable": mark("the aggregator doesn't answer: it is tried again"),
    "not_reached": mark("the aggregator isn't reached: it is tried again"),
    "held": mark("told later, with others"),
    "in a digest": mark("told with others"),
}
COVERS = {
    Cover.NONE.value: mark("no membership"),
    Cover.UNPAID.value: mark("enrolled, too little paid"),
    Cover.WAITING.value: mark("in the waiting period"),
    Cover.ACTIVE.value: mark("covered"),
    Cover.GRACE.value: mark("covered, in the grace period"),
    Cover.SUSPENDED.value: mark("suspended"),
    Cover.LAPSED.value: mark("year over"),
}
# The events of which a mutuelle may speak in its own words, as the office calls them.
EVENT_NAMES = {
    "receipt": mark("Receipt"),
    "treasurer": mark("Treasurer's confirmation"),
    "registered": mark("Welcome"),
    "not_paid": mark("Payment that didn't come"),
    "reminder_before": mark("Reminder before the due date"),
    "reminder_due": mark("Reminder on the due date"),
    "reminder_after": mark("Reminder after the due date"),
    "renewal": mark("Renewal"),
    "campaign": mark("Campaign"),
    "news": mark("News"),
}
# Of all messages, beside those above.
OTHER_EVENTS = {
    "reminder": mark("Campaign"),
    "rule": mark("Reminder by rule"),
    "list": mark("List of numbers"),
    "campaign_try": mark("Try on guests"),
    "figures": mark("Figures of a month"),
    "unfound": mark("Money without a card"),
    "to_identify": mark("Money to identify"),
    "digest": mark("Treasurer's digest"),
    "visit": mark("Care visit"),
    "handover": mark("Handover of cash"),
    "pin": mark("PIN"),
    "link": mark("Link to enter"),
    "complaint": mark("Complaint"),
    "answer": mark("Answer to a request"),
    "refund": mark("Refund"),
    "reversed": mark("Payment taken back"),
    "corrected": mark("Payment corrected"),
    "family": mark("Change in the household"),
    "phone": mark("Change of phone"),
    "renewed": mark("Renewal done"),
    "sms_answer": mark("Answer to an SMS"),
    "sms_help": mark("Help by SMS"),
    "sms_check": mark("Check of a receipt"),
    "by_code": mark("Payment by merchant code"),
    "callback": mark("Call back"),
}
_DID = {
    "made": mark("made"),
    "changed": mark("changed"),
    "tried": mark("tried on guests"),
    "scheduled": mark("scheduled"),
    "started": mark("started"),
    "paused": mark("paused"),
    "resumed": mark("gone on with"),
    "cancelled": mark("cancelled"),
    "done": mark("done"),
}


def why(say: Say, reason: str | None) -> str:
    """Why something became of a message; an aggregator's own word where it is no word of ours."""
    known = WHY.get((reason or "").partition(":")[0])
    return say(known) if known is not None else (reason or "").replace("_", " ")


def event_name(say: Say, event: str) -> str:
    """What a message is about."""
    known = EVENT_NAMES.get(event) or OTHER_EVENTS.get(event)
    return say(known) if known is not None else event.replace("_", " ")


def language_name(language: str) -> str:
    """A language by its own name."""
    return NAMES.get(language, language)


def moment(say: Say, place: Organisation, at: datetime) -> str:
    """A day and a time by the clock of a place."""
    local = at.astimezone(ZoneInfo(place.time_zone))
    return f"{say.show(local.date())} {local:%H:%M}"


def cost(say: Say, e4: int, currency: str) -> str:
    """An amount in ten-thousandths, as exactly as it is."""
    finest = E4 // 10 ** EXPONENT[currency]
    return say.show(Money(e4 // finest, currency)) if e4 % finest == 0 else show_cost(e4, currency)


def about(say: Say, e4: int, currency: str) -> str:
    """The same for what is only expected: rounded up to what can be paid."""
    finest = E4 // 10 ** EXPONENT[currency]
    return say.show(Money(-(-e4 // finest), currency))


def budget_in_e4(amount: Money) -> int:
    """A budget that was typed."""
    return amount.minor * (E4 // int(10 ** EXPONENT[amount.currency]))


def costs(say: Say, by_currency: Mapping[str, int]) -> str:
    """What was taken, by currency."""
    return ", ".join(cost(say, e4, currency) for currency, e4 in sorted(by_currency.items()))


def price_e4(visit: Visit, connection: Connection, currency: str) -> int:
    """What one part costs in a currency, in ten-thousandths; zero where nobody knows. Reckoned once in ten minutes."""
    key = f"office:sms-price:{currency}"
    try:
        known = visit.parts.redis.get(key)
        if known is not None:
            return int(known.decode() if isinstance(known, bytes) else str(known))
    except redis.RedisError:
        key = ""
    found = price_of_part(connection, currency, visit.parts.settings.sms_price, visit.parts.settings.currency)
    try:
        if key and found:
            visit.parts.redis.set(key, found, ex=PRICE_FOR_S)
    except redis.RedisError:
        pass
    return found


def look(visit: Visit, one: Campaign, for_s: float = LOOK_FOR_S) -> Preview:
    """What a campaign would be if it were sent now; of a large one reckoned from the first of those who are meant."""
    with visit.store.read() as connection:
        price = price_e4(visit, connection, one.currency)
        return preview(connection, visit.tree, one, visit.now, price, for_s)


def whom(visit: Visit, one: Campaign) -> str:
    """Whom a campaign is for, in a line."""
    say, who = visit.say, one.who
    place = visit.tree.named(who.under).name
    if one.kind == "list":
        return say("The phone numbers of a file")
    if one.kind == "news":
        return say("Who asked for the news of {place}", place=place)
    words = [say("Households of {place}", place=place)]
    if who.states:
        words.append(" / ".join(say(COVERS[each]) for each in who.states))
    if who.owing:
        words.append(say("something is left to pay"))
    if who.overdue_days is not None:
        words.append(say.many("{count} day late or more", "{count} days late or more", who.overdue_days))
    if who.due_on is not None:
        words.append(say("something falls due on {day}", day=who.due_on))
    if who.categories:
        words.append(say("category {codes}", codes=", ".join(who.categories)))
    if who.plans:
        words.append(say("plan {codes}", codes=", ".join(who.plans)))
    if who.languages:
        words.append(say("language {names}", names=", ".join(language_name(each) for each in who.languages)))
    if who.not_renewed:
        words.append(say("not renewed"))
    return ", ".join(words)


def title_of(visit: Visit, one: Campaign) -> str:
    """What the office calls a campaign."""
    if one.rule_id is not None and one.due_on is not None:
        return visit.say("Rule {number}: due on {day}", number=one.rule_id, day=one.due_on)
    return one.title


def stands(visit: Visit, one: Campaign) -> tuple[str, str]:
    """How a campaign stands, with the reason, and the kind of its badge."""
    name, kind = STANDS[one.state]
    if one.state is State.PAUSED and one.reason:
        return visit.say("paused: {why}", why=why(visit.say, one.reason)), kind
    return visit.say(name), kind


def whose(name: str) -> str:
    """Who did something; what nobody did by hand was done by the program."""
    return "Cotisa" if name == GATEWAY else name


def told(visit: Visit, place: Organisation, events: Sequence[Event]) -> list[tuple[str, str, str, str]]:
    """A campaign's story: when, what, by whom, and more about it; the newest first."""
    say = visit.say
    return [
        (
            moment(say, place, each.at),
            say(_DID[each.what]) if each.what in _DID else each.what,
            whose(each.by_name),
            _more(say, place, each),
        )
        for each in reversed(events)
    ]


def _more(say: Say, place: Organisation, one: Event) -> str:
    """The note of an event, which is kept as the command line says it."""
    note = one.note or ""
    if one.what == "paused":
        return why(say, note)
    if found := re.fullmatch(r"for (\d{4}-\d\d-\d\d \d\d:\d\d) UTC", note):
        at = datetime.strptime(found[1], "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        return say("for {moment}", moment=moment(say, place, at))
    if found := re.fullmatch(r"(\d+) guests?", note):
        return say.many("{count} guest", "{count} guests", int(found[1]))
    if found := re.fullmatch(r"(\d+) not written to", note):
        return say.many("{count} wasn't written to", "{count} weren't written to", int(found[1]))
    if found := re.fullmatch(r"budget ([\d ]+(?:\.\d+)?) ([A-Z]{3})", note):
        e4 = int(Decimal(found[1].replace(" ", "")) * E4)
        return say("budget {amount}", amount=cost(say, e4, found[2]))
    return note


def offered(visit: Visit) -> list[tuple[str, str]]:
    """The organisations that one may choose at or below the one looked at, as options of a list; at most some."""
    every = [one for one in visit.places() if one.under(visit.at)]
    for kinds in (("section",), ("section", "mutuelle")):
        if len(every) > MOST_PLACES:
            every = [one for one in every if one.kind not in kinds]
    depth = visit.at.path.count("/")
    return [(one.code, "· " * (one.path.count("/") - depth) + one.name) for one in every[:MOST_PLACES]]
