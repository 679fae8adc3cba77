"""First days in the office, walked in a real browser as people walk them: from the welcome link to the way out.

A treasurer has a phone 320 pixels wide, and a line of the second generation.
"""

from __future__ import annotations

import io
from datetime import timedelta

import pyotp
import pytest
from pypdf import PdfReader
from sqlalchemy import select

from gateway.store.schema import campaign, closing, collection, wallet_close
from tests.console.journeys import choose_password, counted, enter, say, sees, tab_to, welcome_link
from tests.console.money import family, paid
from tests.console.office import PATH, PEOPLE
from tests.console.test_family_pages import two
from tests.console.test_reconciliation_pages import NOON, difference_ids, drop, mtn, strangers, wallet_of
from tests.console.windows import NARROW, Windows
from tests.ussd.world import MOOV


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_new_treasurer_s_first_day(windows: Windows, script: bool) -> None:
    office = windows.office
    card, its_id = family(office)
    paid(office, its_id, 3_300)
    path = welcome_link(office, "treasurer")
    window = windows.of(None, width=NARROW, script=script)
    way = counted(window)
    page = way.page
    if script:
        way.on_a_line(down_kbit=120, up_kbit=30)

    # In, by two fields and a button; what came in today stands there at once.
    window.open(path)
    choose_password(page)
    sees(page, say("Received today"))
    assert way.on_first_screen(page.locator(".figure dd").first)
    assert "3 300 F" in page.locator(".figure dd").first.inner_text().replace("\u202f", " ").replace("\xa0", " ")
    assert len(way.pages) == 2, way.pages

    # Cash by a card's number: the menu, the number, the amount that stands there already.
    before = len(way.pages)
    way.menu(say("Cash desk"))
    page.get_by_label(say("Card number or name")).fill(card)
    way.press(say("Find"))
    assert page.get_by_label(say("Amount in cash")).input_value() == "2300"
    page.get_by_label(say("Amount in cash")).fill("2 000")
    way.press(say("Record and write the receipt"))
    sees(page, "2 000 F")
    assert len(way.pages) - before == 3

    # (What is slow was seen by now: the rest is walked on a good line, and its bytes are counted on.)
    way.on_a_good_line()

    # The next one by a name, from the receipt on; the amount is wrong.
    before = len(way.pages)
    page.get_by_label(say("The next household: card number or name")).fill("adjara tchedre")
    way.press(say("Find"))
    page.get_by_label(say("Amount in cash")).fill("4900")
    way.press(say("Record and write the receipt"))
    sees(page, "4 900 F")
    assert len(way.pages) - before == 2

    # Whoever took it doesn't correct it alone: the page says who does.
    way.follow(say("A mistake? Correct it"))
    sees(page, say(OWN))
    assert page.get_by_role("button", name=say("This receipt no longer counts")).count() == 0
    wrong = office.place.ask(select(collection.c.id).order_by(collection.c.id.desc()).limit(1))[0][0]
    other = office.enter("second treasurer")
    other.get(f"/collections/{wrong}")
    other.fill(say("Why this receipt is wrong"), "500 F, pas 4 900").press(say("This receipt no longer counts"))
    assert other.page.status == 200
    page.go_back()
    page.reload()
    sees(page, say("This receipt no longer counts: the cash was recorded by mistake, and corrected."))
    way.follow(say("Record what was really given"))
    page.get_by_label(say("Amount in cash")).fill("500")
    way.press(say("Record and write the receipt"))
    sees(page, "500 F")

    # The box is counted, the day is closed.
    way.menu(say("Cash desk"))
    way.follow(say("Close the day"))
    sees(page, "2 500 F")
    page.get_by_label(say("Cash counted in the box")).fill("2500")
    way.press(say("Close the day"))
    assert len(office.place.ask(select(closing.c.id))) == 1
    sees(page, "5 800 F")

    # And out: whoever takes the phone next sees nothing.
    page.get_by_role("link", name=say("Leave")).click()
    page.locator("main").get_by_role("button", name=say("Leave the office")).click()
    page.wait_for_url("**/enter**")
    page.go_back()
    page.reload()
    assert PEOPLE["treasurer"][1] not in page.inner_text("body")
    assert way.heavy() == []
    assert window.complaints == []


OWN = (
    "You recorded this cash yourself, so another person corrects it: a treasurer or an administrator. "
    "What was really given is recorded anew."
)


def test_a_new_administrator_s_first_month_without_a_mouse(windows: Windows) -> None:
    office = windows.office
    wallet_id = wallet_of(office)
    october = [{**one, "at": NOON - timedelta(days=30 - number / 1440)} for number, one in enumerate(strangers(30))]
    other = office.enter("second administrator")
    drop(other, mtn(*october, opening=0), "october.csv", first="2026-10-01", last="2026-10-31")
    other.press("Prendre en compte et rapprocher")
    window = windows.of(None)
    page = window.open(welcome_link(office, "administrator"))
    keys = page.keyboard

    # In: the password, then the second factor, which nothing opens without.
    choose_password(page)
    page.goto(f"{windows.url}{PATH}/")
    secret = page.locator(".qr code").inner_text().replace(" ", "")
    tab_to(page, "code")
    keys.type(pyotp.TOTP(secret).at(office.place.runtime.clock.now()))
    enter(page)
    assert page.locator(".codes li").count() == 10
    tab_to(page, say("I have them: go on"))
    enter(page)

    # From what waits to the differences, and through all thirty.
    sees(page, say("Differences with statements"))
    tab_to(page, "30")
    enter(page)
    if page.locator("[data-key=g]").count() == 0:  # first the account, then its differences
        tab_to(page, "30")
        enter(page)
    with page.expect_navigation():
        keys.press("g")
    for _ in range(30):
        keys.press("3")
        enter(page)
    assert difference_ids(office) == []

    # The month is signed, and its paper read.
    page = window.open(f"/reconciliation/wallets/{wallet_id}/close?span=2026-10")
    assert page.locator("#c-open").count() == 0, page.inner_text("main")
    tab_to(page, say("Sign {span}", span="10/2026"))
    enter(page)
    [signed] = office.place.ask(select(wallet_close.c.span, wallet_close.c.signed_by))
    assert signed == ("month", PEOPLE["administrator"][1])
    paper = page.request.get(f"{windows.url}{PATH}/reconciliation/wallets/{wallet_id}/papers/2026-10")
    text = PdfReader(io.BytesIO(paper.body())).pages[0].extract_text()
    assert PEOPLE["administrator"][1] in text
    assert "21 000" in text.replace("\u202f", " ").replace("\xa0", " ")
    assert window.complaints == []


def test_an_animator_s_week_without_script(windows: Windows) -> None:
    office = windows.office
    stays, goes, _ = two(office)
    window = windows.of("animator", width=NARROW, script=False)
    way = counted(window)
    page = way.page

    # A family comes: everybody in one form, the price first.
    window.open("/households/register")
    page.get_by_label("Section").select_option(label="Awanla")
    page.locator("#name-0").fill("Bio Sarré")
    page.locator("#sex-0").select_option("M")
    page.locator("#born-0").fill("1980")
    page.locator("#phone").fill(MOOV)
    way.press(say("See what it costs"), page.locator(".buttons"))
    sees(page, "Bio Sarré")
    with page.expect_navigation():
        page.locator("main").get_by_role("button", name="Inscrire").first.click()
    sees(page, "C'est inscrit")

    # Two cards of one family become one, once it was seen what that does.
    window.open(f"/households/{stays}/merge?with={goes}")
    page.get_by_label("C'était toujours une seule famille").check()
    way.press("Voir ce que cela change")
    way.press("Les fusionner")
    sees(page, "C'est un seul ménage maintenant")
    assert page.url.endswith(f"/households/{stays}")

    # The village's cards, on paper.
    window.open("/households/print")
    page.locator("select[name=section]").select_option(label="Awanla")
    with page.expect_download() as coming:
        page.get_by_role("button", name="(PDF)").click()
    cards = PdfReader(coming.value.path())
    assert "Bio Sarré" in "".join(one.extract_text() for one in cards.pages)

    # A reminder: seen on a drawn phone, kept, and to be sent in two days at ten.
    window.open("/reminders/new?at=Mutuelle Ouaké")
    page.get_by_label(say("Title")).fill("Fin de saison")
    page.get_by_label(say("Something is left to pay")).check()
    page.locator("textarea").first.fill("{mutuelle} : {left} à payer avant la fin du mois, carte {card}.")
    way.press(say("Count and check"))
    assert "à payer avant la fin du mois" in page.locator(".phone .glass").first.inner_text()
    way.press(say("Keep as a draft"))
    page.get_by_label(say("On the day and at the hour below")).check()
    page.locator("[name=day]").fill("2026-11-24")
    page.locator("[name=hour]").select_option("10")
    way.press(say("Start the campaign"))
    assert office.place.ask(select(campaign.c.state)) == [("scheduled",)]
    sees(page, "10:00")
    assert way.heavy() == []
    assert window.complaints == []
