"""People's own data in the office: consents on paper, what is kept as a file, and two people for forgetting."""

from __future__ import annotations

import io
import json
import zipfile

from sqlalchemy import select

from gateway.membership.households import by_id, standing
from gateway.network.staff import roles_of
from gateway.payments.cash import CashRecorded, record_cash
from gateway.privacy.looking import looks_at
from gateway.store.schema import household, household_look, office_event
from tests.console.office import PATH, PEOPLE, Office
from tests.ussd.world import MEMBER


def family(office: Office) -> int:
    card = office.place.household_with(MEMBER)
    with office.store.read() as connection:
        return int(connection.execute(select(household.c.id).where(household.c.card == card)).scalar_one())


def acts(office: Office) -> list[str]:
    return [what for (what,) in office.place.ask(select(office_event.c.what).order_by(office_event.c.id))]


def test_a_page_that_is_read_is_written_down_once_and_shown_to_who_may_see(office: Office) -> None:
    one = family(office)
    for _ in range(2):
        office.enter("treasurer").get(f"/households/{one}")
        office.enter("treasurer").get(f"/households/{one}/money")
    with office.store.read() as connection:
        assert [each.by for each in looks_at(connection, one, 9)] == ["Rafiou Gounou"]
    assert "Rafiou Gounou" in office.enter("administrator").get(f"/households/{one}/story").text
    assert "Qui a regardé" not in office.enter("treasurer").get(f"/households/{one}/story").text


def test_a_neighbour_sees_nothing_and_leaves_no_trace(office: Office) -> None:
    one, neighbour = family(office), office.enter("neighbour")
    assert neighbour.get(f"/households/{one}/privacy").status == 404
    assert office.place.ask(select(household_look)) == []


def test_a_paper_is_written_down(office: Office) -> None:
    one, animator = family(office), office.enter("animator")
    page = animator.get(f"/households/{one}/privacy")
    assert page.status == 200
    csrf = page.read.forms[-1].controls[0].value
    sent = {"csrf": csrf, "once": "w" * 16, "what": "paper", "on": "2026-11-20"}
    assert animator.client.post(f"{PATH}/households/{one}/privacy/consent", data=sent).status_code == 303
    assert "Salamatou Issa" in animator.get(f"/households/{one}/privacy").text
    late = {**sent, "once": "v" * 16, "on": "2099-01-01"}
    assert animator.client.post(f"{PATH}/households/{one}/privacy/consent", data=late).status_code == 422
    assert animator.client.post(f"{PATH}/households/{one}/privacy/data", data=sent).status_code == 403
    assert acts(office) == ["privacy.consent"]


def test_a_request_waits_until_it_is_answered_and_all_is_given_as_a_file(office: Office) -> None:
    one, boss = family(office), office.enter("administrator")
    page = boss.get(f"/households/{one}/privacy")
    csrf = page.read.forms[-1].controls[0].value
    here = f"{PATH}/households/{one}/privacy"
    asked = {"asked_by": "Awa Bio", "checked": "carte d'identité", "asked_on": "2026-11-20"}
    assert boss.client.post(f"{here}/request", data={"csrf": csrf, "once": "a" * 16, **asked}).status_code == 303
    assert "Awa Bio" in boss.get("/privacy").text
    given = boss.client.post(f"{here}/data", data={"csrf": csrf, "once": "b" * 16})
    assert json.loads(zipfile.ZipFile(io.BytesIO(given.data)).read("all.json"))["kept"]["data_request"]["rows"]
    assert boss.client.post(f"{PATH}/privacy/1/answered", data={"csrf": csrf, "once": "c" * 16}).status_code == 303
    assert "Awa Bio" not in boss.get("/privacy").text
    assert acts(office) == ["privacy.asked", "privacy.exported", "privacy.answered"]


def test_times_and_texts_are_set(office: Office) -> None:
    boss = office.enter("administrator")
    csrf = boss.get("/privacy").read.forms[-1].controls[0].value
    time = {"csrf": csrf, "once": "a" * 16, "place": "ouake", "years": "7", "source": "Loi 2017-20"}
    assert boss.client.post(f"{PATH}/privacy/keep", data=time).status_code == 303
    text = {"csrf": csrf, "once": "b" * 16, "place": "ouake", "language": "fr", "text": "Nous gardons vos noms."}
    assert boss.client.post(f"{PATH}/privacy/text", data=text).status_code == 303
    page = boss.get("/privacy").text
    assert "Loi 2017-20" in page
    assert "Nous gardons vos noms." in page


def test_one_asks_and_another_makes_it_nameless(office: Office) -> None:
    one = family(office)
    here = f"{PATH}/households/{one}/privacy"
    boss = office.enter("administrator")
    csrf = boss.get(f"/households/{one}/privacy").read.forms[-1].controls[0].value
    early = boss.client.post(f"{here}/forget", data={"csrf": csrf, "once": "a" * 16})
    assert early.status_code == 422  # its year runs, and it owes
    office.enter("treasurer")
    pays_all(office, one)
    office.place.wait(days=7 * 366)
    boss, other = office.enter("administrator"), office.enter("second administrator")
    csrf = boss.get(f"/households/{one}/privacy").read.forms[-1].controls[0].value
    assert boss.client.post(f"{here}/forget", data={"csrf": csrf, "once": "b" * 16}).status_code == 303
    assert boss.client.post(f"{here}/erase", data={"csrf": csrf, "once": "c" * 16}).status_code == 422
    theirs = other.get(f"/households/{one}/privacy").read.forms[-1].controls[0].value
    assert other.client.post(f"{here}/erase", data={"csrf": theirs, "once": "d" * 16}).status_code == 303
    again = other.client.post(f"{here}/erase", data={"csrf": theirs, "once": "d" * 16})
    assert again.status_code == 303
    page = other.get(f"/households/{one}/privacy").text
    assert "Bariou Tchao" in page
    assert "Mamatou Sanni" in page
    assert acts(office).count("household.erased") == 1


def pays_all(office: Office, household_id: int) -> None:
    """All that is left to pay, in cash."""
    place = office.place.runtime
    tree = place.network.tree()
    with office.store.write() as unit:
        treasurer = roles_of(unit.connection, PEOPLE["treasurer"][3])[0]
        one = by_id(unit.connection, tree, household_id)
        left = standing(unit.connection, one, unit.now.date()).left
        done = record_cash(
            unit, tree, place.services.chart, effect_key="all", household=one, staff=treasurer, amount=left
        )
        assert isinstance(done, CashRecorded)
