"""Statements dropped in the office, read before they are kept, matched; what differs worked through; days signed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from sqlalchemy import func, select

from gateway.console.pages.reconciliation import common as words
from gateway.console.pages.reconciliation.files import MEANINGS
from gateway.kernel.numbers import with_check_digit
from gateway.payments.reconciliation import handed_in
from gateway.payments.reconciliation.differences.choices import CHOICES
from gateway.payments.reconciliation.differences.deals import Why
from gateway.payments.reconciliation.differences.found import KINDS, What
from gateway.payments.reconciliation.handed_in import QUEUE, TOPIC
from gateway.payments.reconciliation.items import HOWS
from gateway.payments.reconciliation.wallets import open_wallet
from gateway.payments.statements.lines import KINDS as LINE_KINDS
from gateway.payments.statements.profiles import COLUMNS
from gateway.store import outbox
from gateway.store.schema import (
    difference,
    difference_event,
    message,
    office_event,
    statement,
    statement_upload,
    wallet_close,
)
from tests.console.office import Office, Somebody
from tests.console.windows import NARROW, WIDE, Windows
from tests.payments.statements.writers import csv, movements, mtn_momo, with_balances

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
STRANGER = "+2290196000001"


def mtn(*rows: Mapping[str, object], opening: int = 10_000) -> bytes:
    return csv(mtn_momo(with_balances(movements(list(rows)), opening)))


def strangers(count: int, amount: int = 700) -> list[dict[str, object]]:
    """Payments that nobody of ours has made."""
    return [
        {"at": NOON + timedelta(minutes=number), "amount": amount, "operator_id": f"79{number:08d}", "payer": STRANGER}
        for number in range(count)
    ]


def wallet_of(office: Office, operator: str = "mtn_momo", code: str = "ouake") -> int:
    with office.store.write() as unit:
        return open_wallet(unit, office.place.runtime.network.tree().named(code), operator, "wallet").id


def drop(somebody: Somebody, content: bytes, name: str = "november.csv", **more: Any) -> None:
    somebody.get("/reconciliation/drop")
    somebody.fill("file", (name, content))
    for label, value in more.items():
        somebody.fill(label, value)
    somebody.press("Lire")


def taken_in(office: Office, content: bytes, who: str = "administrator") -> Somebody:
    somebody = office.enter(who)
    drop(somebody, content)
    somebody.press("Prendre en compte et rapprocher")
    return somebody


def count(office: Office, table: Any, *where: Any) -> int:
    with office.store.read() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*where)) or 0


def difference_ids(office: Office, state: str = "open") -> list[int]:
    with office.store.read() as connection:
        ids = select(difference.c.id).where(difference.c.state == state).order_by(difference.c.id)
        return list(connection.scalars(ids))


def work(office: Office) -> int:
    """Let the worker do what waits."""

    def told(_: outbox.Task, error: Exception) -> None:
        raise error

    return outbox.drain(office.store, QUEUE, {TOPIC: office.place.runtime.handlers[TOPIC]}, told)


def test_everything_that_the_domain_knows_has_a_word() -> None:
    assert set(words.NOT_SETTLED) == set(get_args(Why))
    assert set(words.KINDS) == set(words.ABOUT) == set(KINDS)
    assert set(words.STEPS) == set(get_args(What))
    assert set(words.HOWS) == set(HOWS)
    assert set(words.MOVED) == set(LINE_KINDS)
    assert set(words.CHOICES) >= {each.word for choices in CHOICES.values() for each in choices}
    assert set(MEANINGS) == set(COLUMNS)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_shown_before_anything_of_it_is_kept(office: Office) -> None:
    wallet_of(office)
    somebody = office.enter("administrator")
    drop(somebody, mtn(*strangers(3), {"at": NOON + timedelta(hours=1), "amount": -500, "kind": "refund",
                                       "operator_id": "7800000001", "payer": STRANGER, "fee": 20}))  # fmt: skip
    page = somebody.page.text
    assert "2 100 F" in page
    assert "500 F" in page
    assert "20/11/2026 12:00" in page  # where the account is
    assert STRANGER not in somebody.page.html
    assert "+229…01" in page
    assert (count(office, statement), count(office, difference)) == (0, 0)

    somebody.press("Prendre en compte et rapprocher")
    assert count(office, statement) == 1
    assert count(office, difference, difference.c.kind == "unknown") == 3
    assert count(office, difference, difference.c.kind == "out") == 1
    assert "Régler 4 écarts" in somebody.page.text
    with office.store.read() as connection:
        upload = connection.execute(select(statement_upload)).one()
        assert (upload.state, upload.content) == ("taken", None)
        acts = set(connection.scalars(select(office_event.c.what)))
    assert {"statement.handed_in", "statement.taken_in"} <= acts


def test_the_same_file_again_is_known_and_does_nothing(office: Office) -> None:
    wallet_of(office)
    content = mtn(*strangers(2))
    taken_in(office, content)
    somebody = office.enter("second administrator")
    drop(somebody, content, "again.csv")
    assert "déjà été pris en compte" in somebody.page.text
    somebody.press("Prendre en compte et rapprocher")
    assert (count(office, statement), count(office, difference)) == (1, 2)
    # What overlaps is left out, and said before.
    drop(somebody, mtn(*strangers(3)), "more.csv")
    assert "2 lignes figurent déjà" in somebody.page.text


def test_what_isnt_understood_is_told_row_by_row(office: Office) -> None:
    wallet_of(office)
    somebody = office.enter("administrator")
    lines = mtn(*strangers(4)).decode().split("\n")
    for row in (2, 4):
        lines[row] = lines[row].replace("Successful", "Perhaps")
    drop(somebody, "\n".join(lines).encode())
    page = somebody.page.text
    assert page.count("'Perhaps' n'est pas un état connu") == 2
    assert "Status" in page
    assert STRANGER[1:] not in page  # also in the row as it is written
    assert count(office, statement) == 0
    # Another word on it, and nothing else: it is the same file still.
    somebody.press("Relire")
    assert somebody.page.text.count("'Perhaps'") >= 2
    somebody.press("Jeter le fichier")
    with office.store.read() as connection:
        assert connection.execute(select(statement_upload.c.state, statement_upload.c.content)).one() == (
            "dropped",
            None,
        )


@pytest.mark.parametrize(
    "content",
    [b"%PDF-1.7 nothing", b"\x00\x01\x02\xff" * 50, b"a;b\n", "é;è\n".encode("latin-1") * 3, b"PK\x03\x04 cut"],
    ids=["pdf", "bytes", "bare", "latin", "cut"],
)
def test_whatever_is_dropped_gets_a_calm_answer(pg_office: Office, content: bytes) -> None:
    wallet_of(pg_office)
    somebody = pg_office.enter("treasurer")
    # The union's account isn't the mutuelle's treasurer's.
    wallet_of(pg_office, code="Mutuelle Ouaké")
    drop(somebody, content, "strange.bin")
    assert somebody.page.status == 200
    assert "ne peut pas être lu" in somebody.page.text


def test_which_account_it_is_of_is_found_out_or_asked(pg_office: Office) -> None:
    wallet_of(pg_office)
    wallet_of(pg_office, "moov_money")
    somebody = pg_office.enter("administrator")
    drop(somebody, mtn(*strangers(1)))
    assert "Prendre en compte" in somebody.page.text
    assert "MTN MoMo" in somebody.page.text
    drop(somebody, b"Nom;Somme;Jour\nAwa;500;20/11/2026\n")
    assert "choisissez le compte" in somebody.page.text
    somebody.fill("wallet", "Moov Money").press("Relire")
    assert "aucune ligne n'a les titres" in somebody.page.text.lower()


def test_the_columns_of_an_unknown_table_get_their_meaning(office: Office) -> None:
    wallet_of(office)
    somebody = office.enter("administrator")
    table = "Jour du mouvement;Ce qui bouge;Papier\n" + "".join(
        f"{day}/11/2026 10:00;{day}00;A{day}77\n" for day in range(13, 16)
    )
    drop(somebody, table.encode())
    somebody.follow("Dire ce que sont les colonnes")
    assert "1300" in somebody.page.text
    somebody.fill("name", "Caisse locale").fill("column0", "Montant").fill("column1", "Montant")
    somebody.press("Garder et lire le fichier")
    assert somebody.page.status == 422
    somebody.fill("name", "Caisse locale").fill("column0", "Date (et heure)").fill("column1", "Montant")
    somebody.fill("column2", "Le numéro de transaction de l'opérateur").fill("signs", "Un moins")
    somebody.press("Garder et lire le fichier")
    assert "4 200 F" in somebody.page.text
    somebody.press("Prendre en compte et rapprocher")
    assert count(office, statement) == 1
    somebody.get("/reconciliation/profiles")
    assert "Caisse locale" in somebody.page.text
    # Another file of that kind is known from now on.
    drop(somebody, table.replace("/11/", "/10/").replace("A1", "B1").encode(), "next.csv")
    assert "4 200 F" in somebody.page.text


def test_a_large_file_is_worked_on_behind_the_scenes(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed_in, "SMALL_BYTES", 10)
    wallet_of(office)
    somebody = office.enter("administrator")
    drop(somebody, mtn(*strangers(3)))
    there = "/reconciliation/uploads/1"
    assert "est en cours de lecture" in somebody.page.text
    part = somebody.get(there, **{"X-Part": "live_work"})
    assert part.html.count("<section") == 0
    assert "lecture" in part.text
    assert work(office) == 1
    assert "terminé" in somebody.get(there, **{"X-Part": "live_work"}).text
    somebody.get(there)
    somebody.press("Prendre en compte et rapprocher")
    assert "est en cours de rapprochement" in somebody.page.text
    assert count(office, statement) == 0
    assert "Rapprochement en cours" in somebody.get("/reconciliation").text
    work(office)
    assert "Régler 3 écarts" in somebody.get(there).text
    assert work(office) == 0


def test_work_that_was_broken_off_goes_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The web process dies while it reads a small file: the worker finds it a little later."""
    wallet_of(office)
    somebody = office.enter("administrator")
    monkeypatch.setattr(handed_in.Handling, "go_on", lambda *_: None)
    drop(somebody, mtn(*strangers(1)))
    assert "est en cours de lecture" in somebody.page.text
    monkeypatch.undo()
    assert work(office) == 0
    office.place.wait(minutes=4)
    assert work(office) == 1
    assert "Prendre en compte" in somebody.get("/reconciliation/uploads/1").text


def test_an_upload_that_breaks_off_leaves_nothing(pg_office: Office) -> None:
    wallet_of(pg_office)
    somebody = pg_office.enter("administrator")
    form = next(one for one in somebody.get("/reconciliation/drop").forms if "drop" in one.action)
    fields = {one.name: one.value for one in form.controls if one.kind == "hidden"}
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    half = parts + '--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + "1;2\n" * 100
    answer = somebody.client.post(
        "/console/reconciliation/drop", data=half.encode(), content_type="multipart/form-data; boundary=x"
    )
    assert answer.status_code in (400, 422)
    assert count(pg_office, statement_upload) == 0


def test_a_double_click_hands_in_once(office: Office) -> None:
    wallet_of(office)
    somebody = office.enter("administrator")
    somebody.get("/reconciliation/drop")
    form = next(one for one in somebody.page.forms if "drop" in one.action)
    fields = [(one.name, one.value) for one in form.controls if one.name and one.kind != "file"]
    for _ in range(2):
        somebody.send(form, [*fields, ("file", ("a.csv", mtn(*strangers(2))))])
        assert "Prendre en compte" in somebody.page.text
    assert count(office, statement_upload) == 1


# --- differences ------------------------------------------------------------------------------------------------------


def test_thirty_differences_one_after_the_other(office: Office) -> None:
    wallet_of(office)
    somebody = taken_in(office, mtn(*strangers(30)))
    somebody.follow("Régler 30 écarts")
    somebody.follow("Les traiter")
    seen = set()
    for number in range(30):
        title = re.search(r"\((\d+)\)", somebody.page.read.title)
        assert title
        seen.add(title[1])
        somebody.fill("choice", "keep")
        form = next(one for one in somebody.page.forms if any(each.name == "choice" for each in one.controls))
        fields = [(one.name, one.value) for one in form.controls if one.kind != "radio"] + [("choice", "keep")]
        somebody.send(form, fields)
        if number < 29:
            assert "Réglé" in somebody.page.text
            assert "l'annuler" in somebody.page.text
    assert len(seen) == 30
    assert difference_ids(office) == []
    assert "Réglé" in somebody.page.text


