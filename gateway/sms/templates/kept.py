"""The texts that mutuelles have written, every version of them, and which of them is said now.

The nearest organisation that has said something about an event in a language decides, itself first, then upward; what
it said last may be that our own words are good again. The texts are few and asked for with every payment: a process
keeps them and reads them anew when they are older than a few seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, bindparam, func, insert, select

from gateway.kernel.faults import Fault
from gateway.locale import mark
from gateway.network.organisations import Organisation, Tree
from gateway.sms.templates.checking import check, must_speak, setting_of
from gateway.sms.templates.events import event_named
from gateway.store.schema import sms_template
from gateway.store.turn import take_turn
from gateway.store.unit import Unit

STALE_AFTER_S = 5.0
NAME_CHARACTERS = 60


@dataclass(frozen=True)
class Version:
    """What an organisation said about an event in a language at one time; ``text`` None: our own words again."""

    organisation_id: int
    event: str
    language: str
    version: int
    text: str | None
    written_at: datetime
    by_name: str


_COLUMNS = (
    sms_template.c.organisation_id,
    sms_template.c.event,
    sms_template.c.language,
    sms_template.c.version,
    sms_template.c.text,
    sms_template.c.written_at,
    sms_template.c.by_name,
)
_SAME = ("organisation_id", "event", "language")
_OF = [sms_template.c[name] == bindparam(name) for name in _SAME]
_LAST = select(func.max(sms_template.c.version)).where(*_OF)
_HISTORY = select(*_COLUMNS).where(*_OF).order_by(sms_template.c.version.desc())
_later = sms_template.alias("later")
_NEWEST = (
    select(*_COLUMNS)
    .where(
        ~select(_later.c.id)
        .where(*(_later.c[name] == sms_template.c[name] for name in _SAME), _later.c.version > sms_template.c.version)
        .exists()
    )
    .order_by(sms_template.c.organisation_id, sms_template.c.event, sms_template.c.language)
)


def write(
    unit: Unit, tree: Tree, organisation: Organisation, event: str, language: str, text: str | None, by_name: str
) -> int:
    """Keep a text as the organisation's newest for an event, None to say ours again; the number of the version.

    Raises :class:`Fault` for a text that can't be used, a language that isn't offered, an event that there isn't.
    """
    kind = event_named(event)
    must_speak(tree, organisation.id)
    name = " ".join(by_name.split())[:NAME_CHARACTERS]
    if not name:
        raise Fault("whoever writes a text gives their name")
    kept = check(kind, text, setting_of(tree, organisation.id, language)).text if text is not None else None
    # Two who write at once have each a version of their own.
    take_turn(unit, f"text:{organisation.id}:{event}:{language}")
    key = {"organisation_id": organisation.id, "event": event, "language": language}
    if kept is None and _says(unit.connection, tree, organisation.id, event, language) is None:
        raise Fault(
            mark("{code} says {event} in {language} in Cotisa's words already"),
            code=organisation.code,
            event=event,
            language=language,
        )
    version = (unit.connection.scalar(_LAST, key) or 0) + 1
    unit.connection.execute(
        insert(sms_template).values(**key, version=version, text=kept, written_at=unit.now, by_name=name)
    )
    forget()
    return version


def history(connection: Connection, organisation_id: int, event: str, language: str) -> list[Version]:
    """All that an organisation itself has said about an event in a language, the newest first."""
    key = {"organisation_id": organisation_id, "event": event, "language": language}
    return [Version(*row) for row in connection.execute(_HISTORY, key)]


def newest(connection: Connection) -> list[Version]:
    """The newest version of every text of every organisation."""
    return [Version(*row) for row in connection.execute(_NEWEST)]


def said_by(connection: Connection, tree: Tree, organisation_id: int, event: str, language: str) -> Version | None:
    """What decides how an organisation says something: its own newest version or the nearest above; None for ours."""
    return _nearest(_kept(connection), tree, organisation_id, event, language)


def said_now(connection: Connection, tree: Tree, organisation_id: int, event: str, language: str) -> Version | None:
    """The same from the rows as they are this moment, for whoever writes them."""
    return _nearest(_by_key(newest(connection)), tree, organisation_id, event, language)


def words_for(connection: Connection, tree: Tree, organisation_id: int, event: str, language: str) -> str | None:
    """The text in which an organisation says something in a language; None for our own words.

    Costs nothing but once in a few seconds a process.
    """
    found = said_by(connection, tree, organisation_id, event, language)
    return found.text if found is not None else None


def words_in_all_languages(connection: Connection, tree: Tree, place: Organisation, event: str) -> dict[str, str]:
    """What an organisation says for an event, by each language that it speaks: its own text, or our words."""
    found = {}
    for language in place.languages:
        text = words_for(connection, tree, place.id, event, language) or event_named(event).words(language)
        if text:
            found[language] = text
    return found


_Kept = Mapping[tuple[int, str, str], Version]


def _says(connection: Connection, tree: Tree, organisation_id: int, event: str, language: str) -> str | None:
    """The same as :func:`words_for`, from the rows as they are now."""
    found = said_now(connection, tree, organisation_id, event, language)
    return found.text if found is not None else None


def _nearest(kept: _Kept, tree: Tree, organisation_id: int, event: str, language: str) -> Version | None:
    if not kept:
        return None
    above = (kept.get((one.id, event, language)) for one in tree.upward(organisation_id))
    return next((one for one in above if one is not None), None)


def _by_key(versions: list[Version]) -> _Kept:
    return {(one.organisation_id, one.event, one.language): one for one in versions}


# --- kept for a few seconds -------------------------------------------------------------------------------------------

# By engine: a process has one, tests have many.
_read: WeakKeyDictionary[Engine, tuple[float, _Kept]] = WeakKeyDictionary()
_lock = threading.Lock()


def forget() -> None:
    """Read anew at the next question."""
    _read.clear()


def _kept(connection: Connection) -> _Kept:
    known = _read.get(connection.engine)
    if known is not None and time.monotonic() - known[0] < STALE_AFTER_S:
        return known[1]
    # One thread reads; the others go on with what they have.
    if not _lock.acquire(blocking=known is None):
        assert known is not None
        return known[1]
    try:
        found = _by_key(newest(connection))
        _read[connection.engine] = time.monotonic(), found
        return found
    finally:
        _lock.release()
