"""A family of child processes: started together, restarted when they fall, stopped together, gone with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
STOP_WITHIN_S = 65.0  # a worker finishes the call that it is in, at the operator's slowest
# A child that falls at once is started again with growing patience.
RESTART_AFTER_S = (0.2, 1.0, 3.0, 10.0)


def die_with_parent() -> None:
    """In the child: be told to stop when the parent dies, however it dies (Linux)."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One child: what it runs, and how it fares."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path | None
    process: subprocess.Popen[bytes] | None = None
    falls: int = 0
    started_at: float = 0.0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None


@dataclass
class Family:
    """Children of one parent."""

    children: dict[str, Child] = field(default_factory=dict)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        stdout: int | IO[bytes] | None = None,
    ) -> Child:
        """Start a child; its output goes to ``log``, or where the parent's goes."""
        child = Child(name, list(argv), dict(env if env is not None else os.environ), log)
        self.children[name] = child
        self._launch(child, stdout)
        return child

    def _launch(self, child: Child, stdout: int | IO[bytes] | None = None) -> None:
        output: int | IO[bytes] | None = stdout
        error: int | IO[bytes] | None = None
        if child.log is not None:
            error = child.log.open("ab")
            output = output if output is not None else error
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(
            child.argv,
            env=dict(child.env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=error,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its children in order
            preexec_fn=die_with_parent,
        )
        if error is not None and not isinstance(error, int):
            error.close()

    def watch(self, stop: Callable[[], bool], told: Callable[[str], None]) -> None:
        """Restart whoever falls, until ``stop()`` says so."""
        due: dict[str, float] = {}
        while not stop():
            for child in self.children.values():
                if child.process is None or child.process.poll() is None:
                    if child.falls and time.monotonic() - child.started_at > 30:
                        child.falls = 0
                    continue
                if child.name not in due:
                    wait = RESTART_AFTER_S[min(child.falls, len(RESTART_AFTER_S) - 1)]
                    told(f"{child.name} stopped with {child.process.returncode}; starting it again in {wait:g} s")
                    child.falls += 1
                    due[child.name] = time.monotonic() + wait
                elif time.monotonic() >= due[child.name]:
                    del due[child.name]
                    self._launch(child)
            time.sleep(0.1)

    def stop(self) -> None:
        """Ask all to stop, newest first, and make those stop that don't; safe to call twice."""
        alive = [child for child in reversed(self.children.values()) if child.pid]
        for child in alive:
            assert child.process is not None
            child.process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for child in alive:
            assert child.process is not None
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()
        self.children.clear()


def gateway_command(*words: str) -> list[str]:
    """The command line of another ``gateway`` process with this interpreter."""
    return [sys.executable, "-m", "gateway", *words]
