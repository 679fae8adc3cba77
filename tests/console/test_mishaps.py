"""What goes wrong while people work: two at one thing, a night in between, a second click, a line that breaks."""

from __future__ import annotations

import re
import socket
import time
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page as BrowserPage
from playwright.sync_api import expect
from sqlalchemy import func, select

from gateway.console.entry import sessions
from gateway.store.schema import collection, difference_event, refund, statement_upload
from tests.console.journeys import PASSWORD, choose_password, counted, say, sees, welcome_link
from tests.console.money import family, paid
from tests.console.office import PATH, PEOPLE, Office
from tests.console.test_reconciliation_pages import difference_ids, mtn, strangers, taken_in, wallet_of
from tests.console.windows import NARROW, Window, Windows


def rows(office: Office, table: Any, *where: Any) -> int:
    return int(office.place.ask(select(func.count()).select_from(table).where(*where))[0][0])


def press(page: BrowserPage, name: str) -> None:
    with page.expect_navigation():
        page.locator("main").get_by_role("button", name=name, exact=True).first.click()


def at_the_desk(window: Window, its_id: int, amount: str) -> BrowserPage:
    page = window.open(f"/cash/{its_id}")
    page.get_by_label(say("Amount in cash")).fill(amount)
    return page


def test_the_second_of_two_is_told_what_the_first_one_did(windows: Windows) -> None:
    office = windows.office
    wallet_of(office)
    taken_in(office, mtn(*strangers(1)))
    pages = [
        windows.of(who).open(f"/reconciliation/differences/{difference_ids(office)[0]}")
        for who in ("administrator", "second administrator")
    ]
    for page, choice in zip(pages, ("keep", "transfer"), strict=True):
        page.locator(f"[name=choice][value={choice}]").check()
        press(page, say("Save, and see the next one"))
    sees(pages[1], f"{PEOPLE['administrator'][1]} l'a déjà réglé")
    assert rows(office, difference_event, difference_event.c.what == "settled") == 1


def test_what_was_typed_in_the_evening_stands_there_in_the_morning(windows: Windows) -> None:
    office = windows.office
    _, its_id = family(office)
    window = windows.of(None, width=NARROW)
    page = window.open(welcome_link(office, "treasurer"))
    choose_password(page)
    at_the_desk(window, its_id, "1750")
    office.place.wait(hours=14)
    press(page, say("Record and write the receipt"))
    assert rows(office, collection) == 0
    page.get_by_label(say("Your phone number")).fill(PEOPLE["treasurer"][3])
    page.locator("[name=password]").fill(PASSWORD)
    press(page, say("Enter"))
    assert page.url.endswith(f"/cash/{its_id}")
    assert page.get_by_label(say("Amount in cash")).input_value() == "1750"
    assert rows(office, collection) == 0
    press(page, say("Record and write the receipt"))
    sees(page, "1 750 F")
    assert rows(office, collection) == 1


def test_a_double_click_asks_for_one_refund(windows: Windows) -> None:
    office = windows.office
    _, its_id = family(office)
    for number, script in enumerate((True, False), 1):
        page = windows.of("treasurer", script=script).open(f"/collections/{paid(office, its_id, 1_000)}")
        page.locator("[name=refund_reason]").fill("Payé deux fois")
        page.locator("main").get_by_role("button", name=say("Ask for a refund")).dblclick()
        expect(page).to_have_url(re.compile(r"/collections/refunds/\d+$"))  # whichever of the two answers came last
        sees(page, "1 000 F")
        assert rows(office, refund) == number


