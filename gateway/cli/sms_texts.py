"""Commands about the texts that a mutuelle has of its own: who says what, how it would leave, at what cost."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import counted, parts_of
from gateway.kernel.faults import Fault
from gateway.sms.costs import show_cost

if TYPE_CHECKING:
    from gateway.network.organisations import Organisation, Tree
    from gateway.sms.templates.checking import Checked, Leaving
    from gateway.sms.templates.events import Event, Setting
    from gateway.sms.templates.kept import Version
    from gateway.wiring import Runtime

at_option = click.option("--at", "code", required=True, metavar="CODE", help="The organisation that says it.")
language_option = click.option("--language", metavar="LL", help="By default the first that the organisation offers.")
by_option = click.option("--by", "name", required=True, metavar="NAME", help="Who writes it: it is kept.")

OURS = "Cotisa's"


@click.group()
def texts() -> None:
    """The words of receipts, confirmations and reminders, by mutuelle and language."""


@texts.command("list")
@click.option("--at", "code", metavar="CODE", help="What this organisation says of every event, and whose words it is.")
@json_option
def list_texts(code: str | None, as_json: bool) -> None:
    """The texts that organisations have of their own; with --at also what is said in Cotisa's."""
    from gateway.sms.templates.kept import newest, said_by

    parts = parts_of()
    tree = parts.network.tree()
    found: list[tuple[str, str, Version | None]]
    with parts.store.read() as connection:
        if code is None:
            found = [(one.event, one.language, one) for one in newest(connection)]
        else:
            place = tree.named(code)
            found = [
                (event, language, said_by(connection, tree, place.id, event, language))
                for event, language in _all_of(place)
            ]

    def as_value() -> list[dict[str, object]]:
        return [{"event": event, "language": language, **_said(tree, one)} for event, language, one in found]

    def as_text() -> str:
        rows = []
        for event, language, one in found:
            by = tree[one.organisation_id].code if one is not None else OURS
            rows.append((event, language, by, one.version if one is not None else "", _words(one)))
        return table(rows, ("event", "language", "whose", "version", "text"), numbers=(3,))

    show(as_json, as_value, as_text)


def _all_of(place: Organisation) -> Iterator[tuple[str, str]]:
    from gateway.sms.templates.events import EVENTS

    for event in EVENTS:
        for language in place.languages:
            yield event, language


def _said(tree: Tree, one: Version | None) -> dict[str, object]:
    """Whose words decide, as JSON; ``text`` null: ours."""
    return {
        "organisation": tree[one.organisation_id].code if one is not None else None,
        "version": one.version if one is not None else None,
        "text": one.text if one is not None else None,
        "written_at": one.written_at.isoformat() if one is not None else None,
        "by": one.by_name if one is not None else None,
    }


def _words(one: Version | None) -> str:
    if one is None:
        return ""
    return one.text if one.text is not None else "(Cotisa's again)"


@texts.command("show")
@click.argument("event")
@at_option
@language_option
@click.option("--versions", is_flag=True, help="All that the organisation itself has said, the newest first.")
@json_option
def show_text(event: str, code: str, language: str | None, versions: bool, as_json: bool) -> None:
    """What is said of an event, whose words these are, and what may stand in them."""
    from gateway.sms.templates.events import event_named
    from gateway.sms.templates.kept import history, said_by

    kind = event_named(event)
    parts, tree, place, setting = _at(code, language)
    with parts.store.read() as connection:
        decides = said_by(connection, tree, place.id, event, setting.language)
        past = history(connection, place.id, event, setting.language)
    own = decides.text if decides is not None else None
    longest = _longest(kind, setting)
    rows = [
        (f"{{{one.name}}}", one.meaning, longest[one.name], "cut where room is short" if one.gives_way else "")
        for one in kind.placeholders
    ]

    def as_value() -> dict[str, object]:
        return {
            "event": event,
            "language": setting.language,
            **_said(tree, decides),
            "ours": kind.words(setting.language),
            "example_in_our_words": kind.in_our_words(setting),
            "most_parts": kind.most_parts,
            "needed": [list(one_of) for one_of in kind.needed],
            "placeholders": [
                {"name": one.name, "meaning": one.meaning, "gives_way": one.gives_way, "longest": longest[one.name]}
                for one in kind.placeholders
            ],
            "versions": [_said(tree, one) for one in past],
        }

    def as_text() -> str:
        lines = [
            f"{event} ({kind.meaning}), {place.code}, {setting.language}: at most {counted(kind.most_parts, 'part')}"
        ]
        if own is not None and decides is not None:
            lines += [f"says {_who(tree, decides)}:", f"  {own}"]
        else:
            words = kind.words(setting.language) or kind.in_our_words(setting)
            since = f", by {_who(tree, decides)}" if decides is not None else ""
            said = [f"said in Cotisa's words{since}:", f"  {words}"]
            lines += said if words else ["nothing is said unless it is written"]
        lines += ["", table(rows, ("may stand in it", "what it is", "septets at most", ""), (2,))]
        if kind.needed:
            needed = (" or ".join(f"{{{name}}}" for name in one_of) for one_of in kind.needed)
            lines.append(f"must stand in it: {', '.join(needed)}")
        if versions:
            written = [(one.version, f"{one.written_at:%Y-%m-%d %H:%M}", one.by_name, _words(one)) for one in past]
            lines += ["", table(written, ("version", "written (UTC)", "by", "text"), (0,))]
        return "\n".join(lines)

    show(as_json, as_value, as_text)


