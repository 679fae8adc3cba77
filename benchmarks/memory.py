"""How much memory the processes of ``gateway up`` hold when they are warm."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import requests

from benchmarks.place import Place
from gateway.procs.children import gateway_command
from gateway.settings import Settings


def measure(place: Place, settings: Settings) -> list[str]:
    """Proportional set size (shared pages shared out) of the web, the workers and the scheduler."""
    child = place.family.start("up", gateway_command("up"), log=place.folder / "up.log")
    for _ in range(100):
        try:
            requests.get(f"{settings.public_url}/health/ready", timeout=2)
            break
        except requests.RequestException:
            time.sleep(0.2)
    time.sleep(4)
    assert child.pid is not None
    lines = ["| process | memory MiB |", "| --- | --: |"]
    total = 0.0
    for pid, words in sorted(_below(child.pid), key=lambda found: found[1]):
        held = _pss(pid)
        total += held
        lines.append(f"| {words} | {held:.0f} |")
    place.family.stop()
    return [*lines, f"| all | {total:.0f} |"]


def _below(pid: int) -> list[tuple[int, str]]:
    listing = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [
        (int(pid), int(parent), words) for pid, parent, words in (row.split(None, 2) for row in listing.splitlines())
    ]
    family, found = {pid}, []
    for own, parent, words in rows:
        if own in family or parent in family:
            family.add(own)
            found.append((own, words.split("gateway ", 1)[-1] if "gateway " in words else words.split("/")[-1]))
    return found


def _pss(pid: int) -> float:
    for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if row.startswith("Pss:"):
            return int(row.split()[1]) / 1024
    return 0.0
