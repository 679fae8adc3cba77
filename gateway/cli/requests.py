"""Commands about what people ask of their mutuelle: the complaint book, and who is to be called back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.kernel.card import show_card
from gateway.settings import Settings
from gateway.wiring import Runtime

if TYPE_CHECKING:
    from gateway.membership.requests import Kind, Request
    from gateway.network.organisations import Tree

under_option = click.option("--under", metavar="CODE", help="The code of an organisation: its own and those below it.")
limit_option = click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
by_option = click.option("--by", "name", required=True, metavar="NAME", help="Who did it: it stands in the book.")


def _parts() -> Runtime:
    return Runtime(Settings.from_env(), patient=True)


def _found(kind: Kind, under: str | None, limit: int, every: bool) -> tuple[Tree, list[Request]]:
    from gateway.membership.requests import newest_requests, open_requests

    parts = _parts()
    tree = parts.network.tree()
    ask = newest_requests if every else open_requests
    with parts.store.read() as connection:
        return tree, ask(connection, tree.named(under).path if under else "/", kind, limit)


@click.group()
def complaints() -> None:
    """The complaint book: read it, and answer by SMS."""


@complaints.command("list")
@under_option
@limit_option
@click.option("--all", "every", is_flag=True, help="Also those that are answered, the newest first.")
@json_option
def list_complaints(under: str | None, limit: int, every: bool, as_json: bool) -> None:
    """The complaints that wait for an answer, the oldest first."""
    tree, found = _found("complaint", under, limit, every)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": one.number,
                "created_at": one.created_at.isoformat(),
                "organisation": tree[one.organisation_id].code,
                "card": one.card,
                "category": one.category,
                "text": one.text,
                "state": one.state,
                "answered_at": one.answered_at.isoformat() if one.answered_at else None,
                "answered_by": one.answered_by,
                "answer": one.answer,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.created_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                show_card(one.card) if one.card else "",
                one.category,
                one.text,
                f"{one.answered_by}: {one.answer}" if one.state == "answered" else "",
            )
            for one in found
        ]
        return table(rows, ("number", "created (UTC)", "organisation", "card", "about", "complaint", "answer"))

    show(as_json, as_value, as_text)


@complaints.command("answer")
@click.argument("number")
@click.argument("text")
@by_option
def answer_complaint(number: str, text: str, name: str) -> None:
    """Answer a complaint, once: the text goes by SMS to the phone that it came from."""
    from gateway.sms.complaints import answer_complaint as answer

    with _parts().store.write() as unit:
        done, sms = answer(unit, number, name, text)
    click.echo(f"complaint {done.number} is answered: {sms}")


@click.group()
def callbacks() -> None:
    """Who asked to be called back."""


@callbacks.command("list")
@under_option
@limit_option
@json_option
def list_callbacks(under: str | None, limit: int, as_json: bool) -> None:
    """Whom to call, the oldest wish first; their numbers in full, since they are to be dialled."""
    tree, found = _found("callback", under, limit, every=False)

    def as_value() -> list[dict[str, object]]:
        return [
            {
                "number": one.number,
                "created_at": one.created_at.isoformat(),
                "organisation": tree[one.organisation_id].code,
                "card": one.card,
                "phone": one.msisdn,
            }
            for one in found
        ]

    def as_text() -> str:
        rows = [
            (
                one.number,
                f"{one.created_at:%Y-%m-%d %H:%M}",
                tree[one.organisation_id].code,
                show_card(one.card) if one.card else "",
                one.msisdn,
            )
            for one in found
        ]
        return table(rows, ("number", "asked (UTC)", "organisation", "card", "phone"))

    show(as_json, as_value, as_text)


@callbacks.command("done")
@click.argument("number")
@by_option
def callback_done(number: str, name: str) -> None:
    """Somebody was called back."""
    from gateway.sms.complaints import call_made

    with _parts().store.write() as unit:
        done = call_made(unit, number, name)
    click.echo(f"call back {done.number} is done")
