"""Commands about campaigns: a text to many, tried, previewed, started, watched, stopped."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from gateway.cli import json_option, show, table
from gateway.cli.campaign_lists import list_command
from gateway.cli.given import NUMBER, by_option, counted, limit_option, parts_of, path_of, texts_of, under_option
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_name, mask_number
from gateway.membership.rules import State as CoverState
from gateway.settings import LANGUAGES
from gateway.sms.campaigns.states import State
from gateway.sms.costs import about_cost, in_e4, show_cost

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.network.organisations import Organisation
    from gateway.sms.campaigns.keeping import Campaign
    from gateway.sms.campaigns.preview import Preview
    from gateway.sms.campaigns.progress import Progress
    from gateway.sms.campaigns.who import Who
    from gateway.wiring import Runtime

# The events whose words a campaign may say (gateway.sms.templates.events); news have theirs.
WORDS = ("reminder_before", "reminder_due", "reminder_after", "renewal", "campaign", "news")

at_option = click.option("--at", "code", required=True, metavar="CODE", help="The organisation that writes.")
number_argument = click.argument("number", type=NUMBER)


@click.group()
def campaign() -> None:
    """A text to many households, or to those who asked for news: once each, at a cost that is known before."""


campaign.add_command(list_command)


# --- making -----------------------------------------------------------------------------------------------------------


def budget_of(typed: str | None) -> int | None:
    """A budget in ten-thousandths of the currency; raises :class:`Fault`."""
    if typed is None:
        return None
    try:
        amount = Decimal(typed)
    except InvalidOperation:
        raise Fault(f"the budget {typed} is no amount: write 25000, or 25000.50") from None
    if not amount.is_finite() or not 0 < amount < Decimal(10) ** 12:
        raise Fault(f"the budget {typed} is no amount: write 25000, or 25000.50")
    return in_e4(amount)


@campaign.command("new")
@at_option
@click.option("--title", required=True, help="What people in the office call it.")
@click.option("--text", "texts", multiple=True, metavar="fr=TEXT", help="The text; once a language.")
@click.option(
    "--words",
    type=click.Choice(WORDS),
    help="Instead of a text: what is said of this event (gateway sms texts).",
)
@click.option("--under", metavar="CODE", help="Households at or below this organisation; else all of --at.")
@click.option(
    "--cover", "states", multiple=True, type=click.Choice([one.value for one in CoverState]), help="Their cover is so."
)
@click.option("--owing", is_flag=True, help="Something is left to pay.")
@click.option("--overdue", type=click.IntRange(0, 3650), metavar="DAYS", help="Due for so many days, and not paid.")
@click.option("--category", "categories", multiple=True, metavar="CODE", help="They are in this category.")
@click.option("--plan", "plans", multiple=True, metavar="CODE", help="They are enrolled in this plan.")
@click.option("--language", "languages", multiple=True, type=click.Choice(LANGUAGES), help="They speak it.")
@click.option("--not-renewed", is_flag=True, help="Last year's members who aren't enrolled for another year.")
@click.option("--news", is_flag=True, help="To those who asked for the news instead of to households.")
@click.option("--budget", metavar="AMOUNT", help="It pauses rather than cost more, in the organisation's currency.")
@by_option
def new(code: str, title: str, texts: tuple[str, ...], words: str | None, under: str | None, states: tuple[str, ...],
        owing: bool, overdue: int | None, categories: tuple[str, ...], plans: tuple[str, ...],
        languages: tuple[str, ...], not_renewed: bool, news: bool, budget: str | None, name: str) -> None:  # fmt: skip
    """Make a draft: nobody is written to before it is started.

    In a text may stand {card}, {name}, {left} (left to pay), {due} and {date} (what is due next, and when), {until}
    (covered until), {mutuelle} and {code} (to dial). Equal texts go out together, which is quicker: a text without
    {card} and {name} is best.
    """
    from gateway.sms.campaigns.keeping import Draft, create
    from gateway.sms.campaigns.who import Who
    from gateway.sms.templates.kept import words_in_all_languages

    parts = parts_of()
    tree = parts.network.tree()
    place = tree.named(code)
    who = Who(under or place.code, states, owing, overdue, categories, plans, languages, not_renewed)
    if news and who != Who(who.under):
        raise Fault("news go to all who asked for them: leave out who is meant, but for --under")
    _check_codes(parts, who)
    if bool(texts) == bool(words):
        raise Fault("say what is written: --text 'fr=…', or --words with an event of gateway sms texts")
    if words and news != (words == "news"):
        raise Fault("--news has --text, or --words news; households have any other words")
    with parts.store.write() as unit:
        said = words_in_all_languages(unit.connection, tree, place, words) if words else texts_of(texts)
        if words and not said:
            raise Fault(f"nothing is said of {words} yet: gateway sms texts write {words} --at {place.code}")
        draft = Draft("news" if news else "reminder", place.id, title, who, said, name, budget_of(budget))
        number = create(unit, tree, draft)
    click.echo(f"campaign {number} is a draft; next: gateway campaign preview {number}")


def _check_codes(parts: Runtime, who: Who) -> None:
    """Raises :class:`Fault` for a category or a plan that there isn't: nobody would be in it."""
    from sqlalchemy import select

    from gateway.store.schema import category, plan

    with parts.store.read() as connection:
        for what, given, table in (("category", who.categories, category), ("plan", who.plans, plan)):
            known = set(connection.scalars(select(table.c.code))) if given else set()
            for one in given:
                if one not in known:
                    there = ", ".join(sorted(known)) or "none"
                    raise Fault(f"there is no {what} {one}: there are {there}")


