"""Commands around the phone: one in the terminal, and the map of its menu."""

from __future__ import annotations

import click

from gateway.kernel.faults import Fault
from gateway.settings import Settings


@click.command()
@click.argument("msisdn")
@click.option("--dial", "code", help="The short code; by default that of the number's own country.")
@click.option("--type", "typed", help="Answers to type, separated by commas; without it, you type.")
def phone(msisdn: str, code: str | None, typed: str | None) -> None:
    """A basic phone in the terminal, e.g. gateway phone +25761234567."""
    from gateway.demo.handset import Handset
    from gateway.kernel.msisdn import BadMsisdn, read_caller
    from gateway.ussd.phone import Phone, play
    from gateway.wiring import Runtime

    settings = Settings.from_env()
    try:
        number = read_caller(msisdn)
    except BadMsisdn:
        raise Fault("write the number with its country code: a plus and 8 to 15 digits") from None
    one = Phone(number, f"{settings.public_url}/ussd/africastalking/{settings.webhook_secret.get_secret_value()}")
    dialled = code or _code_for(Runtime(settings), number)
    if typed is not None:
        play(one, dialled, [each.strip() for each in typed.split(",")], click.echo)
        return
    click.echo(f"dialling {dialled} from {number}; an empty line hangs up, 98, 0 and 00 are as on the screen")
    one.dial(dialled)
    click.echo(one.drawn())
    while one.open:
        answer = click.prompt("", default="", show_default=False, prompt_suffix="  > ")
        if not answer:
            click.echo("  (hung up)")
            break
        one.answer(answer)
        click.echo(one.drawn())
    if settings.demo:
        Handset(settings, number).after_the_call()


def _code_for(parts: object, msisdn: str) -> str:
    from gateway.kernel.msisdn import country_of
    from gateway.wiring import Runtime

    assert isinstance(parts, Runtime)
    tree = parts.network.tree()
    codes = [(code, tree[one.organisation_id].country) for code, one in sorted(tree.codes.items())]
    own = [code for code, country in codes if country == country_of(msisdn)]
    if not codes:
        raise Fault("no short code is known: load a sample, or name one with --dial")
    return own[0] if own else codes[0][0]


@click.command()
def menu_map() -> None:
    """The map of the menu, in Mermaid; fails on a screen without entry or exit."""
    from gateway.ussd.menu_map import drawing

    click.echo(drawing())