def _who(tree: Tree, one: Version) -> str:
    code = tree[one.organisation_id].code
    return f"{code}, version {one.version} of {one.written_at:%Y-%m-%d %H:%M} UTC by {one.by_name}"


def _longest(kind: Event, setting: Setting) -> dict[str, int]:
    """The septets that each placeholder takes at most."""
    from gateway.sms.gsm7 import fold, septets

    most: dict[str, int] = {}
    for values in kind.longest(setting):
        for name, value in values.items():
            most[name] = max(most.get(name, 0), septets(fold(setting.say.show(value))))
    return most


@texts.command("preview")
@click.argument("event")
@at_option
@language_option
@click.option("--text", help="A text to try; else what is said now. - reads it from standard input.")
@json_option
def preview(event: str, code: str, language: str | None, text: str | None, as_json: bool) -> None:
    """An ordinary case and the longest as they would leave, with their parts and cost. Nothing is kept."""
    from gateway.sms.templates.checking import Leaving, check
    from gateway.sms.templates.events import event_named
    from gateway.sms.templates.kept import words_for

    kind = event_named(event)
    parts, tree, place, setting = _at(code, language)
    with parts.store.read() as connection:
        own = _given(text) if text is not None else words_for(connection, tree, place.id, event, setting.language)
    own = own if own is not None else kind.words(setting.language)
    if own is not None:
        _show_checked(parts, place, check(kind, own, setting), as_json)
        return
    ours = kind.in_our_words(setting)
    if ours is None:
        raise Fault(f"nothing is said of {event} unless it is written: give a text to try (--text)")
    price = _price(parts, place)
    leaving = Leaving(ours)
    show(
        as_json,
        lambda: {"example": _leaving_value(leaving, price, place)},
        lambda: "\n".join([*_leaving_lines("in Cotisa's words", leaving, price, place), "never more than one part"]),
    )


@texts.command("write")
@click.argument("event")
@click.argument("text")
@at_option
@language_option
@by_option
@json_option
def write_text(event: str, text: str, code: str, language: str | None, name: str, as_json: bool) -> None:
    """Say an event in these words from now on, after they are checked; - reads them from standard input."""
    from gateway.sms.templates.checking import check
    from gateway.sms.templates.events import event_named
    from gateway.sms.templates.kept import write

    kind = event_named(event)
    parts, tree, place, setting = _at(code, language)
    words = _given(text)
    checked = check(kind, words, setting)
    with parts.store.write() as unit:
        version = write(unit, tree, place, event, setting.language, words, name)
    if not as_json:
        click.echo(f"{place.code} says {event} in {setting.language} in these words, version {version}:")
    _show_checked(parts, place, checked, as_json, version)


@texts.command("reset")
@click.argument("event")
@at_option
@language_option
@by_option
def reset(event: str, code: str, language: str | None, name: str) -> None:
    """Say it in Cotisa's words again, there and below, whatever an organisation above says."""
    from gateway.sms.templates.kept import write

    parts = parts_of()
    tree = parts.network.tree()
    place = tree.named(code)
    spoken = language or place.languages[0]
    with parts.store.write() as unit:
        version = write(unit, tree, place, event, spoken, None, name)
    click.echo(f"{place.code} says {event} in {spoken} in Cotisa's words again, version {version}")


def _at(code: str, language: str | None) -> tuple[Runtime, Tree, Organisation, Setting]:
    """The organisation with a code, and how it speaks."""
    from gateway.sms.templates.checking import setting_of

    parts = parts_of()
    tree = parts.network.tree()
    place = tree.named(code)
    return parts, tree, place, setting_of(tree, place.id, language or place.languages[0])


def _given(text: str) -> str:
    return sys.stdin.read() if text == "-" else text


# --- what it would cost -----------------------------------------------------------------------------------------------


def _price(parts: Runtime, place: Organisation) -> int:
    """What a part costs there, in ten-thousandths; zero where nobody knows."""
    from gateway.sms.campaigns.preview import price_of_part

    with parts.store.read() as connection:
        return price_of_part(connection, place.currency, parts.settings.sms_price, parts.settings.currency)


def _show_checked(
    parts: Runtime, place: Organisation, checked: Checked, as_json: bool, version: int | None = None
) -> None:
    price = _price(parts, place)

    def as_value() -> dict[str, object]:
        return {
            **({"version": version} if version is not None else {}),
            "text": checked.text,
            "example": _leaving_value(checked.example, price, place),
            "longest": _leaving_value(checked.longest, price, place),
            "folded": dict(checked.folded),
            "left_out": list(checked.left_out),
        }

    def as_text() -> str:
        lines = [
            *_leaving_lines("an ordinary case, with made-up data", checked.example, price, place),
            *_leaving_lines("the longest that may come, with made-up data", checked.longest, price, place),
        ]
        if checked.folded:
            lines.append("written otherwise: " + ", ".join(f"{one} as {other}" for one, other in checked.folded))
        if checked.left_out:
            lines.append("left out: " + " ".join(checked.left_out))
        return "\n".join(lines)

    show(as_json, as_value, as_text)


def _leaving_value(one: Leaving, price: int, place: Organisation) -> dict[str, object]:
    return {
        "text": one.text,
        "septets": one.septets,
        "parts": one.parts,
        "cost_e4": one.parts * price if price else None,
        "currency": place.currency,
    }


def _leaving_lines(what: str, one: Leaving, price: int, place: Organisation) -> Sequence[str]:
    cost = f"{show_cost(one.parts * price, place.currency)} each" if price else "cost unknown (set SMS_PRICE)"
    return f"{what}: {one.septets} septets, {counted(one.parts, 'part')}, {cost}", f"  {one.text}"
