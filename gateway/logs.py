"""Logs as JSON lines in which no phone or card number can be read, whoever wrote the message."""

from __future__ import annotations

import logging
import re
import sys

from pythonjsonlogger.json import JsonFormatter

from gateway.kernel.masking import mask_text

# The secret in the path of a webhook, which Flask logs with a fault of ours.
_SECRET = re.compile(r"(/(?:ussd|sms|payments)/[a-z_]+/)[\w%-]{16,}")
# In a line of JSON: where PostgreSQL quotes the row that it refused, names and all.
_DETAIL = re.compile(r'DETAIL: (?:[^"\\]|\\[^n])*')


class _Masked(JsonFormatter):
    """The last thing that happens to a line before it leaves: what looks like a person's number is masked."""

    def format(self, record: logging.LogRecord) -> str:
        line = _SECRET.sub(r"\1…", mask_text(super().format(record)))
        return _DETAIL.sub("DETAIL: …", line)


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
