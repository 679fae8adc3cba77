"""Processes that belong to us are started again when they fall, stopped together, and gone with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client

from gateway.kernel.faults import Fault
from gateway.procs.children import Family
from gateway.procs.redis import PrivateRedis, find_server
from tests.payments.village import wait_until

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable, "-u", "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)",
]  # fmt: skip


def runs(pid: int | None) -> bool:
    """Whether a process is there and isn't only a name that waits to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def family() -> Iterator[Family]:
    family = Family()
    yield family
    family.stop()


def test_who_falls_is_started_again_with_growing_patience(family: Family) -> None:
    told: list[str] = []
    over = threading.Event()
    child = family.start("sleeper", SLEEPS)
    watch = threading.Thread(target=family.watch, args=(over.is_set, told.append))
    watch.start()
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: child.pid not in (None, first))
    second = child.pid
    assert second is not None
    os.kill(second, signal.SIGKILL)
    wait_until(lambda: len(told) == 2)
    time.sleep(0.4)
    assert child.pid is None  # the second time it takes a second
    wait_until(lambda: child.pid)
    over.set()
    watch.join()
    assert told == [
        "sleeper stopped with -9; starting it again in 0.2 s",
        "sleeper stopped with -9; starting it again in 1 s",
    ]


def test_all_are_stopped_also_who_does_not_want_to(
    family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.procs.children.STOP_WITHIN_S", 0.5)
    log = tmp_path / "log"
    children = [family.start("sleeper", SLEEPS), family.start("deaf", STUBBORN, log=log)]
    pids = [child.pid for child in children]
    wait_until(lambda: "deaf" in log.read_text())
    family.stop()
    assert not any(runs(pid) for pid in pids)
    family.stop()  # safe to call twice


def test_children_are_gone_with_their_parent_however_it_dies(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    parent = subprocess.Popen(
        [
            sys.executable, "-c",
            "import pathlib, sys, time\n"
            "from gateway.procs.children import Family\n"
            f"child = Family().start('sleeper', {SLEEPS!r})\n"
            f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
            "time.sleep(60)",
        ]
    )  # fmt: skip
    wait_until(lambda: pid_file.is_file() and pid_file.read_text())
    child = int(pid_file.read_text())
    assert runs(child)
    parent.kill()
    parent.wait()
    wait_until(lambda: not runs(child))


def test_our_redis_keeps_what_it_was_told_through_kill_9(tmp_path: Path) -> None:
    server = PrivateRedis(tmp_path / "r").start()
    client = redis_client.Redis.from_url(server.url)
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    client.set("a", "b")
    server.kill()
    server.start()
    assert client.get("a") == b"b"
    server.stop()
    server.stop()


def test_without_a_redis_server_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gateway.procs.redis.sys.prefix", str(tmp_path))
    monkeypatch.setattr("gateway.procs.redis.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("gateway.procs.redis.importlib.util.find_spec", lambda _: None)
    with pytest.raises(Fault, match="redis-server"):
        find_server()
