"""Keys of other systems: what each can be given, and the commands that make, list and revoke them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from gateway.kernel.faults import Fault
from gateway.network import api_keys
from gateway.network.api_keys import FOR_FACILITIES, OF_FACILITIES, SCOPES, NewKey, Scope
from gateway.store.schema import api_key, office_event
from tests.api.callers import Caller, Callers


def test_every_scope_has_its_words() -> None:
    assert set(SCOPES) == set(Scope)
    assert FOR_FACILITIES < OF_FACILITIES


def test_a_key_is_not_kept(both: Callers) -> None:
    caller = both.with_key()
    rows = both.place.ask(select(api_key))
    assert caller.token not in str(rows)
    assert caller.token.rpartition("_")[2] not in str(rows)
    with both.place.runtime.store.read() as connection:
        assert api_keys.by_token(connection, caller.token) == caller.key
        assert api_keys.by_token(connection, caller.token[:-1]) is None
        assert api_keys.by_token(connection, "") is None


def test_what_a_key_cannot_be(api: Callers) -> None:
    facility, mutuelle = api.place.facility(owner="Mutuelle Ouaké"), api.place.runtime.network.tree()
    here = mutuelle.named("Mutuelle Ouaké").id
    day = timedelta(days=1)
    wrong = [
        ("", {Scope.COVER_READ}, day, None),
        ("x" * 61, {Scope.COVER_READ}, day, None),
        ("Registry", set(), day, None),
        ("Registry", {Scope.COVER_READ}, timedelta(0), None),
        ("Registry", {Scope.COVER_READ}, api_keys.LONGEST + day, None),
        ("Registry", {Scope.VISITS_WRITE}, day, None),
        ("Hospital", {Scope.COVER_READ, Scope.HOUSEHOLDS_READ}, day, facility),
    ]
    for name, scopes, lasts, its_id in wrong:
        with pytest.raises(api_keys.BadKey), api.place.runtime.store.write() as unit:
            api_keys.add_key(unit, NewKey(name, here, frozenset(scopes), unit.now + lasts, its_id), "somebody")
    assert api.place.ask(select(api_key)) == []


def test_that_a_key_is_used_is_written_once_an_hour(both: Callers) -> None:
    caller, clock = both.with_key(), both.place.runtime.own_clock
    used = []
    for minutes in (0, 30, 45, 10):
        clock.move(timedelta(minutes=minutes))
        assert caller.get("/me").status_code == 200
        used.append(both.place.ask(select(api_key.c.last_used_at))[0][0])
    assert used[0] == used[1]
    assert used[1] < used[2] == used[3]


def test_keys_are_made_listed_and_revoked_by_command(both: Callers, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.cli.api import api as command

    monkeypatch.setattr("gateway.cli.api.parts_of", lambda: both.place.runtime)
    both.place.facility(owner="Mutuelle Ouaké")
    run = CliRunner()
    made = run.invoke(command, ["key", "add", "ouake", "SIGEMUB", "--scope", "cover:read", "--days", "30"])
    assert made.exit_code == 0, made.output
    token = made.stdout.strip()
    assert Caller(both.place, token).get("/me").status_code == 200
    own = ["key", "add", "ouake", "Hôpital", "--scope", "visits:write", "--facility", "f-0"]
    assert run.invoke(command, own).exit_code == 0
    listed = run.invoke(command, ["key", "list"])
    assert [line.split()[1] for line in listed.stdout.splitlines()[1:]] == ["Hôpital", "SIGEMUB"]
    assert token not in listed.stdout
    only = run.invoke(command, ["key", "list", "--under", "umoja", "--json"])
    assert only.stdout.strip() == "[]"
    prefix = token.split("_")[1]
    assert run.invoke(command, ["key", "revoke", prefix]).exit_code == 0
    assert Caller(both.place, token).get("/me").status_code == 401
    for wrong, line in (
        (["key", "revoke", prefix], "revoked before"),
        (["key", "revoke", "nothing"], "there is no key"),
        (["key", "add", "ouake", "X1", "--scope", "nothing:read"], "there is no scope nothing:read"),
        (["key", "add", "umoja", "X1", "--scope", "cover:read", "--facility", "f-0"], "no health facility"),
    ):
        failed = run.invoke(command, wrong)
        assert isinstance(failed.exception, Fault), wrong
        assert line in str(failed.exception)
    done = [what for (what,) in both.place.ask(select(office_event.c.what))]
    assert done == ["api.key_made", "api.key_made", "api.key_revoked"]
    assert "cover:read" in run.invoke(command, ["scopes"]).stdout
