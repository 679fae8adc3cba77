"""Commands about profiles: how somebody's own tables are read, saved under a name, listed and shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli import json_option, show, table
from gateway.cli.given import by_option, parts_of
from gateway.kernel.faults import Fault

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.payments.statements.profiles import Mapping

NAME_CHARACTERS, BY_CHARACTERS = 40, 60


@click.group()
def profile() -> None:
    """How tables of layouts that aren't known are read: see docs/statements.md."""


@profile.command("save")
@click.argument("called", metavar="NAME")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@by_option
def save(called: str, file: Path, name: str) -> None:
    """Keep the profile in FILE (JSON) under a NAME; one of that name is replaced."""
    from gateway.payments.statements.profiles import from_json, save_profile

    called, name = called.strip(), name.strip()
    if not 0 < len(called) <= NAME_CHARACTERS or not 0 < len(name) <= BY_CHARACTERS:
        raise Fault(f"a profile's name has 1 to {NAME_CHARACTERS} letters, and who saves it 1 to {BY_CHARACTERS}")
    try:
        mapping = from_json(json.loads(file.read_text(encoding="utf-8-sig")))
    except OSError as refused:
        raise Fault(f"{file}: {refused.strerror}") from None
    except ValueError as wrong:  # no JSON, or no text
        raise Fault(f"{file.name} is no JSON: {wrong}") from None
    except Fault as wrong:
        raise Fault(f"{file.name}: {wrong}") from None
    with parts_of().store.write() as unit:
        save_profile(unit.connection, called, mapping, name, unit.now)
    click.echo(f"profile {called} is saved")


@profile.command("list")
@json_option
def list_profiles(as_json: bool) -> None:
    """The profiles that are saved, the latest first."""
    from gateway.payments.statements.profiles import profiles, to_json

    with parts_of().store.read() as connection:
        found = profiles(connection)

    def as_text() -> str:
        rows = [(name, ", ".join(f"{column} {own}" for column, own in one.columns.items())) for name, one in found]
        return table(rows, ("profile", "columns"))

    show(as_json, lambda: [{"name": name, "profile": to_json(one)} for name, one in found], as_text)


@profile.command("show")
@click.argument("called", metavar="NAME")
def show_profile(called: str) -> None:
    """The profile of a NAME, as JSON: a file to begin another one with."""
    from gateway.payments.statements.profiles import to_json

    with parts_of().store.read() as connection:
        one = profile_called(connection, called)
    click.echo(json.dumps(to_json(one), indent=2, ensure_ascii=False))


def profile_called(connection: Connection, called: str) -> Mapping:
    """The profile of a name; raises :class:`Fault`."""
    from gateway.payments.statements.profiles import profile_named

    one = profile_named(connection, called)
    if one is None:
        raise Fault(f"no profile has the name {called}: see gateway statement profile list")
    return one
