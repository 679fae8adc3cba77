"""The pages that the code writes itself: settings, states, the menu map, the API; ``--check`` fails on a stale one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import click
from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from gateway.kernel.faults import Fault
from gateway.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a page isn't what the code says.")
def docs(check: bool) -> None:
    """Write the generated pages of docs/."""
    stale = []
    for name, text in pages().items():
        path = DOCS / name
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        if check:
            stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"written: docs/{name}")
    if stale:
        raise Fault(f"stale: {', '.join(f'docs/{name}' for name in stale)}: run gateway docs and commit")


def pages() -> dict[str, str]:
    """Every generated page, by file name."""
    from gateway.api.openapi import document
    from gateway.payments.states import drawing as states
    from gateway.ussd.menu_map import drawing as menu

    return {
        "openapi.json": json.dumps(document(), indent=1, ensure_ascii=False) + "\n",
        "settings.md": _settings(),
        "states.md": _page("A collection's states", "`gateway/payments/states.py`", "", states()),
        "menu-map.md": _page(
            "The phone menu",
            "the screens in `gateway/ussd/screens/`",
            " Double borders are endings; everywhere `0` goes back, `00` home and `98` on.",
            menu(),
        ),
    }


def _page(title: str, source: str, words: str, drawing: str) -> str:
    return f"# {title}\n\nWritten by `gateway docs` from {source}.{words}\n\n```mermaid\n{drawing}\n```\n"


def _settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            shown = "**required**"
        elif isinstance(default, SecretStr) or default == "":
            shown = "none"
        else:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        choices = get_args(field.annotation)
        words = (
            f" One of {', '.join(f'`{each}`' for each in choices)}." if choices and isinstance(choices[0], str) else ""
        )
        rows.append(f"| `{name.upper()}` | {shown} | {field.description}{words} |")
    return (
        "# Settings\n\nWritten by `gateway docs` from `gateway/settings.py`. All are read from the environment, "
        "once, at the start; everything that is missing or wrong is named at once, with exit code 2.\n\n"
        "| setting | default | |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )
