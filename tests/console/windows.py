"""The office in a real browser: Debian's Chromium, driven by Playwright, with script and without."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from werkzeug.serving import make_server

from gateway.console.entry import sessions
from tests.console.office import PATH, Office
from tests.simulator.browser import chromium

WORDS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
WIDE, NARROW = 1100, 320
# WCAG 2.2, levels A and AA, by axe's own names.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@contextmanager
def chromium_driven() -> Iterator[Browser]:
    """A browser of this process's own."""
    with sync_playwright() as driver:
        browser = started(driver)
        yield browser
        browser.close()


def started(driver: Playwright) -> Browser:
    return driver.chromium.launch(executable_path=chromium(), args=list(WORDS))


@contextmanager
def served(office: Office) -> Iterator[str]:
    """The office on a port of its own; its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, office.place.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


@dataclass
class Window:
    """Somebody's window: its page, and whatever the browser complained of."""

    url: str
    page: Page
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Open a page below ``/console``."""
        self.page.goto(self.url + PATH + path)
        return self.page

    def within_wcag(self) -> list[str]:
        """What axe finds, by rule and place; nothing on a good page."""
        found = Axe().run(self.page, options={"runOnly": RULES})
        return [
            f"{one['id']} at {node['target']}: {node['html'][:120]}"
            for one in found.response["violations"]
            for node in one["nodes"]
        ]

    def too_wide(self) -> bool:
        """Must somebody scroll sideways?"""
        wide = self.page.locator("html").evaluate("page => page.scrollWidth > page.clientWidth")  # waits for one
        return bool(wide)


@dataclass
class Windows:
    """Windows in the office for whoever needs one."""

    browser: Browser
    office: Office
    url: str
    _open: list[BrowserContext] = field(default_factory=list)

    def of(self, who: str | None, *, width: int = WIDE, script: bool = True, **more: Any) -> Window:
        """A fresh window of somebody of the office who has entered; of nobody: of a stranger."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 740}, java_script_enabled=script, locale="fr-FR", **more
        )
        self._open.append(context)
        if who is not None:
            cookie = self.office.enter(who).client.get_cookie(sessions.COOKIE, path=PATH)
            assert cookie is not None
            context.add_cookies([{"name": sessions.COOKIE, "value": cookie.value, "url": self.url + PATH}])
        window = Window(self.url, context.new_page())
        window.page.on("pageerror", lambda error: window.complaints.append(str(error)))
        window.page.on("console", lambda said: window.complaints.append(said.text) if said.type == "error" else None)
        return window

    def close(self) -> None:
        for one in self._open:
            one.close()
