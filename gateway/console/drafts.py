"""What somebody typed into a page that was open for too long: kept for them, and for nobody else, until they are back.

It stays with their own browser, sealed, for a quarter of an hour; it is shown again on the same page, to the same
person, and sent by them or not. Secrets, tokens and files aren't kept.
"""

from __future__ import annotations

from datetime import datetime

from gateway.console.visit import Sent
from gateway.kernel.sealing import Keys

FOR_S = 15 * 60
LONGEST = 3_500  # of a cookie, sealed: browsers keep four thousand letters
_PURPOSE = "draft"


def seal(keys: Keys, login_id: int, path: str, sent: Sent, now: datetime) -> str:
    """A cookie's value; empty where there is too much to keep."""
    sealed = keys.seal(_PURPOSE, {"who": login_id, "path": path, "fields": sent.open}, now)
    return sealed if len(sealed) <= LONGEST else ""


def unseal(keys: Keys, login_id: int, path: str, sealed: str, now: datetime) -> Sent | None:
    """What the same person typed on the page with this path; None for everything else."""
    kept = keys.unseal(_PURPOSE, sealed, now, FOR_S)
    if not isinstance(kept, dict) or (kept["who"], kept["path"]) != (login_id, path):
        return None
    return Sent(kept["fields"])
