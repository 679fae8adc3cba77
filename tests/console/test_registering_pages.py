"""A family is registered in the office: everybody in one form, what it costs first, and once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from gateway.store.schema import beneficiary, household, membership, office_event, phone
from tests.console.office import Office, Somebody
from tests.ussd.world import MEMBER, MOOV

FAMILY = [
    {"name": "Bio Sarré", "sex": "M", "born": "1980"},
    {"name": "Zénabou Sarré", "sex": "F", "born": "41", "relation": "spouse"},
    {"name": "Sika Sarré", "sex": "F", "born": "2015", "relation": "child"},
]
SEE, DO = "Voir ce que cela coûte", "Inscrire"


def typed(somebody: Somebody, *people: dict[str, str], msisdn: str = MOOV, section: str = "Awanla") -> Somebody:
    somebody.get("/households/register")
    somebody.fill("section", section).fill("phone", msisdn)
    for number, one in enumerate(people):
        for field, value in one.items():
            somebody.fill(f"{field}-{number}", value)
    return somebody


def count(office: Office, table: Any) -> int:
    return int(office.place.ask(select(func.count()).select_from(table))[0][0])


def last(office: Office) -> int:
    return int(office.place.ask(select(func.max(household.c.id)))[0][0])


def test_a_family_is_registered_once_its_price_was_seen(office: Office) -> None:
    animator, before = office.enter("animator"), count(office, household)
    page = typed(animator, *FAMILY).press(SEE)
    assert page.status == 200
    assert "10 200 F pour la première année" in page.text
    assert "3 300 F maintenant" in page.text
    assert "3 personnes" in page.text
    assert "1985" in page.text
    assert MOOV not in page.text
    assert count(office, household) == before
    page = animator.press("Inscrire", form=0)
    assert "C'est inscrit" in page.text
    assert "À payer maintenant : 3 300 F" in page.text
    its_id = last(office)
    assert page.response.request.path == f"/console/households/{its_id}"
    rows = office.place.ask(
        select(beneficiary.c.name, beneficiary.c.relation).where(beneficiary.c.household_id == its_id)
    )
    assert set(rows) == {("Bio Sarré", "head"), ("Zénabou Sarré", "spouse"), ("Sika Sarré", "child")}
    assert office.place.ask(select(phone.c.msisdn).where(phone.c.household_id == its_id)) == [(MOOV,)]
    assert len(office.place.texts("registered", MOOV)) == 1
    query = select(office_event.c.about, office_event.c.after).where(office_event.c.what == "household.registered")
    assert office.place.ask(query) == [
        (f"household:{its_id}", {"people": 3, "plan": "famille", "section": "Awanla", "phone": True})
    ]


def test_a_second_click_registers_nobody_twice(office: Office) -> None:
    animator = office.enter("animator")
    typed(animator, *FAMILY).press(SEE)
    form = next(one for one in animator.page.forms if any(each[1] == "register" for each in one.buttons))
    fields = [*animator._fields(form), ("step", "register")]
    first = animator.send(form, fields)
    second = animator.send(form, fields)
    assert first.response.request.path == second.response.request.path
    assert len(office.place.texts("registered", MOOV)) == 1
    once = [value if name != "once" else "n" * 20 for name, value in fields]
    again = animator.send(form, list(zip([name for name, _ in fields], once, strict=True)))
    assert "était déjà inscrite" in again.text
    assert again.response.request.path == first.response.request.path
    own = membership.c.household_id == last(office)
    assert office.place.ask(select(func.count()).where(own)) == [(1,)]


def test_a_family_that_may_be_there_already_is_shown(office: Office) -> None:
    office.place.household_with(MEMBER, "Bio Sarre", section="Kadolassi")
    there, animator = last(office), office.enter("animator")
    page = typed(animator, *FAMILY).press(SEE)
    assert "est peut-être déjà inscrite" in page.text
    assert page.link("Bio Sarre") == f"/console/households/{there}"
    page = typed(animator, {"name": "Quelqu'un Autre", "sex": "M", "born": "1970"}, msisdn=MEMBER).press(SEE)
    assert "est peut-être déjà inscrite" in page.text
    assert "Le numéro de téléphone" in page.text
    page = typed(animator, {"name": "Quelqu'un Autre", "sex": "M", "born": "1970"}, msisdn="").press(SEE)
    assert "est peut-être déjà inscrite" not in page.text


def test_more_rows_and_what_was_typed_stays(office: Office) -> None:
    animator = office.enter("animator")
    page = typed(animator, *FAMILY).press("Plus de personnes")
    assert page.status == 200
    assert "Personne 10" in page.text
    assert "Zénabou Sarré" in page.html
    page = animator.fill("name-8", "Awa Sarré").fill("sex-8", "F").fill("born-8", "2020").press(SEE)
    assert page.status == 422
    assert "Zénabou Sarré" in page.html
    assert "Personne 10" in page.text
    page = animator.fill("relation-8", "child").press(SEE)
    assert "4 personnes" in page.text
    page = animator.press("Modifier", form=0)
    assert page.status == 200
    assert "Awa Sarré" in page.html
    assert "Personne 10" in page.text
    assert animator.press("Plus de personnes").status == 200
    assert "Personne 20" not in animator.page.text


def test_what_is_wrong_stands_at_its_field(office: Office) -> None:
    animator = office.enter("animator")
    for people, told in (
        ([{"name": "", "sex": "M", "born": "1980"}], "Écrivez le nom."),
        ([{**FAMILY[0], "sex": ""}], "Choisissez dans la liste."),
        ([{**FAMILY[0], "born": "1780"}], "Écrivez une année de naissance"),
        ([FAMILY[0], {**FAMILY[1], "relation": ""}], "Choisissez dans la liste."),
        ([FAMILY[0], {**FAMILY[0], "relation": "other"}], "écrite deux fois"),
        ([{**FAMILY[0], "name": "B1o"}], "Des lettres seulement"),
    ):
        page = typed(animator, *people).press(SEE)
        assert (page.status, told in page.text) == (422, True), told
    page = typed(animator, *FAMILY, msisdn="12").press(SEE)
    assert page.status == 422
    assert "numéro" in page.text
    page = typed(animator, *FAMILY, msisdn="").press(SEE)
    assert page.status == 200
    assert "Pas de téléphone" in page.text


def test_nobody_registers_where_they_have_no_right(office: Office) -> None:
    animator = office.enter("animator")
    typed(animator, *FAMILY)
    form = next(one for one in animator.page.forms if one.action.endswith("/register"))
    fields = [(name, "Pélébina" if name == "section" else value) for name, value in animator._fields(form)]
    page = animator.send(form, [*fields, ("step", "look")])
    assert page.status == 422
    assert office.enter("adviser").get("/households/register").status == 403
    union = office.enter("administrator")
    assert "Pélébina" in union.get("/households/register").text or "Pélébina" in union.page.html
