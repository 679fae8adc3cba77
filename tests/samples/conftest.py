"""Sample networks loaded once for all tests of this folder, and databases of their own for those that change them."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.kernel.clock import FixedClock
from gateway.network.organisations import Network
from gateway.samples.pamusab import load_pamusab
from gateway.store.engine import open_engine
from gateway.store.unit import Store
from tests.conftest import EACH_KIND
from tests.databases import make_database
from tests.samples.helpers import DEFAULTS, Load, Sample, report


@pytest.fixture(scope="session")
def loaded(quick_folder: Path, sqlite_template: Path, postgres: str, postgres_template: str) -> Iterator[Load]:
    """``loaded("sqlite", 2019, 2020)``: the network with these years, not to be changed.

    A kind of database has all its years loaded from its first use on, two at a time.
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
        loads: dict[tuple[str | int, ...], Future[Sample]] = {}

        def loaded_once(kind: str, *years: int) -> Sample:
            if (kind, *years) not in loads:
                loads.update({(kind, *each): pool.submit(load, kind, *each) for each in ((2019, 2020), (2020,))})
            return loads[kind, *years].result()

        yield loaded_once
    for one in loads.values():
        one.result().store.close()


@pytest.fixture(params=EACH_KIND)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn; SQLite in long runs."""
    return str(request.param)


@pytest.fixture
def only_2020(loaded: Load, kind: str) -> Sample:
    """2020 without the year before it."""
    return loaded(kind, 2020)


@pytest.fixture
def both_years(loaded: Load, kind: str) -> Sample:
    """2020 loaded over 2019."""
    return loaded(kind, 2019, 2020)
