"""Commands run as people type them, in this process, against a test's own database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click
import pytest

from gateway.cli import cli
from tests.commands import Run, runner


@contextmanager
def commands(monkeypatch: pytest.MonkeyPatch, database_url: str, command: click.Command = cli) -> Iterator[Run]:
    """``run("campaign", "list")``: what it prints; a fault is raised."""
    yield runner(
        monkeypatch, database_url, command=command, TIME_ZONE="Africa/Porto-Novo", CURRENCY="XOF", SMS_PRICE="12"
    )
    logging.getLogger().setLevel(logging.WARNING)