def choose(somebody: Somebody, choice: str, **more: str) -> None:
    form = next(one for one in somebody.page.forms if any(each.name == "choice" for each in one.controls))
    values = {"choice": choice, **more}
    fields = [(one.name, values.get(one.name, one.value)) for one in form.controls if one.kind != "radio"]
    somebody.send(form, [*fields, ("choice", choice)])


def test_whose_it_may_be_stands_among_the_choices(office: Office) -> None:
    wallet_of(office, code="Mutuelle Ouaké")
    payer = "+2290150000001"
    card = office.place.household_with(payer)
    somebody = office.enter("treasurer")
    drop(somebody, mtn({**strangers(1)[0], "payer": payer, "amount": 3_300}))
    somebody.press("Prendre en compte et rapprocher")
    ids = difference_ids(office)
    somebody.get(f"/reconciliation/differences/{ids[0]}")
    assert "Adjara Tchédré" in somebody.page.text
    options = [one.value for form in somebody.page.forms for one in form.controls if one.name == "choice"]
    assert options[0] == f"assign:{card}"
    assert options[1:] == ["assign", "refund", "keep", "income", "transfer", "correction"]
    choose(somebody, "assign", card="123456789")  # typed wrongly
    assert somebody.page.status == 422
    choose(somebody, options[0])
    assert somebody.page.status == 200
    assert difference_ids(office) == []
    assert "Identifié" in somebody.page.text
    assert count(office, message, message.c.event == "receipt") == 1