@campaign.command("preview")
@number_argument
@json_option
def show_preview(number: int, as_json: bool) -> None:
    """What it would be if it were sent now: how many, in how many parts, at what cost. Nothing is sent."""
    parts = parts_of()
    one, found = _previewed(parts, number)
    show(as_json, lambda: _preview_value(one, found), lambda: _preview_text(one, found))


def _previewed(parts: Runtime, number: int) -> tuple[Campaign, Preview]:
    from gateway.sms.campaigns.preview import preview, price_of_part

    one = _named(parts, number)
    with parts.store.read() as connection:
        price = price_of_part(connection, one.currency, parts.settings.sms_price, parts.settings.currency)
        return one, preview(connection, parts.network.tree(), one, parts.clock.now(), price)


def _named(parts: Runtime, number: int) -> Campaign:
    from gateway.sms.campaigns.keeping import by_id

    with parts.store.read() as connection:
        one = by_id(connection, number)
    if one is None:
        raise Fault(f"there is no campaign {number}: gateway campaign list")
    return one


def _preview_value(one: Campaign, found: Preview) -> dict[str, Any]:
    return found.as_json() | {
        "campaign": one.id,
        "currency": one.currency,
        "by_language": dict(found.by_language),
        "by_parts": {str(parts): count for parts, count in sorted(found.by_parts.items())},
        "examples": [{"language": each.language, "parts": each.parts, "text": each.text} for each in found.examples],
    }


def _preview_text(one: Campaign, found: Preview) -> str:
    cost = about_cost(found.cost_e4, one.currency) if found.price_e4 else "unknown (set SMS_PRICE)"
    lines = [
        f"{counted(found.letters, 'message')}, {counted(found.parts, 'part')}, cost about {cost}",
        *(f"  in {language}: {count}" for language, count in found.by_language.most_common()),
        *(f"  of {parts} parts: {count}" for parts, count in sorted(found.by_parts.items()) if parts > 1),
        *(f"not written to, {_plain(why)}: {count}" for why, count in found.skipped.most_common()),
        *(f"example ({each.language}, {counted(each.parts, 'part')}): {each.text}" for each in found.examples),
    ]
    if found.longest is not None and found.longest not in found.examples:
        lines.append(f"the longest ({counted(found.longest.parts, 'part')}): {found.longest.text}")
    if one.budget_e4 is not None:
        enough = "enough" if found.cost_e4 <= one.budget_e4 else "NOT enough: it will pause"
        lines.append(f"budget {show_cost(one.budget_e4, one.currency)}: {enough}")
    return "\n".join(lines)


def _plain(reason: str) -> str:
    return reason.replace("_", " ")


