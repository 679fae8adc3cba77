"""Sample networks loaded once for all tests of this folder, and databases of their own for those that change them."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.samples.pamusab import load_pamusab
from gateway.store.engine import open_engine
from gateway.store.unit import Store
from tests.databases import make_database
from tests.samples.helpers import DEFAULTS, KINDS, Load, Sample, report


@pytest.fixture(scope="session")
def loaded(quick_folder: Path, sqlite_template: Path, postgres: str, postgres_template: str) -> Iterator[Load]:
    """``loaded("sqlite", 2019, 2020)``: the network with these years, not to be changed.

    All are loaded from the first use on, two at a time: the one waits for PostgreSQL while the other works on SQLite.
    """

    def empty(kind: str) -> str:
        name = f"sample_{uuid.uuid4().hex}"
        if kind == "sqlite":
            shutil.copy(sqlite_template, quick_folder / f"{name}.db")
            return f"sqlite:///{quick_folder / name}.db"
        return make_database(postgres, name, postgres_template)

    def load(kind: str, *years: int) -> Sample:
        store = Store(open_engine(empty(kind), patient=True), FixedClock(datetime(2026, 11, 22, 9, tzinfo=UTC)))
        network = Network(store, DEFAULTS)
        reports = {}
        for year in years:
            began = time.monotonic()
            load_pamusab(store, network, year)
            print(f"{kind}: {year} of {years} loaded in {time.monotonic() - began:.1f} s")
            reports[year] = report(store, network, year)
        return Sample(store, network, reports)

    with ThreadPoolExecutor(max_workers=2) as pool:
        wanted = [(kind, *years) for years in ((2019, 2020), (2020,)) for kind in ("postgresql", "sqlite")]
        loads = {one: pool.submit(load, *one) for one in wanted}
        yield lambda *one: loads[one].result()
    for one in loads.values():
        one.result().store.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn."""
    return str(request.param)


@pytest.fixture
def only_2020(loaded: Load, kind: str) -> Sample:
    """2020 without the year before it."""
    return loaded(kind, 2020)


@pytest.fixture
def both_years(loaded: Load, kind: str) -> Sample:
    """2020 loaded over 2019."""
    return loaded(kind, 2019, 2020)
