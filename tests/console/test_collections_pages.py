"""Collections in the office: the list and its ways to be narrowed, one with its story, cases settled."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import pytest
from sqlalchemy import func, select, text, update

from gateway.console.pages.money.words import (
    CASES,
    NO_CASH,
    NO_REFUND,
    NOT_ASSIGNED,
    NOT_CORRECTED,
    NOT_SETTLED,
    STATES,
)
from gateway.kernel.money import Money
from gateway.locale import Say
from gateway.payments import listing
from gateway.payments.cash import CashRefused
from gateway.payments.cash_corrections import NotCorrected
from gateway.payments.collections import create
from gateway.payments.decisions.cases import KINDS, open_case
from gateway.payments.decisions.deciding import NotSettled
from gateway.payments.listing import Only, listed
from gateway.payments.receipts import receipt_number, show_receipt
from gateway.payments.refunds import NoRefund
from gateway.payments.states import State
from gateway.payments.unasked.suspense import NotAssigned
from gateway.store.schema import collection, money_case, office_event, outbox
from tests.console.money import asked, family, forged, group_of, now, paid, refused
from tests.console.office import Office
from tests.ussd.world import MEMBER


def ids_on(page: Any) -> list[int]:
    return [
        int(href.rsplit("/", 1)[1]) for href, _ in page.read.links if href.rsplit("/", 1)[0] == "/console/collections"
        and href.rsplit("/", 1)[1].isdigit()
    ]  # fmt: skip


def test_the_list_has_the_newest_first_and_is_narrowed(office: Office) -> None:
    _, home = family(office)
    first = paid(office, home, 2_000)
    second = asked(office, home, 2_100)
    refused(office, second)
    treasurer = office.enter("treasurer")
    page = treasurer.get("/collections")
    assert ids_on(page) == [second, first]
    assert "Payé" in page.text
    assert "Non payé" in page.text
    assert "2 000 F" in page.text
    assert MEMBER not in page.html
    assert "Adjara Tchédré" in page.text
    assert ids_on(treasurer.get("/collections?state=paid")) == [first]
    assert ids_on(treasurer.get("/collections?state=nothing")) == [second]
    assert ids_on(treasurer.get("/collections?state=waiting")) == []
    assert ids_on(treasurer.get("/collections?way=push")) == [second, first]
    assert ids_on(treasurer.get("/collections?way=cash")) == []
    today = now(office).date()
    assert ids_on(treasurer.get(f"/collections?day={today}")) == [second, first]
    assert ids_on(treasurer.get("/collections?day=2020-01-01")) == []
    assert ids_on(treasurer.get(f"/collections?household={home}")) == [second, first]
    for odd in ("state=x", "way=y", "day=z", "household=q", "after=-1", "after=99999999999999999999"):
        assert treasurer.get(f"/collections?{odd}").status == 200


def test_the_list_freshens_itself_by_one_block(office: Office) -> None:
    _, home = family(office)
    treasurer = office.enter("treasurer")
    page = treasurer.get("/collections")
    assert 'data-live="live_rows"' in page.html
    part = treasurer.client.get("/console/collections", headers={"X-Part": "live_rows"})
    seen = part.headers["X-Seen"]
    unchanged = treasurer.client.get("/console/collections", headers={"X-Part": "live_rows", "X-Seen": seen})
    assert unchanged.status_code == 204
    paid(office, home)
    again = treasurer.client.get("/console/collections", headers={"X-Part": "live_rows", "X-Seen": seen})
    assert again.status_code == 200
    assert "3\u202f300" in again.text or "3 300" in again.text.replace("\xa0", " ")
    assert "<html" not in again.text


def test_a_receipt_or_a_card_is_found_and_stands_in_no_address(office: Office) -> None:
    card, home = family(office)
    its_id = paid(office, home)
    treasurer = office.enter("treasurer")
    for typed in (receipt_number(its_id), f"{int(receipt_number(its_id)):06d}"):
        treasurer.get("/collections")
        page = treasurer.fill("Numéro de reçu ou de carte", typed).press("Chercher")
        assert page.response.request.path == f"/console/collections/{its_id}"
    treasurer.get("/collections")
    page = treasurer.fill("Numéro de reçu ou de carte", card).press("Chercher")
    assert page.response.request.query_string.decode() == f"household={home}"
    assert card not in page.response.request.url
    treasurer.get("/collections")
    page = treasurer.fill("Numéro de reçu ou de carte", "123").press("Chercher")
    assert page.status == 422
    # Of another mutuelle it is as if there were none.
    stranger = office.enter("neighbouring treasurer")
    for typed in (card, receipt_number(its_id)):
        stranger.get("/collections")
        assert stranger.fill("Numéro de reçu ou de carte", typed).press("Chercher").status == 422
    assert stranger.get(f"/collections?household={home}").status == 404


def test_each_sees_their_own_part_of_the_network(office: Office) -> None:
    _, here = family(office)
    _, there = family(office, section="Pélébina", msisdn="+2290150000002")
    ours, theirs = paid(office, here), paid(office, there, payer="+2290150000002")
    assert ids_on(office.enter("treasurer").get("/collections")) == [ours]
    assert ids_on(office.enter("neighbouring treasurer").get("/collections")) == [theirs]
    union = office.enter("administrator")
    assert ids_on(union.get("/collections")) == [theirs, ours]
    assert ids_on(union.get("/collections?state=paid")) == [theirs, ours]
    assert ids_on(union.get("/collections?at=Awanla")) == [ours]  # a section: its books are above it
    assert ids_on(union.get("/collections?at=Kadolassi")) == []


def test_pages_follow_one_another_without_gaps_or_repeats(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where many were made at one moment, and where what is looked for is rare."""
    _, here = family(office)
    _, there = family(office, section="Pélébina", msisdn="+2290150000002")
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        for number in range(40):
            home, section = (here, "Awanla") if number % 3 else (there, "Pélébina")
            create(
                unit, effect_key=f"many:{number}", books=tree.books_of(tree.named(section).id), household_id=home,
                way="cash" if number == 5 else "push", provider="mtn_momo", payer=MEMBER, amount=Money(500, "XOF"),
            )  # fmt: skip
        rows = unit.connection.scalars(select(collection.c.id).order_by(collection.c.id)).all()
        unit.connection.execute(
            update(collection).where(collection.c.id.in_(rows[::4])).values(state="reversed", reason="reversed")
        )
    union = tree.named("ouake")

    def walked(only: Only) -> list[int]:
        found, after = [], None
        with office.store.read() as connection:
            while True:
                page = listed(connection, tree, union, only, after, limit=7)
                found += [one.id for one in page.rows]
                after = page.after
                if after is None:
                    return found

    expected = list(reversed(rows))
    assert walked(listing.EVERY) == expected
    assert walked(Only(standing="back")) == [one for one in expected if one in rows[::4]]
    monkeypatch.setattr(listing, "LOOKED_THROUGH", 9)
    assert walked(Only(way="cash")) == [rows[5]]
    assert walked(Only(way="push")) == [one for one in expected if one != rows[5]]
    assert walked(Only(standing="waiting")) == [one for one in expected if one not in rows[::4]]
    assert walked(Only(household_id=here)) == [one for number, one in reversed(list(enumerate(rows))) if number % 3]


