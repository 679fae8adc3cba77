"""The commands: figures, rows, files, populations and letters, as people and as programs read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.kernel.faults import Fault
from tests.payments.commands import Run, on_database_of
from tests.payments.deeds import three_families
from tests.payments.village import Village

ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def run(office: Village, monkeypatch: pytest.MonkeyPatch) -> Run:
    three_families(office)
    return on_database_of(office, monkeypatch)


@ONE
def test_figures_and_rows(run: Run, tmp_path: Path) -> None:
    assert "Member households" in run("indicators", "show", "m", "--period", "2026")
    found = json.loads(run("indicators", "show", "m", "--period", "2026Q4", "--json", "--trend"))
    households = next(one for one in found["figures"] if one["code"] == "households")
    assert (households["value"], households["trend"][-1]) == (3, {"period": "2026-12", "value": 3})
    files = [tmp_path / f"figures.{form}" for form in ("csv", "xlsx", "pdf")]
    options = [word for path in files for word in (f"--{path.suffix[1:]}", str(path))]
    run("indicators", "show", "m", "--period", "2026-11", "--language", "fr", *options)
    assert all(path.stat().st_size > 500 for path in files)
    assert files[2].read_bytes().startswith(b"%PDF")
    assert len(json.loads(run("indicators", "rows", "households", "m", "--period", "2026", "--json"))) == 3
    run("indicators", "rows", "recovery", "m", "--period", "2026", "--csv", str(tmp_path / "rows.csv"))
    assert len((tmp_path / "rows.csv").read_text().splitlines()) > 3
    assert {one["code"] for one in json.loads(run("indicators", "list", "--json"))} >= {"growth", "loyalty"}
    for wrong in (("show", "m", "--period", "26"), ("show", "x", "--period", "2026"),
                  ("rows", "x", "m", "--period", "2026")):  # fmt: skip
        with pytest.raises(Fault):
            run("indicators", *wrong)


@ONE
def test_populations_and_letters(run: Run, office: Village) -> None:
    set_it = ("population", "set", "m", "1200", "--since", "2026-01-01", "--source", "census", "--by", "Bio")
    assert run("indicators", *set_it) == "m: 1200 people from 2026-01-01 on\n"
    assert json.loads(run("indicators", "population", "list", "m", "--json"))[0]["people"] == 1_200
    assert "letter 1: on day 5" in run("indicators", "letter", "set", "m", "--role", "treasurer", "--day", "5",
                                       "--by", "Bio")  # fmt: skip
    assert json.loads(run("indicators", "letter", "list", "m", "--json"))[0]["who"] == "treasurer"
    told = json.loads(run("indicators", "letter", "preview", "m", "--language", "en", "--json"))
    assert told["parts"] == 1
    assert run("indicators", "letter", "end", "1", "--by", "Bio") == "letter 1 is ended\n"
    with pytest.raises(Fault, match="no letter 1"):
        run("indicators", "letter", "end", "1", "--by", "Bio")
