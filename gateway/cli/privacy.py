"""Commands about people's own data: who looked, what was agreed to, what is kept, and how it is forgotten in time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, counted, family_of, limit_option, parts_of, path_of, under_option
from gateway.kernel.card import show_card
from gateway.kernel.clock import day_in
from gateway.kernel.faults import Fault
from gateway.locale import Say

if TYPE_CHECKING:
    from gateway.membership.households import Household
    from gateway.wiring import Runtime

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def privacy() -> None:
    """People's own data: who looked at it, what they agreed to, what is kept, and what is forgotten."""


@privacy.command("looks")
@click.argument("card")
@limit_option
@json_option
def list_looks(card: str, limit: int, as_json: bool) -> None:
    """Who looked at a household, the latest first: each once for an hour."""
    from gateway.privacy.looking import looks_at

    parts = parts_of()
    one = family_of(parts, card)
    with parts.store.read() as connection:
        found = looks_at(connection, one.id, limit)

    def as_value() -> list[dict[str, object]]:
        return [{"hour": each.hour.isoformat(), "by": each.by, "how": each.how} for each in found]

    def as_text() -> str:
        rows = [(f"{each.hour:%Y-%m-%d %H}h", each.by, each.how) for each in found]
        return table(rows, ("hour (UTC)", "by", "how")) if rows else "nobody looked"

    show(as_json, as_value, as_text)


@privacy.command("consent")
@click.argument("card")
@click.option("--paper", is_flag=True, help="Write down that they agreed on paper: with --on and --by.")
@click.option("--withdraw", is_flag=True, help="Write down that they took it back: with --by.")
@click.option("--on", type=DAY, help="The day on the paper, like 2026-12-31; today without it.")
@click.option("--by", "name", metavar="NAME", help="Who writes it down: it is kept.")
@json_option
def consent(card: str, paper: bool, withdraw: bool, on: datetime | None, name: str | None, as_json: bool) -> None:
    """What a household agreed to, the newest first: that one counts."""
    from gateway.membership.consents import Agreed, consents_of, write_consent
    from gateway.membership.known import language_of

    parts = parts_of()
    one = family_of(parts, card)
    if paper and withdraw:
        raise Fault("say --paper or --withdraw, not both")
    if (paper or withdraw) and name is None:
        raise Fault("say who writes it down: --by NAME")
    if paper or withdraw:
        with parts.store.write() as unit:
            agreed, day = Agreed("paper" if paper else "office", name), on.date() if on is not None else None
            language = language_of(unit.connection, one.id)
            write_consent(unit, parts.network.tree(), one.id, one.section_id, agreed, language, given=paper, on=day)
    with parts.store.read() as connection:
        found = consents_of(connection, one.id)

    def as_value() -> list[dict[str, object]]:
        return [
            {"given": each.given, "way": each.way, "on": each.on.isoformat(), "by": each.by, "language": each.language,
             "version": each.version, "text": each.text}
            for each in found
        ]  # fmt: skip

    def as_text() -> str:
        rows = [
            (each.on, "agreed" if each.given else "took it back", each.way, each.by or "the household",
             f"text {each.version} ({each.language})" if each.version else "no text in force")
            for each in found
        ]  # fmt: skip
        return table(rows, ("day", "what", "by which way", "written by", "to what")) if rows else "nothing written down"

    show(as_json, as_value, as_text)


@privacy.command("consent-text")
@click.argument("organisation")
@click.argument("language", type=click.Choice(["fr", "en", "rn", "sw"]))
@click.argument("text")
@by_option
def consent_text(organisation: str, language: str, text: str, name: str) -> None:
    """Write what the households of an organisation and those below it are told when they register: a new version."""
    from gateway.membership.consents import write_text

    parts = parts_of()
    one = parts.network.tree().named(organisation)
    with parts.store.write() as unit:
        version = write_text(unit, one.id, language, text, name)
    click.echo(f"{one.name}: version {version} in {language}")


@privacy.command("show")
@click.argument("card")
@click.option("--zip", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write all of it to this file.")
@click.option("--by", "name", metavar="NAME", help="Who looks: it is written down that they did.")
@json_option
def show_kept(card: str, file: Path | None, name: str | None, as_json: bool) -> None:
    """What is kept about a household: how many rows of what; all of it with --zip or --json, and --by."""
    from gateway.ledger.exports import whole
    from gateway.privacy.kept import as_value, as_zip, kept_about
    from gateway.privacy.looking import Looker, looked

    parts = parts_of()
    one, say, now = family_of(parts, card), Say("en"), parts.clock.now()
    if (file is not None or as_json) and name is None:
        raise Fault("say who looks: --by NAME")
    with parts.store.read() as connection:
        kept = kept_about(connection, one.id)
    if name is not None:
        looked(parts.store, Looker.command(name), [one.id], now)
    if file is not None:
        language = parts.network.tree().books_of(one.section_id).languages[0]
        with whole(file) as part:
            part.write_bytes(as_zip(kept, one.card, now, Say(language)))
        click.echo(f"{file}: {sum(len(each.rows) for each in kept)} rows of {len(kept)} kinds")
        return
    rows = [(each.part.table.name, say(each.part.about), len(each.rows)) for each in kept]
    show(as_json, lambda: as_value(kept, one.card, now, say), lambda: table(rows, ("table", "what", "rows"), (2,)))


@privacy.command("requests")
@under_option
@click.option("--all", "every", is_flag=True, help="Also those that are answered.")
@limit_option
@json_option
def list_requests(under: str | None, every: bool, limit: int, as_json: bool) -> None:
    """Who asked what is kept about them, and until when an answer is due; names aren't shown here."""
    from gateway.privacy.asking import data_requests

    parts = parts_of()
    with parts.store.read() as connection:
        found = data_requests(connection, path_of(parts, under), every=every, limit=limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {"id": each.id, "card": each.card, "asked_on": each.asked_on.isoformat(), "due_on": each.due_on.isoformat(),
             "written_by": each.by, "answered_by": each.answered_by}
            for each in found
        ]  # fmt: skip

    def as_text() -> str:
        rows = [(each.id, show_card(each.card), each.asked_on, each.due_on, each.answered_by or "") for each in found]
        return table(rows, ("id", "card", "asked", "due", "answered by"), (0,)) if rows else "nobody waits"

    show(as_json, as_value, as_text)


@privacy.command("ask")
@click.argument("card")
@click.option("--asked-by", required=True, metavar="NAME", help="Who asks.")
@click.option("--checked", required=True, help="How it was made sure who they are.")
@click.option("--on", type=DAY, help="When they asked; today without it.")
@by_option
def write_request(card: str, asked_by: str, checked: str, on: datetime | None, name: str) -> None:
    """Write down that somebody asks what is kept about their household: due in a month."""
    from gateway.privacy.asking import ask

    parts = parts_of()
    one = family_of(parts, card)
    today = day_in(one.time_zone, parts.clock.now())
    day = on.date() if on is not None else today
    with parts.store.write() as unit:
        its_id = ask(unit, one.id, one.section_id, asked_by, checked, day, today, name)
    click.echo(f"request {its_id} is written down")


@privacy.command("answered")
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@by_option
def write_answered(number: int, name: str) -> None:
    """A request was answered."""
    from gateway.privacy.asking import answered

    with parts_of().store.write() as unit:
        done = answered(unit, number, name)
    if not done:
        raise Fault(f"no request {number} waits for an answer")
    click.echo(f"request {number} is answered")


@privacy.command("keep")
@click.argument("organisation")
@click.argument("years", type=int)
@click.option("--source", required=True, help="The law or the decision that says so.")
@by_option
def keep_years(organisation: str, years: int, source: str, name: str) -> None:
    """Keep households of an organisation and those below it for so many years after they left."""
    from gateway.privacy.keeping import keep_for

    parts = parts_of()
    one = parts.network.tree().named(organisation)
    with parts.store.write() as unit:
        keep_for(unit, one.id, years, source, name)
    click.echo(f"{one.name}: {years} years")


@privacy.command("due")
@under_option
@limit_option
@json_option
def list_due(under: str | None, limit: int, as_json: bool) -> None:
    """Households whose time is over: their last movement, and since when they could be forgotten."""
    from gateway.privacy.keeping import due

    parts = parts_of()
    with parts.store.read() as connection:
        found = due(connection, parts.network.tree(), path_of(parts, under), parts.clock.now(), limit=limit)

    def as_value() -> list[dict[str, object]]:
        return [
            {"card": each.card, "last_on": each.last_on.isoformat(), "due_on": each.due_on.isoformat()}
            for each in found
        ]  # fmt: skip

    def as_text() -> str:
        rows = [(show_card(each.card), each.last_on, each.due_on) for each in found]
        return table(rows, ("card", "last movement", "since")) if rows else "nobody's time is over"

    show(as_json, as_value, as_text)


@privacy.command("ask-erase")
@click.argument("card")
@by_option
def ask_erase(card: str, name: str) -> None:
    """Ask that a household be made nameless; another person does it."""
    from gateway.privacy.erasing import ask_erasure

    parts = parts_of()
    one = family_of(parts, card)
    with parts.store.write() as unit:
        ask_erasure(unit, parts.network.tree(), one, name)
    click.echo(f"card {show_card(one.card)}: asked for; another person does it")


@privacy.command("erase")
@click.argument("card", required=False)
@click.option("--due", "all_due", is_flag=True, help="Every household that was asked for and whose time is over.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done, or why it can't be.")
@under_option
@by_option
def erase_households(card: str | None, all_due: bool, dry_run: bool, under: str | None, name: str) -> None:
    """Make households nameless that another person asked for: names, numbers and words go, the books stay."""
    parts = parts_of()
    if (card is None) is not all_due:
        raise Fault("say a CARD, or --due")
    if card is not None:
        click.echo(_erase_one(parts, family_of(parts, card), name, dry_run))
        return
    from gateway.privacy.erasing import NotYet

    done = 0
    for one in _asked_for(parts, under):
        try:
            click.echo(_erase_one(parts, one, name, dry_run))
            done += 1
        except NotYet as why:
            click.echo(f"card {show_card(one.card)} stays: {why}")
    click.echo(counted(done, "household"))
    if not dry_run:
        _age(parts)


def _asked_for(parts: Runtime, under: str | None) -> list[Household]:
    from gateway.membership.households import by_id
    from gateway.privacy.erasing import asked_for

    tree = parts.network.tree()
    with parts.store.read() as connection:
        ids = asked_for(connection, path_of(parts, under), 1_000)
        return [by_id(connection, tree, each) for each in ids]


def _erase_one(parts: Runtime, one: Household, name: str, dry_run: bool) -> str:
    from gateway.privacy.erasing import erase, refuse
    from gateway.store.tracing import Outside, trace

    tree = parts.network.tree()
    if dry_run:
        with parts.store.read() as connection:
            refuse(connection, tree, one, parts.clock.now())
        return f"card {show_card(one.card)} would be made nameless"
    with parts.store.write() as unit:
        counts = erase(unit, tree, one, name)
        trace(unit, by=Outside(name), organisation_id=one.section_id, what="household.erased",
              about=f"household:{one.id}", address="", after=dict(counts))  # fmt: skip
    return f"card {show_card(one.card)} is nameless: {sum(counts.values())} rows changed"


def _age(parts: Runtime) -> None:
    from gateway.privacy.ageing import ageing
    from gateway.privacy.keeping import USUAL_YEARS, keeping_times

    with parts.store.read() as connection:
        longest = max([USUAL_YEARS, *(each.years for each in keeping_times(connection).values())])
    rows = sum(count for _, count in ageing(parts.store, parts.clock.now(), longest))
    click.echo(f"{rows} old rows emptied")
