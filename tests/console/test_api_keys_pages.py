"""Keys of other systems in the office: made by administrators alone, shown once, revoked."""

from __future__ import annotations

import re

from sqlalchemy import select

from gateway.store.schema import api_key, office_event
from tests.console.office import Office


def _events(office: Office) -> list[str]:
    with office.store.read() as connection:
        return list(connection.scalars(select(office_event.c.what).where(office_event.c.what.startswith("api."))))


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(office: Office) -> None:
    somebody = office.enter("administrator")
    somebody.get("/language/en")
    somebody.get("/network/keys/new")
    somebody.fill("For which system", "SIGEMUB")
    page = somebody.fill("Check the cover of a card", True).press("Make the key")
    token = re.search(r"cotisa_[a-z0-9]{8}_[\w-]{43}", page.text)
    assert token is not None, page.text
    client = office.place.app.test_client()
    headers = {"Authorization": f"Bearer {token[0]}"}
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    page = somebody.get("/network/keys")
    assert "SIGEMUB" in page.text
    assert token[0] not in page.text
    page = somebody.follow("SIGEMUB")
    assert token[0] not in page.text
    page = somebody.press("Revoke this key")
    assert "Revoked: SIGEMUB" in page.text
    assert client.get("/api/v1/me", headers=headers).status_code == 401
    assert _events(office) == ["api.key_made", "api.key_revoked"]
    with office.store.read() as connection:
        row = connection.execute(select(api_key)).one()
    assert token[0] not in str(row)


def test_what_a_key_cannot_be_is_said_at_its_field(office: Office) -> None:
    somebody = office.enter("administrator")
    somebody.get("/language/en")
    somebody.get("/network/keys/new")
    page = somebody.fill("For which system", "SIGEMUB").press("Make the key")
    assert page.status == 422
    somebody.fill("Code of the health facility", "nowhere")
    page = somebody.fill("Check the cover of a card", True).press("Make the key")
    assert page.status == 422
    office.place.facility(owner="Mutuelle Ouaké")
    somebody.fill("Code of the health facility", "f-0")
    page = somebody.fill("Read households and what they owe", True).press("Make the key")
    assert page.status == 422
    assert "households:read" in page.text
    with office.store.read() as connection:
        assert connection.execute(select(api_key)).first() is None


def test_nobody_but_an_administrator_sees_keys(office: Office) -> None:
    for role in ("treasurer", "animator", "adviser"):
        assert office.enter(role).get("/network/keys").status == 403
