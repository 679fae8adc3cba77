"""Commands as tests run them: in this process, on a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable

import click
import pytest
from click.testing import CliRunner

from gateway.cli import cli

Run = Callable[..., str]


def runner(
    monkeypatch: pytest.MonkeyPatch, database_url: str, *first: str, command: click.Command = cli, **settings: str
) -> Run:
    """``run("campaign", "list")``: what it prints; a fault is raised. ``first``: words that stand before all others."""
    own = {
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "s" * 32,
        "WEBHOOK_SECRET": "w" * 32,
        "PUBLIC_URL": "https://cotisa.invalid",
    }
    for name, value in {**own, **settings}.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> str:
        result = CliRunner().invoke(command, (*first, *words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run
