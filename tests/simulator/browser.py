"""A real browser, driven over the pipe that Chromium offers for it: no driver program and no library in between."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

WITHIN_S = 15.0
_EXEC = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
KEYS = {
    "Enter": {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Tab": {"key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9},
    "Backspace": {"key": "Backspace", "code": "Backspace", "windowsVirtualKeyCode": 8},
    " ": {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32, "text": " "},
}


def chromium() -> str | None:
    """Where this machine's Chromium is, if it has one; ``CHROMIUM`` names another."""
    given = os.environ.get("CHROMIUM")
    return given or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """A browser process with a profile of its own."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, ours_out = os.pipe()
        ours_in, from_browser = os.pipe()
        # Chromium reads at 3 and writes at 4: first out of the way of those two, then there in the new process.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        os.close(to_browser)
        os.close(from_browser)
        words = [
            program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--mute-audio",
            "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", _EXEC, *map(str, high), *words],
            pass_fds=high,
            env={**os.environ, "HOME": str(profile)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in high:
            os.close(end)
        self._out: BinaryIO = os.fdopen(ours_out, "wb")
        self._in: BinaryIO = os.fdopen(ours_in, "rb", buffering=0)
        self._rest = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []

    def ask(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        self._last += 1
        said: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if session is not None:
            said["sessionId"] = session
        self._out.write(json.dumps(said).encode() + b"\0")
        self._out.flush()
        while True:
            told = self._next()
            if told.get("id") == self._last:
                assert "error" not in told, (method, told["error"])
                result: dict[str, Any] = told["result"]
                return result
            self.events.append(told)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            more = self._in.read(1 << 16)
            assert more, "the browser is gone"
            self._rest += more
        told, self._rest = self._rest.split(b"\0", 1)
        found: dict[str, Any] = json.loads(told)
        return found

    def page(self, width: int = 1000, height: int = 900) -> Page:
        """A new window without cookies of others."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session, context)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.resize(width, height)
        return page

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()


class Page:
    """One window, as a person uses it: it is looked at, clicked into and typed into."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser = browser
        self._session = session
        self._context = context

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return self._browser.ask(method, self._session, **params)

    def close(self) -> None:
        self._browser.ask("Target.disposeBrowserContext", browserContextId=self._context)

    def resize(self, width: int, height: int) -> None:
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def without_script(self) -> None:
        self.ask("Emulation.setScriptExecutionDisabled", value=True)

    def preferring(self, **features: str) -> None:
        """Media features, as ``prefers_reduced_motion="reduce"``."""
        found = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=found)

    def open(self, url: str) -> Page:
        self.ask("Page.navigate", url=url)
        return self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def reload(self) -> Page:
        self.evaluate("window.before = true")
        self.ask("Page.reload")
        return self.until("!window.before && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page, whether its own scripts run or not."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, (expression, found["exceptionDetails"])
        return found["result"].get("value")

    def until(self, expression: str, within_s: float = WITHIN_S, otherwise: Callable[[], str] = str) -> Page:
        """Wait for an expression to hold."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                if self.evaluate(expression):
                    return self
            except AssertionError:  # between two pages there is nothing to look at
                if time.monotonic() > deadline:
                    raise
            assert time.monotonic() < deadline, f"never: {expression}; {otherwise()}"
            time.sleep(0.03)

    def text(self, selector: str) -> str:
        return str(self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText"))

    def click(self, selector: str, labelled: str = "") -> Page:
        """Click in the middle of what a selector finds, the first with this text in it, wherever it is on the page."""
        found = self.evaluate(
            f"""(() => {{
              const all = [...document.querySelectorAll({json.dumps(selector)})];
              const one = all.find((each) => each.textContent.includes({json.dumps(labelled)}));
              if (!one) return null;
              one.scrollIntoView({{block: "center"}});
              const box = one.getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2];
            }})()"""
        )
        assert found, f"nothing to click: {selector} {labelled}"
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=found[0], y=found[1], button="left", clickCount=1)
        return self

    def press(self, *keys: str) -> Page:
        """Press keys on the keyboard: names of KEYS, or texts letter by letter."""
        for key in keys:
            for one in [KEYS[key]] if key in KEYS else [{"key": each, "text": each} for each in key]:
                self.ask("Input.dispatchKeyEvent", type="keyDown", **one)
                self.ask("Input.dispatchKeyEvent", type="keyUp", **{k: v for k, v in one.items() if k != "text"})
        return self

    def complaints(self) -> list[str]:
        """What the browser had to say against the pages so far: faults of scripts, refused parts, lost files."""
        found = []
        for told in self._browser.events:
            if told.get("sessionId") != self._session:
                continue
            params = told.get("params", {})
            if told["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"]))
            if told["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
        return found

    def loaded(self) -> list[tuple[str, int]]:
        """Every address that was loaded, with the bytes that came over the wire, headers included."""
        addresses: dict[str, str] = {}
        sizes: dict[str, int] = {}
        for told in self._browser.events:
            if told.get("sessionId") != self._session:
                continue
            params = told.get("params", {})
            if told["method"] == "Network.requestWillBeSent":
                addresses[params["requestId"]] = params["request"]["url"]
            if told["method"] == "Network.responseReceived":  # of an answer without a body nothing more is told
                sizes[params["requestId"]] = int(params["response"]["encodedDataLength"])
            if told["method"] == "Network.loadingFinished":
                sizes[params["requestId"]] = int(params["encodedDataLength"])
        return [(addresses[request], size) for request, size in sizes.items()]
