"""Indicators in the office: figures, their charts and rows, files, target populations, and who gets the monthly SMS."""

from __future__ import annotations

import io

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from gateway.locale import Say
from gateway.store.schema import figures_letter, office_event, target_population
from tests.console.office import Office
from tests.ussd.world import MEMBER

SAY = Say("fr")


@pytest.fixture
def counted(office: Office) -> Office:
    """A family of three has joined and paid by phone."""
    office.place.household_with(MEMBER, "Adjara Tchédré", "Moussa Tchédré", "Rahina Tchédré")
    return office


def test_the_figures_of_a_year_a_quarter_and_a_month(counted: Office) -> None:
    somebody = counted.enter("administrator")
    page = somebody.get("/indicators")
    assert page.status == 200
    for period in ("2026", "2026Q4", "2026-11", "nonsense"):
        assert SAY("Member households") in somebody.get(f"/indicators?period={period}").text
    assert SAY("Member households") in somebody.get("/indicators/one/households?period=2026-11").text
    assert somebody.get("/indicators/one/nothing").status == 404


def test_rows_lead_from_a_figure_to_its_households_without_names(counted: Office) -> None:
    somebody = counted.enter("administrator")
    page = somebody.get("/indicators/rows/households?period=2026")
    assert page.html.count("<tr>") == 5  # the heads, the family, and the three of the world
    assert "Adjara" not in page.text
    for code in ("growth", "recovery", "way_push", "cost", "penetration", "complaints_answered", "pay_to_cover_p90"):
        assert somebody.get(f"/indicators/rows/{code}?period=2026").status == 200


@pytest.mark.parametrize("form", ["csv", "xlsx", "pdf"])
def test_files(counted: Office, form: str) -> None:
    client = counted.enter("treasurer").client
    answer = client.get(f"/console/indicators/file?period=2026&form={form}")
    assert answer.status_code == 200
    if form == "pdf":
        assert answer.data.startswith(b"%PDF")
        return
    assert client.get(f"/console/indicators/rows/households/file?period=2026&form={form}").status_code == 200
    if form == "xlsx":
        page = load_workbook(io.BytesIO(answer.data)).active
        assert page is not None
        assert [cell.value for cell in page["A"]][:3] == ["Code", "sections", "households"]


def test_organisations_stand_side_by_side_on_the_page_in_files_and_on_paper(counted: Office) -> None:
    somebody = counted.enter("administrator")
    page = somebody.get("/indicators/places?period=2026")
    assert page.status == 200
    assert "Total" in page.text
    answers = {
        form: somebody.client.get(f"/console/indicators/places/file?period=2026&form={form}")
        for form in ("csv", "xlsx", "pdf")
    }
    assert {one.status_code for one in answers.values()} == {200}
    assert answers["pdf"].data.startswith(b"%PDF")
    total = answers["csv"].get_data(as_text=True).splitlines()[-1].split(";")
    assert (total[0], total[5]) == ("Total", "4"), "the family, and the three of the world"
    sheet = load_workbook(io.BytesIO(answers["xlsx"].data)).active
    assert sheet is not None
    assert [str(cell.value) for cell in sheet[1]][1:3] == ["Sections 2025", "Ménages 2025"]


def test_an_adviser_sees_figures_and_neither_money_nor_a_file_of_households(counted: Office) -> None:
    somebody = counted.enter_as("adviser", "Dr Ali", "Mutuelle Ouaké", "+2290150000866")
    assert somebody.get("/indicators").status == 200
    assert somebody.get("/indicators/rows/households").status == 200
    assert somebody.get("/indicators/rows/recovery").status == 404
    assert somebody.get("/indicators/rows/households/file").status == 404
    assert somebody.get("/indicators/letters").status == 403


def test_a_neighbour_sees_nothing_of_it(counted: Office) -> None:
    page = counted.enter("neighbour").get("/indicators/rows/households?period=2026&at=ouake")
    assert page.html.count("<tr>") == 0


def test_a_target_population_is_written_down_once(counted: Office) -> None:
    somebody = counted.enter("administrator")
    somebody.get("/indicators/populations")
    somebody.fill(SAY("People"), 1_200).fill(SAY("Source"), "Recensement 2025")
    page = somebody.press(SAY("Write it down"))
    assert "Recensement 2025" in page.text
    with counted.store.read() as connection:
        assert connection.execute(select(target_population.c.people)).all() == [(1_200,)]
        acts = connection.scalars(select(office_event.c.what)).all()
    assert "population.set" in acts


def test_a_letter_is_chosen_and_ended(counted: Office) -> None:
    somebody = counted.enter("administrator")
    somebody.get("/indicators/letters")
    somebody.fill(SAY("Who"), "role:administrator").fill(SAY("Day of the month"), "5")
    page = somebody.press(SAY("Send them each month"))
    assert "Bariou Tchao" in page.text  # who chose it
    somebody.press(SAY("End this letter"))
    with counted.store.read() as connection:
        rows = connection.execute(select(figures_letter.c.role, figures_letter.c.day, figures_letter.c.ended_at)).all()
    assert [(row.role, row.day, row.ended_at is not None) for row in rows] == [("administrator", 5, True)]
