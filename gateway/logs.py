"""Logs as JSON lines in which no phone or card number can be read, whoever wrote the message."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from gateway.kernel.masking import mask_text


class _Masked(JsonFormatter):
    """The last thing that happens to a line before it leaves: what looks like a person's number is masked."""

    def format(self, record: logging.LogRecord) -> str:
        return mask_text(super().format(record))


def set_up(level: str) -> None:
    """Log to standard error, one JSON object a line, in UTC."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        _Masked(
            "{asctime}{levelname}{name}{message}",
            style="{",
            rename_fields={"asctime": "at", "levelname": "level", "name": "from"},
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            json_ensure_ascii=False,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What RQ and the HTTP client say of each job and call would drown what matters.
    for name in ("rq", "rq.worker", "urllib3", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
