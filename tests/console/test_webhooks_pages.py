"""Addresses that are told of what happens, in the office: added, tried, given a new secret and disabled there."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import insert, select, update

from gateway.exchange.webhooks import endpoints
from gateway.exchange.webhooks.endpoints import MOST_OF_ONE
from gateway.kernel.sealing import keys_of
from gateway.store.schema import office_event, outbox, webhook, webhook_delivery
from tests.console.office import Office, Sight, Somebody

URL = "https://registry.example/cotisa?token=abc"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


def administrator(office: Office, who: str = "administrator") -> Somebody:
    somebody = office.enter(who)
    somebody.get("/language/en")
    return somebody


def add(somebody: Somebody, url: str = URL) -> Sight:
    somebody.get("/network/webhooks/new")
    return somebody.fill("Address", url).fill("A payment was posted", True).press("Add the address")


def secret_on(page: Sight) -> str:
    [found] = SECRET.findall(page.text)
    return str(found)


def secrets_of(office: Office, its_id: int) -> tuple[str, ...]:
    keys = keys_of(office.place.runtime.settings.secret_key.get_secret_value())
    with office.store.read() as connection:
        return endpoints.secrets_of(connection, keys, its_id, office.store.clock.now())


def rows(office: Office) -> list[Any]:
    with office.store.read() as connection:
        return list(connection.execute(select(webhook).order_by(webhook.c.id)))


def events(office: Office) -> list[tuple[str, str]]:
    own = office_event.c.what.startswith("webhook.")
    with office.store.read() as connection:
        asked = select(office_event.c.what, office_event.c.about).where(own).order_by(office_event.c.id)
        return [(row.what, row.about) for row in connection.execute(asked)]


def test_an_address_is_added_and_its_secret_shown_once(office: Office) -> None:
    somebody = administrator(office)
    page = add(somebody)
    secret = secret_on(page)
    [row] = rows(office)
    assert (row.url, row.events, row.made_by) == (URL, ["payment.posted"], "Bariou Tchao")
    assert secrets_of(office, row.id) == (secret,)
    somebody.follow("I have handed it over")
    seen = [somebody.page, somebody.get("/network/webhooks"), somebody.follow("registry.example")]
    for each in seen:
        assert each.status == 200
        assert "registry.example" in each.text
        assert "token=abc" not in each.html
        assert secret not in each.html
    assert "fine" in seen[1].text
    assert events(office) == [("webhook.added", f"webhook:{row.id}")]
    journal = somebody.get("/events")
    assert "added an address that is told of what happens" in journal.text
    assert secret not in journal.html
    assert "token=abc" not in journal.html


def test_the_form_sent_again_adds_nothing_more(office: Office) -> None:
    somebody = administrator(office)
    somebody.get("/network/webhooks/new")
    [form] = [one for one in somebody.page.forms if one.action.endswith("/webhooks/new")]
    fields = [
        (one.name, one.value) for one in form.controls if one.kind == "hidden"
    ] + [("url", URL), ("event", "payment.posted"), ("organisation", "ouake")]  # fmt: skip
    first = secret_on(somebody.send(form, fields))
    again = somebody.send(form, fields)
    assert again.status == 200
    assert SECRET.search(again.text) is None
    assert len(rows(office)) == 1
    assert secrets_of(office, rows(office)[0].id) == (first,)


def test_a_new_secret_signs_beside_the_one_before(office: Office) -> None:
    somebody = administrator(office)
    old = secret_on(add(somebody))
    its_id = rows(office)[0].id
    somebody.get(f"/network/webhooks/{its_id}")
    new = secret_on(somebody.press("Make a new secret"))
    assert secrets_of(office, its_id) == (new, old)
    page = somebody.get(f"/network/webhooks/{its_id}")
    assert new not in page.html
    somebody.press("Make a new secret")
    somebody.get(f"/network/webhooks/{its_id}")
    page = somebody.press("Make a new secret")
    assert page.status == 422
    assert "two earlier secrets" in page.text
    assert len(secrets_of(office, its_id)) == 3
    rotated = ("webhook.rotated", f"webhook:{its_id}")
    assert events(office)[1:] == [rotated, rotated]


def test_a_test_is_queued_and_its_answer_seen(office: Office) -> None:
    somebody = administrator(office)
    add(somebody)
    its_id = rows(office)[0].id
    somebody.get(f"/network/webhooks/{its_id}")
    page = somebody.press("Send a test")
    assert "A test is on its way" in page.text
    assert "not tried yet" in page.text
    with office.store.read() as connection:
        [task] = connection.execute(select(outbox).where(outbox.c.topic == "webhook.deliver")).all()
    with office.store.write() as unit:
        its = update(webhook_delivery).where(webhook_delivery.c.key == task.subject)
        unit.connection.execute(its.values(state="open", said="HTTP 503", tries=1, tried_at=unit.now))
        unit.connection.execute(update(webhook).values(failed_at=unit.now, failed_key=task.subject))
    page = somebody.get(f"/network/webhooks/{its_id}")
    assert "HTTP 503" in page.text
    assert "A test" in page.text
    assert "fails: nothing taken since" in page.text
    assert "fails: nothing taken since" in somebody.get("/network/webhooks").text
    assert events(office)[-1] == ("webhook.tested", f"webhook:{its_id}")


def test_a_disabled_address_can_do_nothing_more(office: Office) -> None:
    somebody, another = administrator(office), administrator(office, "second administrator")
    add(somebody)
    its_id = rows(office)[0].id
    for one in (somebody, another):
        one.get(f"/network/webhooks/{its_id}")
    page = somebody.press("Tell it nothing more")
    assert "Off: it is told nothing more." in page.text
    assert "off since" in page.text
    # The other one still has the page of before on the screen.
    before = another.page
    for button in ("Send a test", "Make a new secret", "Tell it nothing more"):
        another.page = before
        assert another.press(button).status == 422, button
    page = another.get(f"/network/webhooks/{its_id}")
    assert "disabled by Bariou Tchao" in page.text
    assert [one for one in page.forms if f"/webhooks/{its_id}" in one.action] == []
    assert [what for what, _ in events(office)] == ["webhook.added", "webhook.disabled"]
    with office.store.read() as connection:
        assert connection.execute(select(webhook_delivery)).first() is None


def test_what_an_address_cannot_be_is_said_at_its_field(office: Office) -> None:
    somebody = administrator(office)
    for url, said in (
        ("http://registry.example/", "must begin with https://"),
        ("registry", "this is no address"),
        ("https://a:b@registry.example/", "with a password"),
    ):
        page = add(somebody, url)
        assert page.status == 422
        assert said in page.text
        assert 'id="url-error"' in page.html
    somebody.get("/network/webhooks/new")
    page = somebody.fill("Address", URL).press("Add the address")
    assert page.status == 422
    assert "Choose at least one thing that it is told." in page.text
    somebody.get("/network/webhooks/new")
    [form] = [one for one in somebody.page.forms if one.action.endswith("/webhooks/new")]
    hidden = [(one.name, one.value) for one in form.controls if one.kind == "hidden"]
    wrong = [("url", URL), ("organisation", "ouake"), ("event", "webhook.test")]
    assert somebody.send(form, hidden + wrong).status == 422
    elsewhere = [("url", URL), ("organisation", "umoja"), ("event", "payment.posted")]
    assert somebody.send(form, hidden + elsewhere).status == 422
    assert rows(office) == []


def test_there_are_no_more_addresses_than_allowed(office: Office) -> None:
    somebody = administrator(office)
    ouake = office.place.runtime.network.tree().named("ouake").id
    with office.store.write() as unit:
        own = {"organisation_id": ouake, "url": URL, "events": ["payment.posted"], "secret": "x", "made_by": "B"}
        unit.connection.execute(insert(webhook), [{**own, "made_at": unit.now}] * MOST_OF_ONE)
    somebody.get("/network/webhooks/new")
    somebody.fill("Where", "ouake")
    page = somebody.fill("Address", URL).fill("A payment was posted", True).press("Add the address")
    assert page.status == 422
    assert str(MOST_OF_ONE) in page.text
    assert len(rows(office)) == MOST_OF_ONE


def test_many_addresses_come_page_by_page(office: Office) -> None:
    somebody = administrator(office)
    tree = office.place.runtime.network.tree()
    with office.store.write() as unit:
        own = {"organisation_id": tree.named("Mutuelle Ouaké").id, "events": ["payment.posted"], "secret": "x"}
        for number in range(60):
            values = {**own, "url": f"https://n{number}.example/", "made_at": unit.now, "made_by": "B"}
            unit.connection.execute(insert(webhook).values(values))
    page = somebody.get("/network/webhooks")
    assert "n49.example" in page.text
    assert "n50.example" not in page.text
    page = somebody.follow("Show more")
    assert "n50.example" in page.text
    assert "n59.example" in page.text
    assert "n49.example" not in page.text


def test_nobody_but_its_own_administrators_sees_an_address(office: Office) -> None:
    add(administrator(office))
    its_id = rows(office)[0].id
    for role in ("treasurer", "animator", "adviser"):
        somebody = office.enter(role)
        for path in ("/network/webhooks", "/network/webhooks/new", f"/network/webhooks/{its_id}"):
            assert somebody.get(path).status == 403
    neighbour = administrator(office, "neighbour")
    assert neighbour.get("/network/webhooks").status == 200
    assert "registry.example" not in neighbour.page.text
    assert neighbour.get(f"/network/webhooks/{its_id}").status == 404
