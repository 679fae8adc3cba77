"""Where a demonstration keeps its things, and how other commands find one that is running."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path


def folder() -> Path:
    """This user's own folder for a demonstration, under the system's temporary folder."""
    return Path(tempfile.gettempdir()) / f"cotisa-demo-{os.getuid()}"


def announce(environment: dict[str, str]) -> None:
    """Let this user's other commands speak with the demonstration of this process."""
    path = folder() / "running.json"
    path.write_text(json.dumps({"pid": os.getpid(), "environment": environment}))
    path.chmod(0o600)


def running() -> dict[str, str] | None:
    """The environment of this user's running demonstration, or None."""
    path = folder() / "running.json"
    try:
        owner = path.stat()
        if owner.st_uid != os.getuid() or owner.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return None  # not ours: its secrets may be anybody's
        found = json.loads(path.read_text())
        os.kill(int(found["pid"]), 0)
        return dict(found["environment"])
    except (OSError, ValueError, KeyError):
        return None
