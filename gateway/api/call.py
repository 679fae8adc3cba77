"""One call of another system: which key, what it may see, and what is done for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from gateway.api.parts import Parts
from gateway.api.problems import Problem, not_there
from gateway.kernel.clock import day_in
from gateway.kernel.masking import mask_number
from gateway.kernel.sealing import Keys, keys_of
from gateway.locale import Say
from gateway.network.api_keys import ApiKey, Scope
from gateway.network.facilities import same_network
from gateway.network.organisations import Organisation, Tree
from gateway.store.effects import effect_key
from gateway.store.tracing import Outside, trace
from gateway.store.unit import Store, Unit

PATH = "/api/v1"
MOST_SHOWN = 200  # households that one answer shows


@dataclass
class Call:
    """What a door's function is given first.

    ``name``: what the caller named this wish (Idempotency-Key), where the door asks for it.
    """

    parts: Parts
    tree: Tree
    say: Say
    now: datetime
    bearer: ApiKey | None = None
    address_of_caller: str = ""
    name: str = ""
    is_as_read: Callable[[str], bool] = lambda _: True  # does If-Match name this ETag?
    shown: dict[int, None] = field(default_factory=dict)  # the households that the answer shows, in order

    @property
    def store(self) -> Store:
        return self.parts.store

    @property
    def key(self) -> ApiKey:
        """The key; a door that asks for one lets nobody else through."""
        assert self.bearer is not None
        return self.bearer

    # --- what it may see ----------------------------------------------------------------------------------------------

    def may(self, scope: Scope) -> bool:
        """Has the key a scope?"""
        return scope in self.key.scopes

    @property
    def is_facility(self) -> bool:
        """Is it a health facility's key, which reaches nobody's subtree?"""
        return self.key.facility_id is not None

    @property
    def root(self) -> Organisation:
        """The organisation that the key counts for, with everything below it."""
        return self.tree[self.key.organisation_id]

    def sees(self, organisation_id: int) -> bool:
        """Is what belongs to an organisation within the key's subtree? A facility's key has none."""
        place = self.tree.by_id.get(organisation_id)
        return place is not None and not self.is_facility and place.under(self.root)

    def is_in_network(self, organisation_id: int) -> bool:
        """Is an organisation of the key's whole network, everything below one root?"""
        return organisation_id in self.tree.by_id and same_network(self.tree, organisation_id, self.root.id)

    def places(self) -> list[Organisation]:
        """Every organisation of the key's subtree, from the top down; none for a facility's key."""
        every = [one for one in self.tree.by_id.values() if self.sees(one.id)]
        return sorted(every, key=lambda one: [int(step) for step in one.path.strip("/").split("/")])

    def place(self, code: str) -> Organisation:
        """The organisation of the key's subtree with a code; raises :class:`Problem` (``not-there``)."""
        found = self.tree.by_code.get(code)
        if found is None or not self.sees(found.id):
            raise not_there()
        return found

    def today(self, organisation_id: int | None = None) -> date:
        """The day it is in an organisation, or where the key is from."""
        place = self.tree[organisation_id] if organisation_id is not None else self.root
        return day_in(place.time_zone, self.now)

    def phone(self, msisdn: str) -> str:
        """A phone number as this key may see it: masked, unless it has the scope for phone numbers."""
        return msisdn if self.may(Scope.PHONES_READ) else mask_number(msisdn)

    def shows(self, *household_ids: int) -> None:
        """The answer shows these households: it is written down that somebody looked."""
        self.shown.update(dict.fromkeys(household_ids))

    # --- answers ------------------------------------------------------------------------------------------------------

    def address(self, path: str, **query: object) -> str:
        """The whole address of something below ``/api/v1``."""
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.parts.settings.public_url}{PATH}{path}" + (f"?{asked}" if asked else "")

    def seal(self, purpose: str, value: Any) -> str:
        """A value for the caller to keep and bring back, which nobody reads, changes or uses for another purpose."""
        return self._keys.seal(f"api {purpose}", [self.key.id, value], self.now)

    def unseal(self, purpose: str, sealed: str, within_s: int) -> Any | None:
        """What was sealed for this key and purpose in the last ``within_s`` seconds; None for all else."""
        found = self._keys.unseal(f"api {purpose}", sealed, self.now, within_s)
        return found[1] if isinstance(found, list) and found[0] == self.key.id else None

    @cached_property
    def _keys(self) -> Keys:
        return keys_of(self.parts.settings.secret_key.get_secret_value())

    # --- doing --------------------------------------------------------------------------------------------------------

    def matches(self, current: BaseModel | Mapping[str, Any]) -> None:
        """Is this what the caller read (``If-Match``)? Raises :class:`Problem` (``changed``). Lock the row first."""
        if not self.is_as_read(etag_of(current)):
            raise Problem("changed")

    def effect_key(self, what: str) -> str:
        """The key of an effect of this wish; a name that was used before and is forgotten is another wish."""
        return effect_key("api", str(self.key.id), what, self.name, self.now.isoformat())

    def trace(
        self,
        unit: Unit,
        what: str,
        *,
        about: str = "",
        place: int | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down what the key did, beside what people did: ``what`` in two words (``household.registered``)."""
        trace(
            unit, by=Outside(self.doer), organisation_id=place, what=what, about=about,
            address=self.address_of_caller, before=before, after=after,
        )  # fmt: skip

    @property
    def doer(self) -> str:
        """Whoever does it, by the key's name and prefix."""
        return f"API {self.key.prefix} {self.key.name}"[:60]


def json_of(answer: BaseModel | Mapping[str, Any]) -> bytes:
    """An answer as it is sent."""
    plain = answer.model_dump(mode="json", by_alias=True) if isinstance(answer, BaseModel) else answer
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()


def etag_of(answer: BaseModel | Mapping[str, Any] | bytes) -> str:
    """The ETag of an answer, without its quotes."""
    content = answer if isinstance(answer, bytes) else json_of(answer)
    return hashlib.blake2b(content, digest_size=16).hexdigest()
