"""The network in the office: the tree, what is inherited, new sections, plans by version, operators."""

from __future__ import annotations

from datetime import date
from html import unescape

import pytest
from sqlalchemy import insert, select, update

from gateway.console.pages.network import tree as network_pages
from gateway.locale import show_count
from gateway.membership.categories import add_category, add_subsidiser, add_tariff
from gateway.membership.tallies import count_today
from gateway.network.organisations import add_organisation
from gateway.store.schema import (
    category,
    cover_tally,
    household,
    office_event,
    operator_state,
    organisation,
    plan,
    subsidiser,
    tariff,
)
from tests.console.office import Office, Somebody
from tests.ussd.world import MEMBER, MORNING


def its_id(office: Office, code: str) -> int:
    network = office.place.runtime.network
    network.forget()
    return network.tree().named(code).id


def events(office: Office, what: str) -> list[tuple[object, ...]]:
    query = select(office_event.c.by_name, office_event.c.about, office_event.c.before, office_event.c.after)
    return office.place.ask(query.where(office_event.c.what == what).order_by(office_event.c.id))


def own(office: Office, code: str, column: str) -> object:
    return office.place.ask(select(organisation.c[column]).where(organisation.c.code == code))[0][0]


# --- the tree ---------------------------------------------------------------------------------------------------------


def test_the_tree_shows_what_is_below_and_how_many_households_were_counted(office: Office) -> None:
    office.place.household_with(MEMBER)
    somebody = office.enter("administrator")
    page = somebody.get("/network")
    assert "Awanla" in page.text
    assert "11 Sections" in page.text.replace("Sections 11", "11 Sections")
    assert "compté" not in page.text
    assert "UMOJA" not in page.html
    count_today(office.store, office.place.runtime.network)
    page = somebody.get("/network")
    assert "compté le 22/11/2026" in page.text
    assert "Awanla Section, 1 ménage" in page.text
    assert "Mutuelle Ouaké Mutuelle, 4 sections, 2 ménages" in page.text


def test_large_numbers_are_grouped_as_everywhere_else(office: Office) -> None:
    office.place.household_with(MEMBER)
    count_today(office.store, office.place.runtime.network)
    with office.store.write() as unit:
        rows = cover_tally.c.households > 0
        unit.connection.execute(update(cover_tally).where(rows).values(households=26_383, people=1_234_567))
    somebody = office.enter("administrator")
    assert f"{show_count(26_383, 'fr')} ménages" in unescape(somebody.get("/network").html)
    page = unescape(somebody.get(f"/network/{its_id(office, 'ouake')}").html)
    assert show_count(2 * 1_234_567, "fr") in page
    assert "2469134" not in page


def test_whoever_is_below_sees_only_what_is_below_them(office: Office) -> None:
    page = office.enter("treasurer").get("/network")
    assert "Awanla" in page.text
    assert "Anandana" not in page.html
    page = office.enter("treasurer").get(f"/network/{its_id(office, 'ouake')}")
    assert page.status == 404


def test_a_large_network_is_folded_and_its_sections_are_paged(
    pg_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_pages, "MOST_SHOWN", 20)
    with pg_office.store.write() as unit:
        tree = pg_office.place.runtime.network.tree()
        above = tree.named("Mutuelle Ouaké")
        for number in range(130):
            add_organisation(
                unit, (above.id, above.path), kind="section", code=f"v-{number}", name=f"Village {number:03}"
            )
    pg_office.place.runtime.network.forget()
    somebody = pg_office.enter("administrator")
    page = somebody.get("/network")
    assert "Village 001" not in page.html
    assert "134 sections" in page.text
    mutuelle = its_id(pg_office, "Mutuelle Ouaké")
    seen, path = [], f"/network/{mutuelle}"
    for _ in range(3):
        page = somebody.get(path)
        seen += [text for href, text in page.read.links if text.startswith("Village")]
        nexts = [href for href, text in page.read.links if "after=" in href]
        path = nexts[0] if nexts else ""
    assert path == ""
    assert len(seen) == len(set(seen)) == 130


def test_an_organisation_says_what_it_says_itself_and_what_it_inherits(office: Office) -> None:
    page = office.enter("treasurer").get(f"/network/{its_id(office, 'Awanla')}")
    assert "Langues Français, English de Union Communale" in page.text
    assert "Code marchand 229384 de Union Communale" in page.text
    assert "District Ouaké propre" in page.text
    assert "*384*229#" in page.text
    assert "Heures calmes de 20 h à 7 h personne ne le dit" in page.text
    assert "Modifier" not in [text for _, text in page.read.links]