def test_money_that_is_much_takes_two_people(office: Office) -> None:
    wallet_of(office)
    first = taken_in(office, mtn(*strangers(1, 60_000)))
    second = office.enter("second administrator")
    its_id = difference_ids(office)[0]
    first.get(f"/reconciliation/differences/{its_id}")
    assert "deux personnes" in first.page.text
    choose(first, "income")
    assert first.page.status == 422  # in one's own words
    choose(first, "income", own="Don de la fondation, lettre du 3 novembre")
    assert "Une autre personne doit l'approuver" in first.page.text
    assert "Vous l'avez demandé" in first.page.text
    first.fill("own", "Finalement non").press("Abandonner")
    assert difference_ids(office) == [its_id]
    choose(first, "income", own="Don de la fondation, lettre du 3 novembre")

    second.get(f"/reconciliation/differences/{its_id}")
    assert "Bariou Tchao demande : Produit" in second.page.text
    second.press("Approuver")
    assert "Approuvé" in second.page.text
    assert "Don de la fondation" in second.page.text
    assert difference_ids(office, "settled") == [its_id]
    # Undoing it takes two as well.
    second.fill("own", "La fondation a écrit autre chose").press("Annuler ce choix")
    assert "Une autre personne doit l'approuver" in second.page.text
    first.get(f"/reconciliation/differences/{its_id}")
    first.press("Approuver")
    assert difference_ids(office) == [its_id]
    with office.store.read() as connection:
        steps = list(connection.scalars(select(difference_event.c.what).order_by(difference_event.c.id)))
    assert steps == ["found", "asked", "dropped", "asked", "settled", "asked", "undone"]


