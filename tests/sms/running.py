"""Commands run as people type them, in this process, against a test's own database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import pytest
from click.testing import CliRunner

from gateway.cli import cli

Run = Callable[..., str]


@contextmanager
def commands(monkeypatch: pytest.MonkeyPatch, database_url: str, command: click.Command = cli) -> Iterator[Run]:
    """``run("campaign", "list")``: what it prints; a fault is raised."""
    for name, value in {
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "s" * 32,
        "WEBHOOK_SECRET": "w" * 32,
        "PUBLIC_URL": "https://cotisa.invalid",
        "TIME_ZONE": "Africa/Porto-Novo",
        "CURRENCY": "XOF",
        "SMS_PRICE": "12",
    }.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> str:
        result = CliRunner().invoke(command, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    yield run
    logging.getLogger().setLevel(logging.WARNING)