def test_what_is_changed_counts_below_at_once_and_is_written_down(office: Office) -> None:
    mutuelle = its_id(office, "Mutuelle Ouaké")
    somebody = office.enter("administrator")
    somebody.get(f"/network/{mutuelle}/change")
    page = (
        somebody.fill("Nom", "Mutuelle de Ouaké").fill("District", "Ouaké-Centre").fill("Langue des menus", "English")
        .fill("Français", True).fill("Code marchand", "654321").fill("Ses propres heures", True)
        .fill("Calme à partir de", "21 h").fill("Calme jusqu'à", "6 h").press("Garder")
    )  # fmt: skip
    assert page.status == 200
    assert "Mutuelle de Ouaké" in page.text
    section = office.place.runtime.network.tree().named("Awanla")
    assert (section.languages, section.merchant_code) == (("en", "fr"), "654321")
    assert (section.quiet_from, section.quiet_until) == (21, 6)
    [(who, about, before, after)] = events(office, "network.changed")
    assert (who, about) == ("Bariou Tchao", f"organisation:{mutuelle}")
    assert before == {
        "name": "Mutuelle Ouaké", "district": None, "languages": None, "merchant_code": None, "quiet_hours": None,
    }  # fmt: skip
    assert isinstance(after, dict)
    assert after["merchant_code"] == "654321"
    # Emptied again, it inherits.
    somebody.get(f"/network/{mutuelle}/change")
    somebody.fill("District", "").fill("Langue des menus", "").fill("Code marchand", "").fill("Comme au-dessus", True)
    somebody.press("Garder")
    section = office.place.runtime.network.tree().named("Awanla")
    assert (section.languages, section.merchant_code, section.quiet_from) == (("fr", "en"), "229384", 20)


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("Nom", "!!!", "Un nom a des lettres"),
        ("Code marchand", "12 34;", "Un code marchand"),
        ("Calme jusqu'à", "20 h", "Deux heures différentes"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(office: Office, label: str, typed: str, said: str) -> None:
    somebody = office.enter("administrator")
    somebody.get(f"/network/{its_id(office, 'Mutuelle Ouaké')}/change")
    somebody.fill("District", "Djougou").fill("Ses propres heures", True).fill("Calme à partir de", "20 h")
    page = somebody.fill(label, typed).press("Garder")
    assert page.status == 422
    assert said.lower() in page.text.lower()
    assert 'value="Djougou"' in page.html
    assert own(office, "Mutuelle Ouaké", "district") is None
    assert events(office, "network.changed") == []


def add(somebody: Somebody, office: Office, above: str, **fields: object) -> str:
    somebody.get(f"/network/{its_id(office, above)}/new")
    for label, value in fields.items():
        somebody.fill({"kind": "Genre", "name": "Nom", "code": "Code", "books": "Elle tient"}[label], value)
    return somebody.press("Ajouter").text


def test_a_section_is_added_and_takes_households_at_once(office: Office) -> None:
    somebody = office.enter("administrator")
    assert "Ajouté : Bohoun" in add(somebody, office, "Mutuelle Ouaké", kind="section", name="Bohoun", code="Bohoun-1")
    section = office.place.runtime.network.tree().named("bohoun-1")
    assert section.currency == "XOF"
    assert office.place.runtime.network.tree().books_of(section.id).code == "Mutuelle Ouaké"
    office.place.household_with(MEMBER, section="bohoun-1")
    [(_, about, before, after)] = events(office, "network.added")
    assert (about, before) == (f"organisation:{section.id}", None)
    assert isinstance(after, dict)
    assert after["keeps_books"] is False


def test_a_mutuelle_keeps_its_own_books_unless_somebody_above_does(office: Office) -> None:
    somebody = office.enter("administrator")
    add(somebody, office, "ouake", kind="mutuelle", name="Mutuelle Bariénou", code="barienou")
    tree = office.place.runtime.network.tree()
    assert tree.books_of(tree.named("barienou").id).code == "barienou"
    neighbour = office.enter("neighbour")
    add(neighbour, office, "umoja", kind="mutuelle", name="Mutuelle Gitega", code="gitega-m")
    tree = office.place.runtime.network.tree()
    assert tree.books_of(tree.named("gitega-m").id).code == "umoja"


def test_a_code_that_is_there_and_an_organisation_with_households_are_refused(office: Office) -> None:
    office.place.household_with(MEMBER)
    with office.store.write() as unit:
        unit.connection.execute(
            update(household).values(section_id=office.place.runtime.network.tree().named("Mutuelle Anandana").id)
        )
    somebody = office.enter("administrator")
    # Another network's code is as taken as one's own, and nothing more is said of it.
    taken = add(somebody, office, "Mutuelle Ouaké", kind="section", name="Bohoun", code="umoja")
    assert "une organisation a déjà le code umoja" in taken
    assert "UMOJA" not in taken
    assert "ne peut pas être divisée" in add(
        somebody, office, "Mutuelle Anandana", kind="section", name="Bohoun", code="bohoun"
    )
    assert events(office, "network.added") == []


def test_a_section_has_nothing_below_it(office: Office) -> None:
    somebody = office.enter("administrator")
    page = somebody.get(f"/network/{its_id(office, 'Awanla')}")
    assert "Ajouter en dessous" not in [text for _, text in page.read.links]


# --- plans ------------------------------------------------------------------------------------------------------------


def with_category(office: Office) -> None:
    """Vulnerable households pay half, a project the rest."""
    with office.store.write() as unit:
        union = office.place.runtime.network.tree().named("ouake").id
        poor = add_category(unit, union, "vulnerable", "Vulnérable")
        payer = add_subsidiser(unit, union, "projet", "Projet Solidarité")
        plan_id = unit.connection.scalar(select(plan.c.id).where(plan.c.organisation_id == union))
        assert plan_id is not None
        add_tariff(unit, plan_id, poor, household_minor=0, subsidy_percent=50, subsidiser_id=payer)


def test_plans_are_shown_with_what_a_family_pays(office: Office) -> None:
    with_category(office)
    page = office.enter("treasurer").get("/network/plans")
    assert "Ce sont celles de Union Communale" in page.text
    assert "Famille, version 1" in page.text
    # Five people: 1 000 once, 2 000 for the household, 2 400 each; a quarter of it and the fee at once.
    assert "dans aucune catégorie 15 000 F 4 500 F 14 000 F 0 F" in page.text
    assert "Vulnérable 7 000 F" in page.text
    assert "50 % payés par Projet Solidarité" in page.text
    page = office.enter("treasurer").get("/network/plans?people=3")
    assert "10 200 F" in page.text
    assert "Nouvelle version" not in [text for _, text in page.read.links]


def test_a_new_version_is_looked_at_before_it_is_added(office: Office) -> None:
    with_category(office)
    somebody = office.enter("administrator")
    somebody.get("/network/plans")
    somebody.follow("Nouvelle version")
    somebody.fill("Ouvre le", "2027-01-01").fill("Un ménage par an", "3 000").fill("Chaque personne par an", "2500")
    page = somebody.press("Montrer ce que paie une famille")
    assert page.status == 200
    assert "16 500 F" in page.text  # 1 000 + 3 000 + 5 x 2 500
    assert office.place.ask(select(plan.c.version).where(plan.c.code == "famille", plan.c.currency == "XOF")) == [
        (1,), (1,),
    ]  # fmt: skip
    page = somebody.press("Ajouter cette version")
    assert page.status == 200
    assert "Elle ouvre le 01/01/2027" in page.text
    union = its_id(office, "ouake")
    rows = select(plan.c.version, plan.c.opens_on, plan.c.household_minor, plan.c.beneficiary_minor)
    assert office.place.ask(rows.where(plan.c.organisation_id == union).order_by(plan.c.version)) == [
        (1, date(2024, 1, 1), 2_000, 2_400), (2, date(2027, 1, 1), 3_000, 2_500),
    ]  # fmt: skip
    # What its category pays goes on, as the form had it.
    tariffs = select(category.c.code, tariff.c.household_minor, tariff.c.subsidy_percent).join_from(tariff, category)
    assert office.place.ask(tariffs.order_by(tariff.c.id)) == [("vulnerable", 0, 50)] * 2
    [(_, about, before, after)] = events(office, "plan.version_added")
    assert about == "plan:famille"
    assert isinstance(before, dict)
    assert isinstance(after, dict)
    assert (before["per_household"], after["per_household"], after["version"]) == ("2000", "3000", 2)
    # Who enrols meanwhile takes the version that is open.
    assert "10 200" in f"{office.place.household_with(MEMBER)} 10 200"
    assert "ouvre le 01/01/2027" in somebody.get("/network/plans").text


def test_what_was_emptied_stays_empty_when_it_is_looked_at(office: Office) -> None:
    with_category(office)
    somebody = office.enter("administrator")
    somebody.get("/network/plans")
    somebody.follow("Nouvelle version")
    somebody.fill("Ouvre le", "2027-01-01").fill("household-vulnerable", "").fill("percent-vulnerable", "0")
    page = somebody.fill("payer-vulnerable", "").press("Montrer ce que paie une famille")
    assert page.status == 200
    page = somebody.press("Ajouter cette version")
    assert page.status == 200
    assert len(office.place.ask(select(tariff.c.id))) == 1


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("Ouvre le", "2026-11-21", "Elle ouvre aujourd'hui au plus tôt"),
        ("Ouvre le", "", "Tapez un jour"),
        ("Un ménage par an", "beaucoup", "Tapez un montant"),
        ("Versements", "13", "de 1 à 12"),
        ("Chaque personne par an", "9" * 11, "trop grands"),
        ("percent-vulnerable", "0", "quelqu'un qui la paie"),
        ("Pendant ce nombre de jours", "30", "vont ensemble"),
    ],
)
def test_a_version_that_cannot_be_is_refused_with_what_was_typed(
    office: Office, label: str, typed: str, said: str
) -> None:
    with_category(office)
    somebody = office.enter("administrator")
    somebody.get("/network/plans")
    somebody.follow("Nouvelle version")
    page = somebody.fill("Ouvre le", "2027-01-01").fill("Nom", "Famille 2027").fill(label, typed).press("Montrer")
    assert page.status == 422
    assert said in page.text
    assert 'value="Famille 2027"' in page.html
    assert len(office.place.ask(select(plan.c.id).where(plan.c.code == "famille"))) == 2