def test_who_comes_second_is_told_what_the_first_did(office: Office) -> None:
    wallet_of(office)
    first = taken_in(office, mtn(*strangers(2)))
    second = office.enter("second administrator")
    its_id = difference_ids(office)[0]
    for each in (first, second):
        each.get(f"/reconciliation/differences/{its_id}")
    before = second.page
    choose(first, "keep")
    second.page = before
    choose(second, "refund")
    assert second.page.status == 422
    assert "Bariou Tchao l'a déjà réglé" in second.page.text
    assert "Laissé tel quel" in second.page.text
    assert count(office, difference, difference.c.choice == "keep") == 1


def test_two_at_the_very_same_moment_settle_it_once(office: Office) -> None:
    wallet_of(office)
    people = [taken_in(office, mtn(*strangers(1))), office.enter("second administrator")]
    its_id = difference_ids(office)[0]
    for each in people:
        each.get(f"/reconciliation/differences/{its_id}")
    start = threading.Barrier(2)

    def one(somebody: Somebody) -> int:
        start.wait()
        choose(somebody, "transfer")
        return somebody.page.status

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(one, people)) == [200, 422]
    assert any("l'a déjà réglé" in each.page.text for each in people)
    assert count(office, difference_event, difference_event.c.what == "settled") == 1


def test_undone_with_a_reason_it_is_open_again(office: Office) -> None:
    wallet_of(office)
    somebody = taken_in(office, mtn(*strangers(2)))
    ids = difference_ids(office)
    somebody.get(f"/reconciliation/differences/{ids[0]}")
    choose(somebody, "transfer")
    assert str(ids[1]) in somebody.page.response.request.path
    somebody.follow("l'annuler")
    somebody.press("Annuler ce choix")
    assert "de nouveau ouvert" in somebody.page.text
    assert difference_ids(office) == ids
    assert "Choisi par erreur" in somebody.page.text


def test_several_alike_are_settled_in_one_form_each_once(office: Office) -> None:
    wallet_of(office)
    somebody = taken_in(office, mtn(*strangers(12), {**strangers(13)[12], "amount": 80_000}))
    somebody.get("/reconciliation/differences?kind=unknown")
    form = next(one for one in somebody.page.forms if any(each.name == "one" for each in one.controls))
    ticks = [one.value for one in form.controls if one.name == "one"]
    assert len(ticks) == 13
    values = {"choice": "income", "own": "Collecte du marché"}
    fields = [(one.name, values.get(one.name, one.value)) for one in form.controls if one.kind != "checkbox"]
    fields += [("one", each) for each in ticks]
    somebody.send(form, fields)
    assert "12 sont réglés. 1 attend une autre personne." in somebody.page.text
    somebody.send(form, fields)  # a second click
    assert count(office, difference_event, difference_event.c.what == "settled") == 12
    assert count(office, difference_event, difference_event.c.what == "asked") == 1
    assert count(office, office_event, office_event.c.what == "difference.settled") == 12


