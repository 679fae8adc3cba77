"""What somebody searched for stands in no address, and the way back from a household leads to what was found.

It is kept by their own browser, sealed, for a quarter of an hour and this session alone; the page that shows what was
found is an ordinary one, so that the browser's "back" and "reload" work as everywhere.
"""

from __future__ import annotations

from gateway.console.visit import Visit
from gateway.kernel.sealing import keys_of

FOR_S = 15 * 60
LONGEST = 100  # characters
_COOKIE = _PURPOSE = "sought"


def keep(visit: Visit, path: str, typed: str) -> str:
    """Keep what was typed for the page at ``path``; gives where to go: the same page with what was found."""
    keys = keys_of(visit.parts.settings.secret_key.get_secret_value())
    content = [visit.who.session_id, path, typed[:LONGEST]]
    visit.keep(_COOKIE, keys.seal(_PURPOSE, content, visit.now), FOR_S)
    return f"{path}?found=yes"


def kept(visit: Visit, path: str) -> str:
    """What was typed for this page, where what was found is asked for; empty for everything else."""
    if not visit.asked.get("found"):
        return ""
    keys = keys_of(visit.parts.settings.secret_key.get_secret_value())
    content = keys.unseal(_PURPOSE, visit.cookies.get(_COOKIE, ""), visit.now, FOR_S)
    if not isinstance(content, list) or content[:2] != [visit.who.session_id, path]:
        return ""
    return str(content[2])
