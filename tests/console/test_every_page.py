"""Every page that the office has, in a real browser: within WCAG 2.2 AA, on a wide screen and a narrow one, and small.

Nothing here names a page: the doors are asked of the code.
"""

from __future__ import annotations

import gzip

import pytest

from gateway.console.areas import AREAS
from gateway.console.rights import GRANTS
from tests.console.office import Office
from tests.console.test_doors import path_to
from tests.console.things import one_of_each
from tests.console.windows import NARROW, WIDE, Windows

PAGES = [door for area in AREAS for door in area.doors if door.method == "GET"]
SHARES = 4  # for tests side by side
LARGEST_HTML, LARGEST_SENT, LARGEST_FIRST = 200_000, 15_000, 60_000


@pytest.mark.parametrize("share", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, SHARES))])
def test_every_page_can_be_used_by_everybody(windows: Windows, share: int) -> None:
    things = one_of_each(windows.office)
    inside = {who: windows.of(who) for who in ("administrator", "treasurer")}
    wrong, seen = [], 0
    for door in PAGES[share::SHARES]:
        windows.office.place.runtime.redis.flushall()
        window = inside["administrator" if door.right in GRANTS["administrator"] else "treasurer"]
        path, page = path_to(door, things), window.page
        page.set_viewport_size({"width": WIDE, "height": 740})
        answer = page.request.get(window.url + path)
        if not answer.ok or "text/html" not in answer.headers["content-type"]:
            continue
        page.goto(window.url + path)
        seen += 1
        if window.too_wide():
            wrong.append(f"{path}: wider than {WIDE}")
        page.set_viewport_size({"width": NARROW, "height": 640})
        if window.too_wide():
            wrong.append(f"{path}: wider than {NARROW}")
        wrong += [f"{path}: {each}" for each in window.within_wcag()]
        if page.locator("h1").count() != 1:
            wrong.append(f"{path}: {page.locator('h1').count()} headings of the first rank")
    assert wrong == []
    assert [one.complaints for one in inside.values()] == [[], []]
    assert seen >= 1


def test_pages_are_small(pg_office: Office) -> None:
    things, somebody = one_of_each(pg_office), pg_office.enter("administrator")
    first = 0
    for one in ("office.css", "office.js", "office.svg"):
        first += len(gzip.compress(somebody.client.get(f"/console/static/{one}").data))
    large = []
    for door in PAGES:
        pg_office.place.runtime.redis.flushall()
        answer = somebody.client.get(path_to(door, things), headers={"Accept-Encoding": "identity"})
        if "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        sent = len(gzip.compress(answer.data))
        if len(answer.data) > LARGEST_HTML or sent > LARGEST_SENT or sent + first > LARGEST_FIRST:
            large.append(f"{door.path}: {len(answer.data)} bytes, {sent} as they are sent")
    assert large == []


def test_pages_leave_compressed(pg_office: Office) -> None:
    answer = pg_office.enter("treasurer").client.get("/console/style", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < LARGEST_SENT
