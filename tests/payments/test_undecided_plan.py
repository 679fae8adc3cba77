"""What is undecided is found by its own small indexes, however many payments there were: PostgreSQL shows its plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event, insert, text, update

from gateway.kernel.ids import operator_key
from gateway.network.organisations import Network
from gateway.payments.collections import learn_handle
from gateway.payments.decisions.cases import escalate, open_cases, undecided
from gateway.store.schema import collection
from gateway.store.unit import Store
from tests.conftest import DEFAULTS
from tests.payments.village import NEIGHBOUR, PAYER, Village, found


def _history(pg_store: Store) -> Village:
    """Years of payments, of which a handful are undecided."""
    network = Network(pg_store, DEFAULTS)
    office = Village(pg_store, network, pg_store.clock, found(pg_store, network))  # type: ignore[arg-type]
    home = office.register().household_id
    now = pg_store.clock.now()
    ends = [("paid", None)] * 40 + [("refused", "insufficient")] * 8 + [("expired", "never_sent")] * 2
    with pg_store.write() as unit:
        rows = [
            {
                "key": operator_key(), "effect_key": f"e{number}", "organisation_id": office.place.books.id,
                "household_id": home, "way": "push", "provider": "mtn_momo", "payer": PAYER, "amount_minor": 200,
                "currency": "XOF", "state": ends[number % 50][0], "reason": ends[number % 50][1],
                "created_at": now - timedelta(minutes=5 * number),
            }
            for number in range(10_000)
        ]  # fmt: skip
        unit.connection.execute(insert(collection), rows)
        for effect, values in (
            ("e100", {"state": "pending", "reason": None}),
            ("e200", {"state": "unclear", "reason": "no-answer"}),
            ("e300", {"state": "expired", "reason": "no_answer"}),
            ("e1", {"state": "pending", "reason": None}),
        ):
            unit.connection.execute(update(collection).where(collection.c.effect_key == effect).values(values))
        unit.connection.execute(text("analyze"))
    return office


def test_the_undecided_are_found_without_reading_what_is_decided(pg_store: Store) -> None:
    _history(pg_store)
    plans: list[dict[str, Any]] = []

    def explain(connection: Connection, _: object, statement: str, values: Any, *__: object) -> None:
        if statement.startswith("SELECT collection."):
            raw = connection.connection.cursor()
            raw.execute(f"explain (format json) {statement}", values)
            row = raw.fetchone()
            assert row is not None
            plans.append(row[0][0]["Plan"])
            # Said in the statement, so that it holds for whatever plan the server keeps for a prepared one.
            assert "state = 'expired'" in statement
            assert "reason = 'no_answer'" in statement

    event.listen(pg_store.engine, "before_cursor_execute", explain)
    with pg_store.read() as connection:
        # Often enough that the driver prepares the statement and the server could settle on one plan for all values.
        for _ in range(12):
            oldest_first = undecided(connection, pg_store.clock.now(), timedelta(hours=1))
    assert [one.reason for one in oldest_first] == ["no_answer", "no-answer", "pending"]
    assert len(plans) == 12
    for plan in plans:
        ways = [(node["Node Type"], node.get("Index Name")) for node in _nodes(plan) if _reads_collections(node)]
        assert {index for _, index in ways if index} == {"ix_collection_given_up", "ix_collection_undecided"}
        assert "Seq Scan" not in {kind for kind, _ in ways}


def _reads_collections(node: dict[str, Any]) -> bool:
    return node.get("Relation Name") == "collection" or str(node.get("Index Name")).startswith("ix_collection")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)


def test_a_notice_about_what_has_its_handle_or_isnt_known_reads_no_other_collection(pg_store: Store) -> None:
    office = _history(pg_store)
    key = office.pay(office.register(NEIGHBOUR).household_id, payer=NEIGHBOUR)
    asked: list[str] = []
    event.listen(pg_store.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    for about, reads_others in ((key, True), (key, False), ("nobody's", False)):
        asked.clear()
        with pg_store.write() as unit:
            learn_handle(unit, "mtn_momo", about, "H-1")
        assert any("EXISTS" in each for each in asked) == reads_others, about
    assert office.shown(key).handle == "H-1"


def test_what_is_found_so_becomes_cases(pg_store: Store) -> None:
    _history(pg_store)
    assert escalate(pg_store) == 3
    with pg_store.read() as connection:
        assert sorted(one.kind for one in open_cases(connection)) == ["undecided-1h"] * 3 + ["undecided-24h"]