def test_a_line_that_breaks_in_the_middle_of_a_file_leaves_nothing(windows: Windows) -> None:
    office = windows.office
    wallet_of(office)
    window = windows.of("administrator")
    page = window.open("/reconciliation/drop")
    hidden = page.evaluate(
        "[...document.querySelector('main form[enctype]').querySelectorAll('input[type=hidden]')]"
        ".map((one) => [one.name, one.value])"
    )
    content, head = mtn(*strangers(40)), []
    for name, value in hidden:
        head.append(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode())
    head.append(b'--x\r\nContent-Disposition: form-data; name="file"; filename="november.csv"\r\n\r\n')
    body = b"".join(head) + content + b"\r\n--x--\r\n"
    [cookie] = [one for one in page.context.cookies() if one.get("name") == sessions.COOKIE]
    where = urlsplit(windows.url)
    with socket.create_connection((str(where.hostname), int(where.port or 0))) as line:
        asked = [
            f"POST {PATH}/reconciliation/drop HTTP/1.1", f"Host: {where.netloc}", f"Origin: {windows.url}",
            f"Cookie: {sessions.COOKIE}={cookie.get('value')}", "Content-Type: multipart/form-data; boundary=x",
            f"Content-Length: {len(body)}", "", "",
        ]  # fmt: skip
        line.sendall("\r\n".join(asked).encode() + body[: len(body) // 2])
        line.shutdown(socket.SHUT_WR)
        line.settimeout(10)
        answer = line.recv(100)
    assert b" 200 " not in answer
    assert b" 303 " not in answer
    assert rows(office, statement_upload) == 0
    # The page is still open: the same form with the same file works.
    page.locator("[type=file]").set_input_files({"name": "november.csv", "mimeType": "text/csv", "buffer": content})
    press(page, "Lire le fichier")
    sees(page, "40")
    assert rows(office, statement_upload) == 1


def test_back_from_a_receipt_takes_nothing_twice(windows: Windows) -> None:
    office = windows.office
    card, its_id = family(office)
    office.place.household_with(None, "Adjara Bio", section="Kadolassi")
    for script, amount in ((True, "900"), (False, "800")):
        before = rows(office, collection)
        page = windows.of("treasurer", width=NARROW, script=script).open("/cash")
        page.get_by_label(say("Card number or name")).fill("Adjara")
        press(page, say("Find"))
        with page.expect_navigation():
            page.locator("main").get_by_role("link", name="Adjara Tchédré", exact=True).first.click()
        page.get_by_label(say("Amount in cash")).fill(amount)
        press(page, say("Record and write the receipt"))
        assert rows(office, collection) == before + 1
        # Back at the form, as it stands now: sent by mistake once more, it asks first.
        page.go_back()
        assert page.url.endswith(f"/cash/{its_id}")
        page.get_by_label(say("Amount in cash")).fill(amount)
        press(page, say("Record and write the receipt"))
        assert rows(office, collection) == before + 1
        # And back to those that were found, and to the desk: pages, not the browser's complaint.
        page.go_back()
        page.go_back()
        sees(page, "Adjara Bio")
        page.go_back()
        assert page.url.endswith("/cash")
    assert card


def test_an_impatient_second_click_on_a_slow_line_takes_nothing_twice(windows: Windows) -> None:
    office = windows.office
    _, its_id = family(office)
    window = windows.of("treasurer", width=NARROW, script=False)
    way = counted(window)
    page = at_the_desk(window, its_id, "600")
    button = page.locator("main").get_by_role("button", name=say("Record and write the receipt"))
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    way.on_a_line(down_kbit=60, up_kbit=30, latency_ms=1_000)
    for _ in range(3):
        page.mouse.click(box["x"] + 20, box["y"] + 10)
        time.sleep(0.1)
    page.get_by_role("heading", name=say("Receipt {number}", number="")).wait_for()
    sees(page, "600 F")
    assert rows(office, collection) == 1
    assert len(way.pages) > 2, "the browser sent the form more than once"


def test_what_one_has_searched_for_is_shown_to_nobody_else(pg_office: Office) -> None:
    family(pg_office)
    pg_office.place.household_with(None, "Adjara Bio", section="Kadolassi")
    one, other = pg_office.enter("treasurer"), pg_office.enter("second treasurer")
    one.get("/cash")
    page = one.fill(say("Card number or name"), "Adjara").press(say("Find"))
    assert page.response.request.full_path == f"{PATH}/cash?found=yes"
    assert "Adjara Bio" in page.text
    kept = one.client.get_cookie("sought", path=PATH)
    assert kept is not None
    assert "Adjara" not in kept.value
    other.client.set_cookie("sought", kept.value, path=PATH)
    assert "Adjara" not in other.get("/cash?found=yes").text
    # A quarter of an hour later nobody sees it.
    pg_office.place.wait(minutes=16)
    assert "Adjara" not in one.get("/cash?found=yes").text