@campaign.command("try")
@number_argument
@by_option
def try_it(number: int, name: str) -> None:
    """Write an example to the guests: they read the text on their own phones before anybody else does."""
    from gateway.sms.campaigns.guests import guests_of, try_on

    parts = parts_of()
    tree = parts.network.tree()
    one, found = _previewed(parts, number)
    place = tree[one.organisation_id]
    with parts.store.write() as unit:
        count = try_on(unit, one, place, guests_of(unit.connection, tree, place), found.examples, name)
    click.echo(f"an example goes to {counted(count, 'guest')}")


# --- starting and stopping --------------------------------------------------------------------------------------------


@campaign.command()
@number_argument
@click.option(
    "--when",
    type=click.DateTime(["%Y-%m-%d %H:%M"]),
    metavar="'YYYY-MM-DD HH:MM'",
    help="Start at this local time; else now.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@by_option
def start(number: int, when: datetime | None, yes: bool, name: str) -> None:
    """Start it, after its preview was shown. In quiet hours it waits; households that pay meanwhile aren't reminded."""
    from gateway.sms.campaigns import keeping

    parts = parts_of()
    one, found = _previewed(parts, number)
    zone = ZoneInfo(parts.network.tree()[one.organisation_id].time_zone)
    try:
        at = when.replace(tzinfo=zone).astimezone(UTC) if when else None
    except OverflowError:
        raise Fault("there is no such time") from None
    if at is not None and at <= parts.clock.now():
        raise Fault("that time is past")
    if not found.letters:
        raise Fault("nobody would be written to: look at gateway campaign preview")
    if not yes:
        click.echo(_preview_text(one, found))
        click.confirm("start it?", abort=True)
    with parts.store.write() as unit:
        keeping.start(unit, number, name, found.as_json(), at)
    click.echo(f"campaign {number} {'is scheduled' if at else 'runs'}; watch it: gateway campaign show {number}")


@campaign.command()
@number_argument
@by_option
def pause(number: int, name: str) -> None:
    """Stop for now; what is being handed over this moment still goes."""
    from gateway.sms.campaigns import keeping

    with parts_of().store.write() as unit:
        keeping.pause(unit, number, name)
    click.echo(f"campaign {number} is paused; go on: gateway campaign resume {number}")


@campaign.command()
@number_argument
@click.option("--budget", metavar="AMOUNT", help="Another ceiling, where the old one is used up.")
@by_option
def resume(number: int, budget: str | None, name: str) -> None:
    """Go on where it stopped."""
    from gateway.sms.campaigns import keeping

    with parts_of().store.write() as unit:
        keeping.resume(unit, number, name, budget_of(budget))
    click.echo(f"campaign {number} goes on")


@campaign.command()
@number_argument
@by_option
def cancel(number: int, name: str) -> None:
    """End it for good: whoever wasn't written to by now isn't any more."""
    from gateway.sms.campaigns import keeping

    with parts_of().store.write() as unit:
        count = keeping.cancel(unit, number, name)
    click.echo(f"campaign {number} is cancelled; {count} were not written to")


# --- looking ----------------------------------------------------------------------------------------------------------


@campaign.command("list")
@under_option
@limit_option
@json_option
def list_campaigns(under: str | None, limit: int, as_json: bool) -> None:
    """The newest campaigns."""
    from gateway.sms.campaigns.keeping import newest

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = newest(connection, tree, path_of(parts, under), limit)
    heads = ("number", "organisation", "kind", "title", "state", "made", "by")

    def row(one: Campaign) -> tuple[object, ...]:
        state = f"{one.state} ({one.reason})" if one.reason else one.state.value
        made = f"{one.created_at:%Y-%m-%d}"
        return one.id, tree[one.organisation_id].code, one.kind, one.title, state, made, one.by_name

    rows = [row(one) for one in found]
    show(as_json, lambda: [dict(zip(heads, each, strict=True)) for each in rows], lambda: table(rows, heads, (0,)))


@campaign.command("show")
@number_argument
@json_option
def show_campaign(number: int, as_json: bool) -> None:
    """How far it has come, what became of everybody, what it cost, and what was done about it."""
    from gateway.sms.campaigns.keeping import story
    from gateway.sms.campaigns.progress import progress

    parts = parts_of()
    one = _named(parts, number)
    with parts.store.read() as connection:
        found = progress(connection, one, parts.clock.now())
        events = story(connection, number)
        waits = _waits(parts, connection, one) if one.state is State.RUNNING and found.settled < found.total else []
    told = [f"{each.at:%Y-%m-%d %H:%M} UTC {each.what} by {each.by_name}{_note(each.note)}" for each in events]
    show(
        as_json,
        lambda: _progress_value(one, found) | {"waits": waits, "story": told},
        lambda: _progress_text(one, found, waits, told),
    )


def _waits(parts: Runtime, connection: Connection, one: Campaign) -> list[str]:
    """What a running campaign may be waiting for."""
    from gateway.sms.aggregators import troubles
    from gateway.sms.quiet import quiet_for

    now, place = parts.clock.now(), parts.network.tree()[one.organisation_id]
    quiet = quiet_for(now, place)
    waits = [f"quiet hours until {now + quiet:%Y-%m-%d %H:%M} UTC"] if quiet else []
    return waits + [
        f"{each.name}: {_plain(each.reason)} since {each.since:%Y-%m-%d %H:%M} UTC"
        for each in troubles(connection)
        if each.until is not None
    ]


def _note(note: str | None) -> str:
    return f": {note}" if note else ""


def _progress_value(one: Campaign, found: Progress) -> dict[str, Any]:
    return {
        "campaign": one.id,
        "title": one.title,
        "kind": one.kind,
        "who": one.who.as_json(),
        "texts": dict(one.texts),
        "state": one.state.value,
        "reason": one.reason,
        "chosen": one.chosen_at is not None,
        "total": found.total,
        "settled": found.settled,
        "rate_per_s": round(found.rate_per_s, 1),
        "left_s": round(found.left.total_seconds()) if found.left else None,
        "cost_e4": found.cost_e4,
        "uncertain_e4": found.uncertain_e4(one),
        "committed_e4": one.committed_e4,
        "budget_e4": one.budget_e4,
        "currency": one.currency,
        "expected": dict(one.expected),
        "states": [
            {
                "state": each.state,
                "reason": each.reason,
                "count": each.count,
                "parts": each.parts,
                "cost_e4": dict(each.cost_e4),
            }
            for each in found.lines
        ],
    }


def _meant(one: Campaign) -> str:
    """Whom it is for, in a line."""
    who = one.who
    if one.kind == "list":
        return "the numbers of a list"
    asked = {
        "cover": " or ".join(who.states),
        "overdue": "" if who.overdue_days is None else counted(who.overdue_days, "day"),
        "category": " or ".join(who.categories),
        "plan": " or ".join(who.plans),
        "language": " or ".join(who.languages),
        "due on": who.due_on.isoformat() if who.due_on else "",
    }
    words = [f"{what} {value}" for what, value in asked.items() if value]
    words += ["owing"] * who.owing + ["not renewed"] * who.not_renewed
    whom = "who asked for news" if one.kind == "news" else "households"
    return ", ".join([f"{whom} at or below {who.under}", *words])


def _progress_text(one: Campaign, found: Progress, waits: list[str], told: list[str]) -> str:
    state = f"{one.state} ({one.reason})" if one.reason else one.state.value
    lines = [f"campaign {one.id}: {one.title}, {state}", f"to {_meant(one)}"]
    lines += [f"  {language}: {text}" for language, text in one.texts.items()]
    if one.started_at is None and not found.lines:
        lines += ["nobody is chosen before it starts"] if one.state is not State.CANCELLED else []
        return "\n".join([*lines, "", *told])
    counted = "" if one.chosen_at else " so far: they are still being chosen"
    lines.append(f"{found.settled} of {found.total} are settled{counted}")
    lines += [f"it waits for: {each}" for each in waits]
    if found.left is not None:
        lines.append(f"{found.rate_per_s:.1f} a second; about {_span(found.left.total_seconds())} left")
    heads = ("state", "why", "messages", "parts", "cost")
    rows = [
        (each.state, _plain(each.reason or ""), each.count, each.parts, _costs(each.cost_e4)) for each in found.lines
    ]
    lines += ["", table(rows, heads, numbers=(2, 3, 4)), ""]
    lines.append(f"billed: {_costs(found.cost_e4) or show_cost(0, one.currency)}")
    if uncertain := found.uncertain_e4(one):
        lines.append(f"perhaps billed too, of those that nobody can tell of: {show_cost(uncertain, one.currency)}")
    if one.budget_e4 is not None:
        spent = show_cost(one.committed_e4, one.currency)
        lines.append(f"budget: {spent} of {show_cost(one.budget_e4, one.currency)} is spent or may have been")
    return "\n".join([*lines, "", *told])


def _costs(costs: dict[str, int] | Any) -> str:
    return ", ".join(show_cost(e4, currency) for currency, e4 in sorted(costs.items()))


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"


@campaign.command()
@number_argument
@click.option("--csv", "file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where to write.")
def results(number: int, file: Path) -> None:
    """What became of each, as a CSV file: card, section, state, why, parts, cost. It names nobody and no number."""
    from gateway.ledger.exports import without_formula
    from gateway.sms.campaigns.progress import each_result

    parts = parts_of()
    one = _named(parts, number)
    tree = parts.network.tree()
    count = 0
    try:
        out = file.open("w", encoding="utf-8-sig", newline="")
    except OSError as refused:
        raise Fault(f"{file} can't be written: {refused.strerror}") from None
    with out, parts.store.read() as connection:
        rows = csv.writer(out)
        rows.writerow(("card", "section", "phone", "state", "why", "parts", "cost", "currency"))
        for each in each_result(connection, one):
            section = tree[each.section_id].code if each.section_id is not None else ""
            cost = f"{Decimal(each.cost_e4) / 10_000:f}" if each.cost_e4 is not None else ""
            number_shown = mask_number(each.msisdn) if each.msisdn else ""
            why = without_formula(each.reason or "")  # an aggregator's own word, where we don't know it
            rows.writerow((each.card or "", section, number_shown, each.state, why, each.parts, cost,
                           each.currency or ""))  # fmt: skip
            count += 1
    click.echo(f"{file}: {count} {'line' if count == 1 else 'lines'}")


# --- guests -----------------------------------------------------------------------------------------------------------


@campaign.group()
def guests() -> None:
    """Those who read a text before anybody else does."""


@guests.command("add")
@at_option
@click.argument("phone")
@click.argument("name")
@click.option("--language", type=click.Choice(LANGUAGES))
def add_guest(code: str, phone: str, name: str, language: str | None) -> None:
    """Add a guest of an organisation, or change their name and language."""
    from gateway.sms.campaigns.guests import Guest, invite

    def do(parts: Runtime, place: Organisation, msisdn: str) -> str:
        with parts.store.write() as unit:
            invite(unit, place.id, Guest(msisdn, " ".join(name.split())[:60], language))
        return f"guest of {place.code}: {mask_name(name)} {mask_number(msisdn)}"

    _about_guest(code, phone, do)


@guests.command("remove")
@at_option
@click.argument("phone")
def remove_guest(code: str, phone: str) -> None:
    """Take a guest away."""
    from gateway.sms.campaigns.guests import dismiss

    def do(parts: Runtime, place: Organisation, msisdn: str) -> str:
        with parts.store.write() as unit:
            if not dismiss(unit, place.id, msisdn):
                raise Fault(f"{mask_number(msisdn)} is no guest of {place.code}")
        return f"no longer a guest of {place.code}: {mask_number(msisdn)}"

    _about_guest(code, phone, do)


def _about_guest(code: str, phone: str, do: Callable[[Runtime, Organisation, str], str]) -> None:
    from gateway.kernel.msisdn import BadMsisdn, read_msisdn

    parts = parts_of()
    place = parts.network.tree().named(code)
    try:
        msisdn = read_msisdn(phone, place.country)
    except BadMsisdn:
        raise Fault(f"{mask_number(phone)} is not a mobile number of {place.country}") from None
    click.echo(do(parts, place, msisdn))


@guests.command("list")
@at_option
@json_option
def list_guests(code: str, as_json: bool) -> None:
    """The guests of an organisation and of those above it, masked."""
    from gateway.sms.campaigns.guests import guests_of

    parts = parts_of()
    tree = parts.network.tree()
    with parts.store.read() as connection:
        found = guests_of(connection, tree, tree.named(code))
    heads = ("name", "phone", "language")
    rows = [(mask_name(one.name), mask_number(one.msisdn), one.language or "") for one in found]
    show(as_json, lambda: [dict(zip(heads, row, strict=True)) for row in rows], lambda: table(rows, heads))