def test_nobody_settles_anothers_by_a_form_made_by_hand(pg_office: Office) -> None:
    wallet_of(pg_office)
    taken_in(pg_office, mtn(*strangers(2)))
    numbers = [with_check_digit(each) for each in difference_ids(pg_office)]
    treasurer = pg_office.enter("neighbouring treasurer")
    csrf = next(
        one.value for form in treasurer.get("/reconciliation/drop").forms for one in form.controls if one.name == "csrf"
    )
    answer = treasurer.client.post(
        "/console/reconciliation/differences?kind=unknown",
        data={"csrf": csrf, "once": "w" * 16, "one": numbers, "choice": "keep", "why": "x"},
    )
    assert answer.status_code == 404
    assert len(difference_ids(pg_office)) == 2
    assert numbers[0] not in treasurer.get("/reconciliation/differences").text
    # Nor is a file dropped into another's account.
    with pg_office.store.read() as connection:
        its_wallet = connection.scalar(select(difference.c.wallet_id).limit(1))
    treasurer.get("/reconciliation/drop")
    form = next(one for one in treasurer.page.forms if "drop" in one.action)
    fields = [(one.name, one.value) for one in form.controls if one.name not in ("file", "wallet")]
    treasurer.send(form, [*fields, ("wallet", str(its_wallet)), ("file", ("a.csv", b"x"))])
    assert treasurer.page.status == 422


def test_the_lines_of_a_statement_and_what_each_was_matched_with(office: Office) -> None:
    wallet_of(office)
    somebody = taken_in(office, mtn(*strangers(60)))
    somebody.follow("Voir ses lignes")
    assert "7900000000" in somebody.page.text
    assert "7900000059" not in somebody.page.text
    somebody.get(next(href for href, _ in somebody.page.read.links if "after=" in href))
    assert "7900000059" in somebody.page.text
    somebody.get("/reconciliation/differences")
    somebody.get(next(href for href, _ in somebody.page.read.links if "after=" in href))
    assert len(re.findall(r"/reconciliation/differences/\d+", somebody.page.html)) == 11  # and where one begins


# --- signing ----------------------------------------------------------------------------------------------------------


def test_a_day_is_shown_then_signed_and_printed(office: Office) -> None:
    wallet_id = wallet_of(office)
    somebody = office.enter("administrator")
    drop(somebody, mtn(*strangers(2)), first="2026-11-20", last="2026-11-20")
    somebody.press("Prendre en compte et rapprocher")
    somebody.get(f"/reconciliation/wallets/{wallet_id}/close?span=2026-11-20")
    page = somebody.page.text
    assert "1 400 F" in page
    assert "Ce qui empêche" in page
    somebody.press("Signer 20/11/2026")
    assert somebody.page.status == 422
    assert count(office, wallet_close) == 0
    somebody.fill("despite", "On attend l'opérateur").press("Signer 20/11/2026")
    assert somebody.page.status == 200
    assert "On attend l'opérateur" in somebody.page.text
    with office.store.read() as connection:
        row = connection.execute(select(wallet_close)).one()
    assert (row.span, row.signed_by) == ("day", "Bariou Tchao")
    paper = somebody.client.get(f"/console/reconciliation/wallets/{wallet_id}/papers/2026-11-20")
    assert paper.data.startswith(b"%PDF")
    assert paper.headers["Content-Disposition"].startswith("inline")
    kept = somebody.client.get(f"/console/reconciliation/wallets/{wallet_id}/papers/2026-11-20?keep=yes")
    assert kept.headers["Content-Disposition"].startswith("attachment")
    assert "20/11/2026" in somebody.get("/reconciliation").text
    assert somebody.get(f"/reconciliation/wallets/{wallet_id}/papers/2026-11-19").status == 404
    somebody.get(f"/reconciliation/wallets/{wallet_id}/close?span=2026-11-20")
    assert "est signé" in somebody.page.text


def test_figures_that_have_changed_since_arent_signed(office: Office) -> None:
    wallet_id = wallet_of(office)
    somebody = taken_in(office, mtn(*strangers(1)))
    somebody.get(f"/reconciliation/wallets/{wallet_id}/close?span=2026-11-20")
    seen = somebody.page
    other = office.enter("second administrator")
    drop(other, mtn(*strangers(3)), "more.csv")
    other.press("Prendre en compte et rapprocher")
    somebody.page = seen
    somebody.fill("despite", "Quand même").press("Signer")
    assert somebody.page.status == 422
    assert "ont changé" in somebody.page.text
    assert count(office, wallet_close) == 0


