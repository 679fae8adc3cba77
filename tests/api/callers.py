"""Other systems that call the API: each with a key of its own, speaking HTTP over Flask's test client."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from werkzeug.test import TestResponse

from gateway.network import api_keys
from gateway.network.api_keys import OF_FACILITIES, NewKey, Scope
from gateway.store.schema import household
from tests.ussd.world import Place

PATH = "/api/v1"
EVERYTHING = frozenset(Scope) - api_keys.FOR_FACILITIES


@dataclass
class Caller:
    """A system with a key, or with none."""

    place: Place
    token: str = ""
    key: api_keys.ApiKey | None = None

    def call(self, method: str, path: str, **options: Any) -> TestResponse:
        """One call; ``once``: its Idempotency-Key."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        once = options.pop("once", None)
        if once is not None:
            headers["Idempotency-Key"] = once
        path = path if path.startswith(PATH) else PATH + path
        return self.place.app.test_client().open(path, method=method, headers=headers, **options)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, sent: Any, **options: Any) -> TestResponse:
        options.setdefault("once", str(uuid.uuid4()))
        return self.call("POST", path, json=sent, **options)

    def patch(self, path: str, sent: Any, **options: Any) -> TestResponse:
        return self.call("PATCH", path, json=sent, **options)


@dataclass
class Callers:
    """The place, and keys made in it."""

    place: Place

    @property
    def stranger(self) -> Caller:
        """Whoever has no key."""
        return Caller(self.place)

    def with_key(
        self,
        organisation: str = "Mutuelle Ouaké",
        scopes: frozenset[Scope] = EVERYTHING,
        *,
        name: str = "Registry",
        days: int = 300,
        facility_id: int | None = None,
    ) -> Caller:
        """A system with a new key."""
        tree = self.place.runtime.network.tree()
        with self.place.runtime.store.write() as unit:
            until: datetime = unit.now + timedelta(days=days)
            new = NewKey(name, tree.named(organisation).id, scopes, until, facility_id)
            key, token = api_keys.add_key(unit, new, "Bariou Tchao")
        return Caller(self.place, token, key)

    def at_facility(
        self, facility_id: int | None = None, owner: str = "Mutuelle Ouaké", scopes: frozenset[Scope] = OF_FACILITIES
    ) -> Caller:
        """A health facility's own system."""
        its_id = facility_id if facility_id is not None else self.place.facility(owner=owner)
        return self.with_key(owner, scopes, name="Facility", facility_id=its_id)

    def household(self, card: str) -> int:
        """The id of the household with a card."""
        with self.place.runtime.store.read() as connection:
            return int(connection.execute(select(household.c.id).where(household.c.card == card)).scalar_one())