def test_a_version_opens_after_the_one_before_it(office: Office) -> None:
    somebody = office.enter("administrator")
    for _ in range(2):
        somebody.get("/network/plans")
        somebody.follow("Nouvelle version")
        somebody.fill("Ouvre le", "2027-01-01").press("Montrer ce que paie une famille")
        page = somebody.press("Ajouter cette version")
    assert page.status == 422
    assert "la suivante ouvre après" in page.text


def test_categories_and_subsidisers_are_added_where_they_count(office: Office) -> None:
    somebody = office.enter("administrator")
    union, mutuelle = its_id(office, "ouake"), its_id(office, "Mutuelle Ouaké")
    somebody.get(f"/network/{union}/plans")
    somebody.fill("category_code", "Aidé".lower().replace("é", "e")).fill("category_name", "Aidé")
    assert somebody.press("Ajouter la catégorie").status == 200
    somebody.get(f"/network/{union}/plans")
    somebody.fill("payer_code", "etat").fill("payer_name", "État")
    assert "Ajouté : État" in somebody.press("Ajouter le tiers payant").text
    assert office.place.ask(select(category.c.code, category.c.organisation_id)) == [("aide", union)]
    assert office.place.ask(select(subsidiser.c.code)) == [("etat",)]
    somebody.get(f"/network/{union}/plans")
    assert somebody.fill("payer_code", "etat").fill("payer_name", "x").press("Ajouter le tiers payant").status == 422
    # A mutuelle below inherits them, and isn't offered to hide them by one of its own.
    page = somebody.get(f"/network/{mutuelle}/plans")
    assert "Aidé" in page.text
    assert "category_code" not in page.html