def test_a_page_of_the_list_reads_no_whole_table(pg_office: Office) -> None:
    tree = pg_office.place.runtime.network.tree()
    said = []

    def plan(query: Any) -> str:
        with pg_office.store.read() as connection:
            connection.execute(text("set local enable_seqscan = off"))
            return "\n".join(connection.scalars(text("explain " + str(query))))

    family(pg_office)
    books = tree.named("Mutuelle Ouaké").id
    for where in ("", "and state in ('refused', 'expired', 'reversed')"):
        said.append(
            plan(
                f"select id from collection where organisation_id = {books} {where} "
                "order by created_at desc, id desc limit 51"
            )
        )
    assert "ix_collection_organisation_id_created_at" in said[0]
    assert "ix_collection_came_to_nothing" in said[1] or "ix_collection_organisation_id_created_at" in said[1]
    assert "ix_incoming_suspense" in plan(
        f"select id from incoming where state = 'suspense' and organisation_id = {books}"
    )
    assert "ix_line_due" in plan(
        "select household_id from line where account_id = 1 and amount_minor = 5 and due_on between '2026-01-01' and "
        "'2026-02-01'"
    )


# --- one of them ------------------------------------------------------------------------------------------------------


def test_its_story_is_told_in_plain_words(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    page = office.enter("treasurer").get(f"/collections/{its_id}")
    assert "Le payeur l'a demandé sur son propre téléphone." in page.text
    assert "L'opérateur a demandé le code secret au payeur." in page.text
    assert "Payé : c'est dans les comptes" in page.text
    [(code,)] = office.place.ask(select(collection.c.receipt_code).where(collection.c.id == its_id))
    assert show_receipt(its_id, code) in page.text
    assert f"OP{its_id:08d}" in page.text
    assert MEMBER not in page.html


def test_the_operator_is_asked_again_by_the_worker_once(office: Office) -> None:
    _, home = family(office)
    its_id = asked(office, home)
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/collections/{its_id}")
    assert "Attend le code secret" in page.text
    page = treasurer.press("Interroger l'opérateur maintenant")
    assert page.status == 200
    assert "Sa réponse apparaîtra ici" in page.text
    [(key,)] = office.place.ask(select(collection.c.key).where(collection.c.id == its_id))
    waiting = (
        select(func.count()).select_from(outbox).where(outbox.c.topic == "collection.hint", outbox.c.subject == key)
    )
    assert office.place.ask(waiting) == [(1,)]
    treasurer.press("Interroger l'opérateur maintenant")
    assert office.place.ask(waiting) == [(1,)]
    # An animator sees it, and doesn't decide.
    animator = office.enter("animator")
    page = animator.get(f"/collections/{its_id}")
    assert page.status == 200
    assert not any("Interroger" in each[2] for form in page.forms for each in form.buttons)
    assert forged(animator, f"/collections/{its_id}/look") == 403


def test_a_member_is_asked_anew_within_the_limits(office: Office) -> None:
    _, home = family(office)
    its_id = asked(office, home)
    refused(office, its_id)
    visible_reason = Say("fr")("Not enough money on the account.")
    treasurer = office.enter("treasurer")
    page = treasurer.get(f"/collections/{its_id}")
    assert visible_reason in page.text
    page = treasurer.fill("Montant à demander", "100").press("Demander à l'adhérent")
    assert page.status == 422
    page = treasurer.fill("Montant à demander", "2500").press("Demander à l'adhérent")
    assert page.status == 200, page.text
    newest = office.place.ask(
        select(collection.c.amount_minor, collection.c.state, collection.c.payer).order_by(collection.c.id.desc())
    )
    assert newest[0] == (2_500, "created", MEMBER)
    assert "0150" not in page.text.replace(" ", "")
    # While the prompt may stand open nobody is asked twice.
    treasurer.get(f"/collections/{its_id}")
    page = treasurer.press("Demander à l'adhérent")
    assert page.status == 422
    assert "déjà en cours" in page.text
    assert len(newest) == 2


def test_what_is_paid_cant_be_asked_for_anew(pg_office: Office) -> None:
    _, home = family(pg_office)
    its_id = paid(pg_office, home)
    treasurer = pg_office.enter("treasurer")
    assert forged(treasurer, f"/collections/{its_id}/ask", amount="500") == 422
    assert forged(treasurer, f"/collections/{its_id}/look") == 422
    assert forged(treasurer, f"/collections/{its_id}/correct", reason="x") == 422  # it is no cash
    assert len(pg_office.place.ask(select(collection.c.id))) == 1


# --- what a person must decide ----------------------------------------------------------------------------------------


def conflict(office: Office, its_id: int) -> int:
    with office.store.write() as unit:
        books = unit.connection.scalar(select(collection.c.organisation_id).where(collection.c.id == its_id)) or 0
        return open_case(unit, "conflict", books, its_id, None, "FAILED", f"conflict:{its_id}")


def test_a_case_is_settled_once_and_the_money_is_gone(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    case = conflict(office, its_id)
    treasurer = office.enter("treasurer")
    page = treasurer.get("/collections/cases")
    assert "L'opérateur dit maintenant qu'un paiement a échoué" in page.text
    page = treasurer.get(f"/collections/cases/{case}")
    form = next(one for one in page.forms if one.action.endswith("/settle"))
    fields = [(one.name, one.value) for one in form.controls if one.kind not in ("radio",) and one.name != "reason"]
    given = [*fields, ("verdict", "reversed"), ("reason", "le support a confirmé")]
    assert treasurer.send(form, given).status == 200
    assert treasurer.send(form, given).status == 200  # the same form again does nothing
    assert office.place.ask(select(collection.c.state)) == [("reversed",)]
    assert len(office.place.texts("reversed", MEMBER)) == 1
    [(by, note)] = office.place.ask(
        select(money_case.c.closed_by, money_case.c.note).where(money_case.c.id == case)
    )  # fmt: skip
    assert (by, note) == ("Rafiou Gounou", "reversed: le support a confirmé")
    page = treasurer.get(f"/collections/cases/{case}")
    assert "Rafiou Gounou" in page.text
    assert not any(one.action.endswith("/settle") for one in page.forms)
    assert office.place.ask(select(office_event.c.what)) == [("case.settled",)]


def test_a_case_is_kept_or_closed_without_money(office: Office) -> None:
    _, home = family(office)
    its_id = paid(office, home)
    case = conflict(office, its_id)
    treasurer = office.enter("treasurer")
    treasurer.get(f"/collections/cases/{case}")
    page = treasurer.fill("Ce qui a été décidé", "erreur de l'opérateur").press("Fermer le cas")
    assert page.status == 200
    assert "est fermé" in page.text
    assert office.place.ask(select(collection.c.state)) == [("paid",)]
    assert forged(treasurer, f"/collections/cases/{case}/settle", verdict="reversed", reason="x") == 422
    assert office.place.ask(select(collection.c.state)) == [("paid",)]


def test_every_kind_of_case_and_every_reason_has_its_words() -> None:
    assert set(CASES) == set(KINDS)
    for words, answer in (
        (NO_REFUND, NoRefund), (NOT_ASSIGNED, NotAssigned), (NOT_SETTLED, NotSettled), (NOT_CORRECTED, NotCorrected),
        (NO_CASH, CashRefused),
    ):  # fmt: skip
        assert set(words) == set(get_args(get_type_hints(answer)["why"])), answer
    assert set(STATES) == {state.value for state in State}


# --- groups -----------------------------------------------------------------------------------------------------------


def test_a_group_is_asked_once_for_all_its_households(office: Office) -> None:
    _, one = family(office)
    _, other = family(office, section="Kadolassi", msisdn="+2290150000002")
    group = group_of(office, [one, other], msisdn="+2290150000002")
    treasurer = office.enter("treasurer")
    treasurer.get("/collections/groups")
    page = treasurer.follow("Femmes de Awanla")
    assert "6 600 F" in page.text  # both have to pay 3 300 F
    assert "0150000002" not in page.html
    page = treasurer.fill("Montant à demander", "4000").press("Demander au groupe")
    assert page.status == 200
    assert "4 000 F" in page.text
    rows = office.place.ask(select(collection.c.group_id, collection.c.amount_minor, collection.c.state))
    assert rows == [(group, 4_000, "created")]
    page = treasurer.press("Demander au groupe")
    assert page.status == 422
    assert office.place.ask(select(func.count()).select_from(collection)) == [(1,)]
    assert forged(office.enter("animator"), f"/collections/groups/{group}/ask", amount="500") == 403
    [(its_id,)] = office.place.ask(select(collection.c.id))
    assert "Femmes de Awanla" in treasurer.get(f"/collections/{its_id}").text
    assert "Femmes de Awanla" in treasurer.get("/collections").text
