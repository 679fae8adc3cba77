"""The command ``gateway``: what goes wrong is one line that says what to do; settings that are wrong exit with 2."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from gateway import __version__
from gateway.kernel.faults import Fault
from gateway.kernel.masking import mask_text

# Each command lives in a module of this package; none is imported before it is asked for.
COMMANDS = {
    "migrate": "serve",
    "run": "serve",
    "worker": "serve",
    "scheduler": "serve",
    "up": "serve",
    "sample": "data",
    "organisations": "data",
    "households": "data",
    "staff": "people",
    "facilities": "care",
    "visits": "care",
    "complaints": "requests",
    "callbacks": "requests",
    "cover": "cover",
    "report": "data",
    "indicators": "indicators",
    "collections": "money",
    "ledger": "ledger",
    "takings": "money",
    "receipt": "money",
    "incoming": "incoming",
    "statement": "statements",
    "reconcile": "reconciling",
    "cases": "cases",
    "refunds": "refunds",
    "groups": "groups",
    "plans": "dues",
    "subsidy": "subsidies",
    "categories": "categories",
    "phone": "phones",
    "sms": "sms",
    "campaign": "campaigns",
    "reminders": "reminders",
    "duplicates": "duplicates",
    "fhir": "fhir",
    "dhis2": "dhis2",
    "exchange": "software",
    "dump": "dump",
    "load": "dump",
    "menu-map": "phones",
    "api": "api",
    "docs": "docs",
    "webhooks": "webhooks",
    "privacy": "privacy",
    "demo": "demo",
    "stand-in": "demo",
}


# Those that speak with a running demonstration when there are no settings. None that serves or migrates is among them.
JOINS = {
    "sample",
    "organisations",
    "households",
    "staff",
    "facilities",
    "visits",
    "complaints",
    "callbacks",
    "cover",
    "report",
    "indicators",
    "collections",
    "ledger",
    "takings",
    "receipt",
    "incoming",
    "statement",
    "reconcile",
    "cases",
    "refunds",
    "groups",
    "plans",
    "subsidy",
    "categories",
    "campaign",
    "reminders",
    "fhir",
    "dhis2",
    "exchange",
    "dump",
    "webhooks",
    "privacy",
    "phone",
    "sms",
    "api",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"gateway.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway")
def cli() -> None:
    """Cotisa: enrolment and contributions for health mutuelles, by USSD, SMS and mobile money."""


def main() -> None:
    """Run a command; a fault is told in one line on standard error."""
    from gateway.settings import BadSettings

    _join_demonstration()
    try:
        cli(standalone_mode=False)
    except BadSettings as wrong:
        hint = "" if "DATABASE_URL" in os.environ else " (see docs/settings.md, or start the demonstration: make demo)"
        _leave(str(wrong) + hint, 2)
    except Fault as fault:
        _leave(str(fault), 1)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _leave("stopped", 130)
    except click.ClickException as usage:
        usage.show()
        sys.exit(usage.exit_code)
    except UnicodeEncodeError:
        _leave("a letter that was typed is no UTF-8", 1)
    except BrokenPipeError:
        sys.stderr.close()


def _leave(line: str, code: int) -> None:
    print(f"gateway: {mask_text(line)}", file=sys.stderr)
    sys.exit(code)


def _join_demonstration() -> None:
    """With no settings at all, a command that looks at data looks at the demonstration that this user has running."""
    if "DATABASE_URL" in os.environ or not JOINS.intersection(sys.argv[1:2]) or {"-h", "--help"} & set(sys.argv):
        return
    from gateway.demo.place import running

    found = running()
    if found is not None:
        os.environ.update(found)
        print("(with the demonstration that is running)", file=sys.stderr)


def table(rows: Iterable[Sequence[object]], heads: Sequence[str], numbers: Sequence[int] = ()) -> str:
    """Rows as aligned text; columns named in ``numbers`` are set to the right."""
    cells = [[str(value) for value in row] for row in [heads, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in numbers else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def show(as_json: bool, value: Callable[[], Any], text: Callable[[], str]) -> None:
    """Print a listing for people, or as JSON."""
    click.echo(json.dumps(value(), indent=2, ensure_ascii=False, default=str) if as_json else text())


@contextmanager
def counting(label: str) -> Iterator[Callable[[int], None]]:
    """Tells on standard error how many are done by now, where somebody watches."""
    shown = sys.stderr.isatty()

    def tell(done: int) -> None:
        if shown:
            click.echo(f"\r{label}: {done:,}".replace(",", " "), nl=False, err=True)

    try:
        yield tell
    finally:
        if shown:
            click.echo(err=True)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