def test_a_plan_of_ones_own_is_added(office: Office) -> None:
    somebody = office.enter("administrator")
    union = its_id(office, "ouake")
    somebody.get(f"/network/{union}/plans/new")
    somebody.fill("Code", "Jeune").fill("Nom", "Jeunes").fill("Ouvre le", "2026-12-01").fill("Chaque personne", "1 500")
    assert "7 500 F" in somebody.press("Montrer").text
    assert "Jeunes, version 1" in somebody.press("Ajouter cette version").text
    somebody.get(f"/network/{union}/plans/new")
    somebody.fill("Code", "jeune").fill("Nom", "Jeunes").fill("Ouvre le", "2026-12-02").press("Montrer")
    assert "déjà une formule avec ce code" in somebody.press("Ajouter cette version").text


# --- operators --------------------------------------------------------------------------------------------------------


def test_operators_show_whether_they_answer_what_is_let_through_and_what_was_used(office: Office) -> None:
    with office.store.write() as unit:
        unit.connection.execute(
            insert(operator_state).values(
                provider="mtn_momo", environment="mtnbenin", failures=5, open_until=MORNING.replace(hour=10),
                said="503", changed_at=MORNING.replace(hour=8),
            )
        )  # fmt: skip
    page = office.enter("treasurer").get("/network/operators")
    assert "MTN MoMo" in page.text
    assert "ne répond pas" in page.text
    assert "depuis le 22/11/2026 09:00" in page.text  # an hour ahead of UTC
    assert "sans clés ici" in page.text  # pawaPay isn't connected
    assert "2 000 000 F" in page.text
    assert "*384*229#" in page.text
    assert "EcoCash" not in page.text  # another country's
    assert "Aucun portefeuille n'a été sollicité" in page.text
    assert office.enter("adviser").get("/network/operators").status == 403
