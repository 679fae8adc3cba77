"""Commands that serve: migrate, run, worker, scheduler, and all of them at once."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import click

from gateway.logs import set_up
from gateway.settings import Settings
from gateway.store.outbox import QUEUES


@click.command()
@click.option("--down", is_flag=True, help="Undo every migration: all data is lost.")
@click.option("--yes", is_flag=True, help="Don't ask before all data is lost.")
def migrate(down: bool, yes: bool) -> None:
    """Bring the database to this program's version."""
    from gateway.kernel.faults import Fault
    from gateway.store import migrate as migrations
    from gateway.store.engine import open_engine

    settings = Settings.from_env()
    if down and not yes:
        click.confirm("all data will be lost; go on?", abort=True)
    engine = open_engine(settings.database_url, patient=True)
    try:
        if down:
            migrations.downgrade(engine)
        else:
            migrations.upgrade(engine)
        with engine.connect() as connection:
            click.echo(f"database at version {migrations.current(connection) or 'none'}")
    except Exception as error:
        raise Fault(f"migrate: {str(error).splitlines()[0]}") from error
    finally:
        engine.dispose()


@click.command()
def run() -> None:
    """Serve the web: USSD, SMS and payment webhooks, health and metrics."""
    from gateway.wiring import Runtime

    settings = Settings.from_env()
    set_up(settings.log_level)
    Runtime(settings).warn_at_start()

    def load() -> Any:
        from gateway.app import create_app

        return create_app(settings)

    serve(settings, load)


def serve(settings: Settings, load: Callable[[], Any]) -> None:
    """Serve the WSGI application that ``load`` makes in each web process, until told to stop."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger

    counters = tempfile.mkdtemp(prefix="cotisa-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = counters

    class JsonLog(Logger):  # type: ignore[misc]
        """What gunicorn itself says goes where our own lines go."""

        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            self.error_log.handlers.clear()
            self.error_log.propagate = True

    options = {
        "bind": f"{settings.bind}:{settings.port}",
        "workers": settings.web_workers,
        "worker_class": "gthread",
        "threads": settings.web_threads,
        "keepalive": 30,
        "timeout": 30,
        "graceful_timeout": 10,
        "max_requests": 200_000,
        "max_requests_jitter": 20_000,
        "control_socket_disable": True,
        "logger_class": JsonLog,
        "accesslog": None,  # a request line holds the webhook's secret
        "loglevel": settings.log_level.lower(),
        "proc_name": "cotisa-web",
    }

    class Web(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return load()

    try:
        Web().run()
    finally:
        shutil.rmtree(counters, ignore_errors=True)


@click.command()
@click.option("--queue", type=click.Choice(QUEUES), help="Work on this queue alone; without it, one process for each.")
def worker(queue: str | None) -> None:
    """Do the work that the outbox holds."""
    settings = Settings.from_env()
    set_up(settings.log_level)
    if queue is not None:
        from workers.run import work

        work(queue)
        return
    _supervise([("worker", "--queue", name) for name in QUEUES])


@click.command()
def scheduler() -> None:
    """Ring for work that is due; any number may run, one does it."""
    from gateway.wiring import Runtime
    from workers.schedule import run as run_scheduler

    settings = Settings.from_env()
    set_up(settings.log_level)
    run_scheduler(Runtime(settings))


@click.command()
def up() -> None:
    """Web, workers and scheduler, watched over: who falls is started again."""
    settings = Settings.from_env()
    set_up(settings.log_level)
    _supervise([("run",), ("scheduler",), *(("worker", "--queue", name) for name in QUEUES)])


def _supervise(commands: list[tuple[str, ...]]) -> None:
    from gateway.procs.children import Family, gateway_command

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    family = Family()
    try:
        for words in commands:
            family.start(" ".join(words), gateway_command(*words))
        family.watch(stop.is_set, lambda line: click.echo(f"gateway up: {line}", err=True))
    finally:
        family.stop()
