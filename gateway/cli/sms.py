"""Commands about SMS: what one costs, the texts that a mutuelle has of its own, and what became of what was sent."""

from __future__ import annotations

import importlib
import json

import click

# Where each command lives; none is imported before it is asked for.
COMMANDS = {
    "check": "sms",
    "texts": "sms_texts",
    "report": "sms_delivery",
    "failing": "sms_delivery",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"gateway.cli.{COMMANDS[cmd_name]}"), cmd_name)
        return command


@click.group(cls=_Lazy)
def sms() -> None:
    """What becomes of a text on its way, and what people are written in which words."""


@click.command()
@click.argument("text")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(text: str, as_json: bool) -> None:
    """A text as it would leave, its septets and its parts, and what became of its letters."""
    from gateway.cli.given import counted
    from gateway.sms.gsm7 import fold, parts, septets
    from gateway.sms.templates.checking import letters

    folded = fold(text)
    found = {"text": folded, "septets": septets(folded), "parts": parts(folded)}
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        click.echo(f"{folded}\n{counted(septets(folded), 'septet')}, {counted(parts(folded), 'part')}")
        otherwise, left_out = letters(text)
        if otherwise:
            click.echo("written otherwise: " + ", ".join(f"{one} as {other}" for one, other in otherwise))
        if left_out:
            click.echo("left out: " + " ".join(left_out))
