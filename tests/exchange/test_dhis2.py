"""Indicators for a national DHIS2: what is what there, the values, and a server that plays its documented answers."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.exchange.dhis2 import sending
from gateway.exchange.dhis2.client import Dhis2, NoDhis2
from gateway.exchange.dhis2.mapping import BadMapping, Element, import_map, map_element, map_place, read_map
from gateway.exchange.dhis2.values import Values, data_values, written
from gateway.indicators.figures import Figure
from gateway.indicators.periods import Period
from gateway.kernel.atomic import transaction_open
from gateway.kernel.clock import FixedClock
from gateway.kernel.faults import Fault
from gateway.network.organisations import Network, add_organisation
from gateway.settings import BadSettings, Settings
from gateway.standins import dhis2 as standin
from gateway.store.schema import dhis2_sending
from gateway.store.unit import Store
from tests.membership.money import put_money
from tests.payments.commands import Run, on_database_of
from tests.payments.village import ON_SQLITE, PAYER, Village, found

MONTHLY, YEARLY = "dsMonthly01", "dsYearly001"
MUTUELLE, AWANLA, OTHER = "ouMutuelle1", "ouAwanla001", "ouBarienou1"
HOUSEHOLDS, PEOPLE, RECEIVED, DUE, LOYALTY = "deHouseh001", "dePeople001", "deReceiv001", "deDue000001", "deLoyal0001"
NOVEMBER, YEAR = Period(2026, month=11), Period(2026)
ELEMENTS = (
    Element(MONTHLY, HOUSEHOLDS, "", 1, "households", "value"),
    Element(MONTHLY, PEOPLE, "cocAll00001", 1, "beneficiaries", "value"),
    Element(MONTHLY, RECEIVED, "", 1, "recovery:XOF", "numerator"),
    Element(MONTHLY, DUE, "", 1, "recovery:XOF", "denominator"),
    Element(YEARLY, LOYALTY, "", 12, "loyalty", "percent"),
    Element(YEARLY, HOUSEHOLDS, "", 12, "households", "value"),
)


@pytest.fixture
def village(store: Store, network: Network, clock: FixedClock) -> Village:
    """A mutuelle with two villages, of which one has a family that has paid a first instalment."""
    place = Village(store, network, clock, found(store, network))
    with store.write() as unit:
        books = place.place.books
        add_organisation(unit, (books.id, books.path), kind="section", code="m-2", name="Bariénou")
    network.forget()
    home = place.register(PAYER)
    put_money(place, home.household_id, 3_000, date(2026, 11, 22))
    with store.write() as unit:
        tree = network.tree()
        map_place(unit, tree, "m", MUTUELLE)
        map_place(unit, tree, "m-1", AWANLA)
        for each in ELEMENTS:
            map_element(unit, each)
    return place


def values_of(village: Village, period: Period = NOVEMBER, code: str = "m") -> Values:
    tree = village.network.tree()
    with village.store.read() as connection:
        return data_values(connection, tree, tree.named(code), period)


# --- what is what -----------------------------------------------------------------------------------------------------


def test_a_map_is_kept_and_changed(village: Village) -> None:
    tree = village.network.tree()
    with village.store.write() as unit:
        map_place(unit, tree, "m-1", OTHER)
        map_element(unit, Element(MONTHLY, HOUSEHOLDS, "", 1, "sections", "value"))
        known = read_map(unit.connection)
    assert known.units == {tree.named("m").id: MUTUELLE, tree.named("m-1").id: OTHER}
    assert {each.figure for each in known.of_months(1)} == {"sections", "beneficiaries", "recovery:XOF"}
    assert known.of_months(3) == ()


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (Element("short", HOUSEHOLDS, "", 1, "households", "value"), "dataSet short is no identifier"),
        (Element(MONTHLY, "1aHouseh001", "", 1, "households", "value"), "dataElement 1aHouseh001 is no identifier"),
        (Element(MONTHLY, HOUSEHOLDS, "x", 1, "households", "value"), "categoryOptionCombo x is no identifier"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "members", "value"), "there is no figure members"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "recovery", "value"), "write recovery:XOF"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "recovery:ZZZ", "value"), "write recovery:XOF"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "households:XOF", "value"), "write households"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "households", "share"), "a part is one of"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "households", "percent"), "has no percent"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "households", "denominator"), "has no denominator"),
        (Element(MONTHLY, HOUSEHOLDS, "", 1, "pay_to_cover_p90", "numerator"), "has no numerator"),
        (Element(MONTHLY, HOUSEHOLDS, "", 2, "households", "value"), "a period is one of"),
    ],
)
@ON_SQLITE
def test_what_can_not_be_mapped(store: Store, one: Element, why: str) -> None:
    with pytest.raises(BadMapping, match=why), store.write() as unit:
        map_element(unit, one)


@ON_SQLITE
def test_one_unit_is_one_organisation(village: Village) -> None:
    with pytest.raises(BadMapping, match="is m already"), village.store.write() as unit:
        map_place(unit, village.network.tree(), "m-2", MUTUELLE)


HEADS = ("Organisation", "orgUnit", "figure", "part", "period", "dataSet", "dataElement", "categoryOptionCombo")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("m-2", ""), "row 2: orgUnit \\(empty\\) is no identifier"),
        (("nowhere", OTHER), "row 2: no organisation has the code nowhere"),
        (("", "", "", "", "", "", HOUSEHOLDS), "row 2: name an organisation"),
        (("m-2", OTHER, "households"), "row 2: name an organisation"),
        (("", "", "households", "", "decade", MONTHLY, HOUSEHOLDS), "row 2: period decade"),
        (("", "", "households", "", "month", MONTHLY, "?"), "row 2: dataElement \\? is no identifier"),
    ],
)
@ON_SQLITE
def test_a_file_with_a_wrong_row_changes_nothing(village: Village, row: tuple[str, ...], why: str) -> None:
    rows = [(1, HEADS), (2, row), (3, ("m-2", OTHER))]
    with pytest.raises(BadMapping, match=why), village.store.write() as unit:
        import_map(unit, village.network.tree(), rows)
    with village.store.read() as connection:
        assert len(read_map(connection).units) == 2


@ON_SQLITE
def test_a_row_that_comes_twice(village: Village) -> None:
    twice = [(1, HEADS), (2, ("m-2", OTHER)), (3, ("m-2", OTHER))]
    with pytest.raises(BadMapping, match="row 3: m-2 is named in row 2 already"), village.store.write() as unit:
        import_map(unit, village.network.tree(), twice)
    figure = ("", "", "households", "", "month", MONTHLY, HOUSEHOLDS)
    with pytest.raises(BadMapping, match=r"row 4: .* in row 2 already"), village.store.write() as unit:
        import_map(unit, village.network.tree(), [(1, HEADS), (2, figure), (3, ()), (4, figure)])
    with pytest.raises(BadMapping, match="the heads"), village.store.write() as unit:
        import_map(unit, village.network.tree(), [(1, ("organisation", "unit"))])


# --- values -----------------------------------------------------------------------------------------------------------


def test_values_of_a_month(village: Village) -> None:
    found_here = values_of(village)
    told = {(each.org_unit, each.data_element): (each.value, each.combo, each.period) for each in found_here.values}
    own = {
        HOUSEHOLDS: ("1", "", "202611"),
        PEOPLE: ("4", "cocAll00001", "202611"),
        RECEIVED: ("3000", "", "202611"),
        DUE: ("3900", "", "202611"),
    }
    assert told == {(unit, element): value for unit in (MUTUELLE, AWANLA) for element, value in own.items()}
    assert {each.data_set for each in found_here.values} == {MONTHLY}
    assert found_here.no_unit == ("m-2",)
    assert "growth" in found_here.no_element
    assert not {"households", "recovery:XOF"} & set(found_here.no_element)
    lines = "\n".join(found_here.told)
    assert "no organisation unit: m-2" in lines
    assert "no data element: sections, growth" in lines


def test_values_of_a_year(village: Village) -> None:
    found_here = values_of(village, YEAR)
    assert [(each.org_unit, each.data_element, each.value) for each in found_here.values] == [
        (MUTUELLE, HOUSEHOLDS, "1"),
        (AWANLA, HOUSEHOLDS, "1"),
    ]
    assert found_here.empty == 2  # of nobody's loyalty is anything known yet
    assert not values_of(village, Period(2026, quarter=4)).values


@pytest.mark.parametrize(
    ("figure", "part", "text"),
    [
        (Figure("households", Fraction(12203), "count", 12203, None), "value", "12203"),
        (Figure("loyalty", Fraction(2, 3), "ratio", 2, 3), "value", "0.666667"),
        (Figure("loyalty", Fraction(2, 3), "ratio", 2, 3), "percent", "66.666667"),
        (Figure("loyalty", Fraction(13, 20), "ratio", 13, 20), "value", "0.65"),
        (Figure("loyalty", Fraction(1), "ratio", 7, 7), "percent", "100"),
        (Figure("loyalty", None, "ratio", 0, 0), "value", None),
        (Figure("loyalty", None, "ratio", 0, 0), "denominator", "0"),
        (Figure("growth", Fraction(-1, 3), "ratio", -1, 3), "value", "-0.333333"),
        (Figure("growth", Fraction(-1, 10**8), "ratio", -1, 10**8), "value", "0"),
        (Figure("recovery", Fraction(1, 2), "ratio", 1250, 2500, "CDF"), "numerator", "12.5"),
        (Figure("recovery", Fraction(1, 2), "ratio", 1250, 2500, "XOF"), "denominator", "2500"),
        (Figure("cost", Fraction(1, 50), "cost", 25_000, 1_250_000, "XOF"), "numerator", "2.5"),
        (Figure("cost", Fraction(1, 50), "cost", 25_000, 1_250_000, "XOF"), "denominator", "125"),
        (Figure("pay_to_cover_p90", Fraction(3, 2), "hours", None, 9), "value", "1.5"),
    ],
)
def test_how_figures_are_written(figure: Figure, part: str, text: str | None) -> None:
    assert written(figure, part) == text


# --- sending ----------------------------------------------------------------------------------------------------------


@dataclass
class Server:
    """A DHIS2 that plays its part."""

    url: str
    its: standin.Dhis2

    def client(self, token: str = standin.TOKEN, read_timeout_s: float = 5.0) -> Dhis2:
        return Dhis2(self.url, token, read_timeout_s=read_timeout_s)


@contextmanager
def playing(**options: Any) -> Iterator[Server]:
    its = standin.Dhis2(**options)
    listening = standin.server(its)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{listening.server_address[1]}", its)
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with playing() as one:
        yield one


def send(village: Village, client: Dhis2, **options: Any) -> list[sending.Sent]:
    place = village.network.tree().named("m")
    return list(sending.send(village.store, client, place, NOVEMBER, values_of(village), **options))


def kept(village: Village) -> list[tuple[str, int, str | None]]:
    columns = (dhis2_sending.c.state, dhis2_sending.c.sent_values, dhis2_sending.c.said)
    with village.store.read() as connection:
        rows = connection.execute(select(*columns).order_by(dhis2_sending.c.id))
        return [(row.state, row.sent_values, row.said) for row in rows]


def test_sending_twice_is_harmless(village: Village, server: Server) -> None:
    [first] = send(village, server.client())
    assert (first.outcome.state, first.outcome.said) == ("taken", "8 imported, 0 updated, 0 ignored")
    stored = dict(server.its.values)
    [again] = send(village, server.client())
    assert (again.outcome.state, again.outcome.said) == ("taken", "0 imported, 8 updated, 0 ignored")
    assert server.its.values == stored
    assert stored[HOUSEHOLDS, "202611", AWANLA, standin.DEFAULT_COMBO]["value"] == "1"
    assert stored[PEOPLE, "202611", AWANLA, "cocAll00001"]["dataSet"] == MONTHLY
    assert kept(village) == [
        ("taken", 8, "8 imported, 0 updated, 0 ignored"),
        ("taken", 8, "0 imported, 8 updated, 0 ignored"),
    ]


@ON_SQLITE
def test_a_dry_run_stores_nothing(village: Village, server: Server) -> None:
    [one] = send(village, server.client(), dry_run=True)
    assert (one.outcome.state, one.outcome.imported) == ("taken", 8)
    assert not server.its.values
    assert kept(village) == []


@pytest.mark.parametrize("bare", [False, True])
@ON_SQLITE
def test_conflicts_are_told(village: Village, bare: bool) -> None:
    with playing(unknown=frozenset({RECEIVED}), bare=bare) as server:
        [one] = send(village, server.client())
    assert (one.outcome.state, one.outcome.imported, one.outcome.ignored) == ("partly", 6, 2)
    assert one.outcome.conflicts == (
        (f"E7610 {RECEIVED} Data element not found or not accessible: `{RECEIVED}`"),
    ) * 2  # fmt: skip
    [row] = kept(village)
    assert row[0] == "partly"
    assert row[2] is not None
    assert row[2].startswith("6 imported, 0 updated, 2 ignored; E7610")


@ON_SQLITE
def test_a_data_set_that_is_not_there(village: Village) -> None:
    with playing(unknown=frozenset({MONTHLY})) as server:
        [one] = send(village, server.client())
    assert one.outcome.state == "refused"
    assert "Data set not found" in one.outcome.said


# What it answers, what that means, and a word of what is said of it.
ANSWERS: list[tuple[dict[str, Any], str, str]] = [
    ({"status": 401, "body": {"message": "Unauthorized"}}, "refused", "DHIS2_TOKEN isn't taken"),
    ({"status": 302, "body": ""}, "refused", "asks for a login"),
    ({"status": 403, "body": {}}, "refused", "may not import"),
    ({"status": 404, "body": "<html>"}, "refused", "no DHIS2 at"),
    ({"status": 409, "body": {"message": "Data set is locked\nfor ever"}}, "refused", "Data set is locked for ever"),
    ({"status": 409, "body": {"status": "ERROR", "importCount": {}}}, "refused", "0 imported"),
    ({"status": 400, "body": {"message": "x" * 999}}, "refused", "HTTP 400"),
    ({"status": 500, "body": "<html>"}, "unknown", "send it again"),
    ({"status": 503, "body": {"message": "busy"}}, "unknown", "HTTP 503 busy"),
    ({"status": 429, "body": {}}, "unknown", "HTTP 429"),
    ({"status": 200, "body": "<html>a login page</html>"}, "unknown", "can't be read"),
    ({"status": 200, "body": {"status": "OK", "importCount": {"imported": "8"}}}, "taken", "8 imported"),
    ({"status": 200, "body": {"response": {"importCount": {"updated": -3, "ignored": True}}}}, "taken", "0 updated"),
    ({"slow": 1.0}, "unknown", "no answer in time"),
]


@pytest.mark.parametrize(("script", "state", "word"), ANSWERS)
def test_what_its_answers_mean(server: Server, script: dict[str, Any], state: str, word: str) -> None:
    server.its.scripts.append(script)
    outcome = server.client(read_timeout_s=0.3).send(b"{}")
    assert outcome.state == state
    assert word in outcome.said
    assert len(outcome.said) <= 200
    assert "\n" not in outcome.said


def test_a_lost_answer_is_asked_for_again(server: Server) -> None:
    values = [{"dataElement": HOUSEHOLDS, "period": "2026", "orgUnit": MUTUELLE, "value": "1"}]
    server.its.scripts.append({"drop": True})
    outcome = server.client().send(json.dumps({"dataSet": YEARLY, "dataValues": values}).encode())
    assert (outcome.state, outcome.said) == ("taken", "0 imported, 1 updated, 0 ignored")
    assert server.its.calls == 2


def test_nobody_there() -> None:
    outcome = Dhis2("http://127.0.0.1:1", "admin:district").send(b"{}")
    assert outcome.state == "refused"
    assert "nothing was sent" in outcome.said


def test_a_name_and_password() -> None:
    with playing(token="admin:district") as server:
        assert server.client("admin:district").send(b'{"dataSet": "dsMonthly01"}').state == "taken"
        assert server.client("admin:wrong").send(b"{}").state == "refused"


def test_no_call_inside_a_transaction(server: Server) -> None:
    with pytest.raises(AssertionError), transaction_open():
        server.client().send(b"{}")
    assert server.its.calls == 0


@ON_SQLITE
def test_who_dies_while_sending_leaves_it_open(
    village: Village, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    client = server.client()
    monkeypatch.setattr(client, "send", die)
    with pytest.raises(Killed):
        send(village, client)
    assert kept(village) == [("sending", 8, None)]
    send(village, server.client())
    assert [state for state, _, _ in kept(village)] == ["sending", "taken"]


@ON_SQLITE
def test_it_stops_where_nothing_is_known(village: Village, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MOST_VALUES", 3)
    server.its.scripts += [{}, {"status": 500, "body": ""}]
    assert [(one.count, one.outcome.state) for one in send(village, server.client())] == [(3, "taken"), (3, "unknown")]
    server.its.reset()
    assert [one.count for one in send(village, server.client())] == [3, 3, 2]
    assert len(server.its.values) == 8


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(village: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    return on_database_of(village, monkeypatch)


def test_mapping_by_command(village: Village, run: Run, tmp_path: Path) -> None:
    assert run("dhis2", "map", "organisation", "m-2", OTHER) == f"m-2 is {OTHER} now\n"
    run("dhis2", "map", "figure", "women_heads", "deWomen0001", "--data-set", YEARLY, "--period", "year",
        "--part", "numerator")  # fmt: skip
    known = json.loads(run("dhis2", "map", "--json"))
    assert {"organisation": "m-2", "orgUnit": OTHER} in known["organisations"]
    assert "deWomen0001" in {each["dataElement"] for each in known["figures"]}
    assert "women_heads" in run("dhis2", "map")
    parts = {each["figure"]: each["parts"] for each in json.loads(run("dhis2", "figures", "--json"))}
    assert parts["recovery:XOF"] == ["value", "percent", "numerator", "denominator"]
    assert parts["pay_to_cover_p90"] == ["value"]
    run("dhis2", "map", "forget", "deWomen0001")
    run("dhis2", "map", "organisation", "m-2", "--forget")
    assert "deWomen0001" not in run("dhis2", "map")
    with pytest.raises(Fault, match="nothing is sent as"):
        run("dhis2", "map", "forget", "deWomen0001")
    with pytest.raises(Fault, match="m-2 is no organisation unit"):
        run("dhis2", "map", "organisation", "m-2", "--forget")
    file = tmp_path / "map.csv"
    for separator in ",;":
        lines = [HEADS, ("m-2", OTHER), ("", "", "sections", "", "quarter", YEARLY, "deSection01", "")]
        file.write_text("\n".join(separator.join(each) for each in lines))
        assert run("dhis2", "import-map", str(file)) == "1 organisation and 1 data element mapped\n"
    file.write_text("name,uid\nm,x\n")
    with pytest.raises(Fault, match="the first row names the columns"):
        run("dhis2", "import-map", str(file))


@ON_SQLITE
def test_files_by_command(village: Village, run: Run, tmp_path: Path) -> None:
    run("dhis2", "export", "--at", "m", "--period", "2026-11", "--out", str(tmp_path))
    told = json.loads((tmp_path / f"{MONTHLY}-m-202611.json").read_text())
    assert told["dataSet"] == MONTHLY
    assert {"dataElement": HOUSEHOLDS, "period": "202611", "orgUnit": AWANLA, "value": "1"} in told["dataValues"]
    run("dhis2", "export", "--at", "m-1", "--period", "2026", "--out", str(tmp_path), "--csv")
    with (tmp_path / f"{YEARLY}-m-1-2026.csv").open() as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["dataelement", "period", "orgunit", "categoryoptioncombo", "attributeoptioncombo", "value"],
        [HOUSEHOLDS, "2026", AWANLA, "", "", "1"],
    ]
    with pytest.raises(Fault, match="there is no value to hand over"):
        run("dhis2", "export", "--at", "m-2", "--period", "2026-11", "--out", str(tmp_path))
    with pytest.raises(Fault, match="a period is a year"):
        run("dhis2", "export", "--at", "m", "--period", "soon", "--out", str(tmp_path))


@ON_SQLITE
def test_sending_by_command(village: Village, run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("dhis2", "send", "--at", "m", "--period", "2026-11")
    with pytest.raises(NoDhis2, match="set DHIS2_BASE_URL"):
        run(*words)
    monkeypatch.setenv("DHIS2_BASE_URL", server.url)
    monkeypatch.setenv("DHIS2_TOKEN", standin.TOKEN)
    assert run(*words, "--dry-run") == f"{MONTHLY}: 8 values, all stored: 8 imported, 0 updated, 0 ignored\n"
    assert run(*words) == f"{MONTHLY}: 8 values, all stored: 8 imported, 0 updated, 0 ignored\n"
    server.its.scripts.append({"status": 401, "body": {}})
    with pytest.raises(Fault, match="not all of it was stored"):
        run(*words)
    told = json.loads(run("dhis2", "sent", "--json"))
    assert [(each["organisation"], each["period"], each["state"]) for each in told] == [
        ("m", "202611", "refused"),
        ("m", "202611", "taken"),
    ]
    assert "all below" not in run("dhis2", "sent", "--under", "m-1")


def test_settings_go_together() -> None:
    given = {
        "DATABASE_URL": "sqlite:////tmp/x.db",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "s" * 32,
        "WEBHOOK_SECRET": "w" * 16,
        "PUBLIC_URL": "https://cotisa.invalid",
    }
    assert Settings.of(given).dhis2_base_url == ""
    own = {"DHIS2_BASE_URL": "https://dhis2.invalid/hmis/", "DHIS2_TOKEN": "admin:district"}
    assert Settings.of(given | own).dhis2_base_url == "https://dhis2.invalid/hmis"
    with pytest.raises(BadSettings, match="DHIS2_TOKEN is missing"):
        Settings.of(given | {"DHIS2_BASE_URL": "https://dhis2.invalid"})
    with pytest.raises(BadSettings, match="DHIS2_BASE_URL must begin with https"):
        Settings.of(given | {"DHIS2_BASE_URL": "http://dhis2.invalid", "DHIS2_TOKEN": "admin:district"})
    with pytest.raises(BadSettings, match="DHIS2_TOKEN"):
        Settings.of(given | {"DHIS2_BASE_URL": "https://dhis2.invalid", "DHIS2_TOKEN": "a\nb"})
