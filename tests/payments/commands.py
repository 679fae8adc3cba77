"""Running commands on a village's database."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import CliRunner

from gateway.cli import cli
from tests.payments.village import Village

Run = Callable[..., str]


def on_database_of(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the office's database and gives what it prints; a fault is raised."""
    for name, value in {
        "DATABASE_URL": office.store.engine.url.render_as_string(hide_password=False),
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing here needs one
        "SECRET_KEY": "office-secret-key-0123456789abcdef",
        "WEBHOOK_SECRET": "office-webhook-secret-0123456789",
        "PUBLIC_URL": "https://cotisa.invalid",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> str:
        result = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run
