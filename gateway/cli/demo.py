"""The demonstration, and the stand-ins that it and anybody's tests can use."""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click

from gateway.kernel.faults import Fault


@click.command()
@click.option("--exit", "leave", is_flag=True, envvar="DEMO_EXIT", help="Stop after the story instead of staying up.")
def demo(leave: bool) -> None:
    """The whole product on this machine: a family of Ouaké registers, pays, and is covered."""
    from gateway.demo.servers import Servers
    from gateway.demo.story import Story
    from gateway.settings import Settings
    from gateway.wiring import Runtime

    begun = time.monotonic()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    servers = Servers()
    try:
        with _step("a Redis, a stand-in for MTN MoMo and one for Africa's Talking"):
            servers.prepare()
        settings = Settings.from_env()
        office = _load(Runtime(settings, patient=True))
        with _step("web, workers and scheduler (gateway up)"):
            servers.up()
        story = Story(servers, Runtime(settings), click.echo)
        story.play()
        click.echo(f"\nDone in {time.monotonic() - begun:.0f} s.")
        if leave:
            return
        click.echo(_what_to_try(servers.url, _links(Runtime(settings), office)))
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        servers.family.watch(stop.is_set, click.echo)
    except KeyboardInterrupt:
        click.echo("\nstopping")
    finally:
        servers.stop()


def _load(parts: object) -> Mapping[str, str]:
    """Load the samples; whose numbers open the office, by role."""
    from gateway.cli.data import Progress
    from gateway.samples.ouake import load_ouake
    from gateway.samples.pamusab import load_pamusab
    from gateway.store import migrate
    from gateway.wiring import Runtime

    assert isinstance(parts, Runtime)
    migrate.upgrade(parts.store.engine)
    progress = Progress()
    loaded = load_ouake(parts.store, parts.network, progress)
    load_pamusab(parts.store, parts.network, 2020, 1, progress)
    progress.close()
    parts.store.close()
    return loaded.office


def _links(parts: object, office: Mapping[str, str]) -> Mapping[str, str]:
    """A fresh link into the office for each role: nobody has a password before they choose one."""
    from gateway.console.entry.links import address_of, invite
    from gateway.store.tracing import Outside
    from gateway.wiring import Runtime

    assert isinstance(parts, Runtime)
    by = Outside("gateway demo")
    with parts.store.write() as unit:
        return {
            role: address_of(parts.settings.public_url, invite(unit, number, by=by)) for role, number in office.items()
        }


@contextmanager
def _step(what: str) -> Iterator[None]:
    click.echo(f"starting {what} ...", nl=False)
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        click.echo()
        raise
    click.echo(f" {time.monotonic() - begun:.1f} s")


def _what_to_try(url: str, links: Mapping[str, str]) -> str:
    return f"""
It stays up until Ctrl-C. In a browser:
  {url}/phone            a phone to register, pay and check with, PIN prompts and SMS included
  {links["treasurer"]}
                                        the office, as the treasurer of Ouaké: choose a password (the link is good once)
  {links["administrator"]}
                                        the same as the union's administrator, who also sets up a second factor
In another terminal:
  .venv/bin/gateway phone +2290166000123          the mother's phone again
  .venv/bin/gateway phone +25761000001            a phone in Burundi: register (section: Cankuzo), pay by reference
  .venv/bin/gateway phone +2290166000999          somebody new; PIN prompts and SMS come to this terminal phone too
  .venv/bin/gateway collections list              what was asked of wallets
  .venv/bin/gateway ledger verify
  {url}/health/ready     the state of every part
"""


STAND_INS = (
    "africastalking", "airtel-money", "daraja", "dhis2", "gsma", "mpesa-openapi", "mtn-momo", "orange-money",
    "pawapay", "smsc",
)  # fmt: skip


@click.command(name="stand-in", context_settings={"ignore_unknown_options": True})
@click.argument("name", type=click.Choice(STAND_INS))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def stand_in(name: str, options: tuple[str, ...]) -> None:
    """A server that plays an operator or the aggregator by its documented wire format.

    Its own options come after its name; -- --help lists them.
    """
    if os.environ.get("DATABASE_URL", "").startswith("postgresql"):
        raise Fault("a stand-in has no place beside a production database: unset DATABASE_URL first")
    module = f"gateway.standins.{name.replace('-', '_')}"
    sys.argv = [module, *options]
    runpy.run_module(module, run_name="__main__")