def test_a_new_account_is_opened(office: Office) -> None:
    somebody = office.enter("administrator")
    somebody.get("/reconciliation/new")
    somebody.fill("operator", "Une banque").press("Ouvrir le compte")
    assert somebody.page.status == 422
    somebody.fill("operator", "Une banque").fill("bank", "BOA").press("Ouvrir le compte")
    assert "BOA" in somebody.page.text
    assert "BOA" in somebody.get("/reconciliation").text
    somebody.get("/reconciliation/new")


# --- in a browser -----------------------------------------------------------------------------------------------------


def other_than(here: str) -> Callable[[str], bool]:
    return lambda url: url != here


def test_five_differences_by_the_keyboard_alone(windows: Windows) -> None:
    office = windows.office
    wallet_of(office)
    taken_in(office, mtn(*strangers(5)))
    window = windows.of("administrator")
    page = window.open("/reconciliation/differences?kind=unknown")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("[name=one]:checked").count() == 1
    page.keyboard.press("g")
    page.wait_for_selector("[name=choice]")
    for left in range(4, -1, -1):
        page.keyboard.press("3")
        assert page.locator("[name=choice]:checked").get_attribute("value") == "keep"
        here = page.url
        page.keyboard.press("Enter")
        page.wait_for_url(other_than(here))
        assert len(difference_ids(office)) == left
    # And back again: the one that was settled last is undone, by its own key.
    page.keyboard.press("u")
    page.wait_for_selector("text=de nouveau ouvert")
    assert len(difference_ids(office)) == 1
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Laissé tel quel")
    page.keyboard.press("l")
    page.wait_for_selector("text=Rien ne diffère")
    assert window.complaints == []


def test_without_script_it_is_arrows_and_enter(windows: Windows) -> None:
    office = windows.office
    wallet_of(office)
    taken_in(office, mtn(*strangers(2)))
    window = windows.of("administrator", script=False)
    page = window.open(f"/reconciliation/differences/{difference_ids(office)[0]}")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    here = page.url
    page.keyboard.press("Enter")
    page.wait_for_url(other_than(here))
    assert len(difference_ids(office)) == 1


@pytest.mark.parametrize("width", [pytest.param(WIDE, marks=pytest.mark.long), NARROW])
def test_the_pages_with_something_on_them_are_within_wcag(windows: Windows, width: int) -> None:
    office = windows.office
    wallet_id = wallet_of(office)
    somebody = office.enter("administrator")
    drop(somebody, mtn(*strangers(3)), first="2026-11-20", last="2026-11-20")
    drop(somebody, b"Jour;Somme d'argent\n20/11/2026;5\n", "b.csv")
    window = windows.of("administrator", width=width)
    paths = ["/reconciliation/uploads/1", "/reconciliation/uploads/2", "/reconciliation/uploads/2/columns"]
    wrong = seen_on(window, paths)
    somebody.get("/reconciliation/uploads/1")
    somebody.press("Prendre en compte et rapprocher")
    ids = difference_ids(office)
    somebody.get(f"/reconciliation/differences/{ids[0]}")
    choose(somebody, "keep")
    wrong += seen_on(window, [
        "/reconciliation", "/reconciliation/uploads/1", "/reconciliation/differences?kind=unknown",
        f"/reconciliation/differences/{ids[0]}", f"/reconciliation/differences/{ids[1]}?was={ids[0]}",
        f"/reconciliation/wallets/{wallet_id}", f"/reconciliation/wallets/{wallet_id}/close?span=2026-11-20",
        "/reconciliation/statements/1",
    ])  # fmt: skip
    assert wrong == []
    assert window.complaints == []


def seen_on(window: Any, paths: list[str]) -> list[str]:
    wrong = []
    for path in paths:
        window.open(path)
        wrong += [f"{path}: {each}" for each in window.within_wcag()]
        if window.too_wide():
            wrong.append(f"{path}: too wide")
    return wrong
