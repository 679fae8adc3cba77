"""The entrance in a real browser: with script and without, wide and narrow, and by a passkey of its own device."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as BrowserPage

from gateway.console.entry import links
from gateway.procs.redis import PrivateRedis
from gateway.store.tracing import COMMAND
from tests.console.office import PATH, PEOPLE, Office
from tests.console.windows import NARROW, WIDE, Window, Windows
from tests.databases import copied
from tests.ussd.world import Place, StandingRuntime, settings

PASSWORD = "le vieux manguier"


def link(office: Office, who: str) -> str:
    role, name, at, msisdn = PEOPLE[who]
    office.place.staff_with(msisdn, role, name, at, pin=None)
    with office.store.write() as unit:
        return f"/welcome/{links.invite(unit, msisdn, by=COMMAND)}"


def english(window: Window, url: str) -> Window:
    window.page.context.add_cookies([{"name": "language", "value": "en", "url": url + PATH}])
    return window


def welcomed(window: Window, path: str) -> BrowserPage:
    page = window.open(path)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same once more").fill(PASSWORD)
    page.get_by_role("button", name="Keep it and enter").click()
    return page


def key_of(page: BrowserPage) -> str:
    found = re.search(r"Key: ((?:[A-Z2-7]{4} ?){8})", page.inner_text("main"))
    assert found is not None
    return found[1].replace(" ", "")


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("width", [pytest.param(WIDE, marks=pytest.mark.long), NARROW])
def test_an_administrator_s_first_entry_can_be_used_by_everybody(windows: Windows, width: int, script: bool) -> None:
    """Every page of it: within WCAG 2.2 AA, no wider than the screen."""
    window = english(windows.of(None, width=width, script=script), windows.url)
    office, wrong = windows.office, list[str]()

    def look(what: str) -> None:
        window.page.wait_for_load_state()
        if script:
            wrong.extend(f"{what}: {each}" for each in window.within_wcag())
        if window.too_wide():
            wrong.append(f"{what}: too wide")

    path = link(office, "administrator")
    window.open(path)
    look("welcome")
    page = welcomed(window, path)
    page.goto(f"{windows.url}{PATH}/account/second-factor")
    look("app")
    secret = key_of(page)
    page.get_by_role("textbox", name="Code").fill(pyotp.TOTP(secret).at(office.place.runtime.clock.now()))
    page.get_by_role("button", name="Switch it on").click()
    look("codes")
    assert page.locator(".codes li").count() == 10
    office.place.wait(minutes=1)
    window.open("/account")
    look("account")
    window.open("/account/second-factor")
    look("proof")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("textbox", name="Code").fill(pyotp.TOTP(secret).at(office.place.runtime.clock.now()))
    page.get_by_role("button", name="Go on").click()
    look("second factor")
    for there in ("/account/password", "/account/passkeys", "/account/second-factor/app", "/leave"):
        window.open(there)
        look(there)
    page.get_by_role("button", name="Leave").click()
    look("enter")
    page.get_by_label("Your phone number").fill(PEOPLE["administrator"][3])
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Enter", exact=True).click()
    look("enter, refused")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Enter", exact=True).click()
    look("code")
    window.open(path)
    look("link that is over")
    assert wrong == []
    assert [each for each in window.complaints if "404" not in each and "422" not in each] == []


def test_without_script_no_passkey_is_offered(windows: Windows) -> None:
    window = english(windows.of(None, script=False), windows.url)
    page = window.open("/enter")
    assert not page.get_by_role("button", name="Enter with a passkey").is_visible()
    assert page.get_by_role("button", name="Enter", exact=True).is_visible()


@dataclass
class Locked:
    """A window in a browser whose device has a lock, in an office of its own address."""

    window: Window
    office: Office
    tools: Any
    device: str


@pytest.fixture
def locked(
    driven: Browser, postgres: str, postgres_world: str, redis_server: PrivateRedis, redis: object
) -> Iterator[Locked]:
    import logging
    import threading

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://localhost:{port}"
    with copied(postgres, postgres_world) as database:
        own = settings(database, redis_server.url).model_copy(update={"public_url": url})
        place = Place(StandingRuntime(own))
        server = make_server("localhost", port, place.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        context = driven.new_context()
        window = english(Window(url, context.new_page()), url)
        tools = context.new_cdp_session(window.page)
        tools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
            "isUserVerified": True, "automaticPresenceSimulation": True,
        }  # fmt: skip
        device = tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]
        yield Locked(window, Office(place), tools, device)
        context.close()
        server.shutdown()
        thread.join()
        place.close()


def test_a_device_s_own_passkey_stands_for_number_password_and_code(locked: Locked) -> None:
    page = welcomed(locked.window, link(locked.office, "treasurer"))
    page = locked.window.open("/account/passkeys")
    page.get_by_label("A name for this device").fill("Téléphone")
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_text("The passkey is kept").wait_for()
    assert "Téléphone" in page.inner_text("main")
    locked.window.open("/leave")
    page.get_by_role("button", name="Leave").click()
    for _ in range(2):
        locked.window.open("/enter?next=/account")
        page.get_by_role("button", name="Enter with a passkey").click()
        page.get_by_role("heading", name="My account").wait_for()
        locked.window.open("/leave")
        page.get_by_role("button", name="Leave").click()
    # Without its owner's finger the device says nothing.
    locked.tools.send("WebAuthn.setUserVerified", {"authenticatorId": locked.device, "isUserVerified": False})
    page.get_by_role("button", name="Enter with a passkey").click()
    page.get_by_text("No passkey was given").wait_for()
    locked.tools.send("WebAuthn.setUserVerified", {"authenticatorId": locked.device, "isUserVerified": True})
    page.get_by_role("button", name="Enter with a passkey").click()
    locked.window.page.wait_for_url("**/console/")
    locked.window.open("/account")
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("The passkey is gone.").wait_for()
    page.get_by_role("button", name="Leave").click()
    page.get_by_role("button", name="Enter with a passkey").click()
    page.get_by_text("This passkey isn't known here").wait_for()
