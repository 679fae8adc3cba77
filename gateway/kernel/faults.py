"""Failures that carry their policy: who must act, and what they can do about it."""

from __future__ import annotations

from collections.abc import Callable


class Fault(Exception):
    """A failure that people can act on; its text is the one line they are shown.

    ``source`` is the line in the code's language, with ``{names}`` for ``values``: ``said`` by whoever knows another
    language. A fault without values is its line as it is.
    """

    def __init__(self, source: str = "", /, **values: object) -> None:
        super().__init__(source.format(**values) if values else source)
        self.source = source
        self.values = values

    def said(self, say: Callable[..., str]) -> str:
        """The line in the language of ``say`` (:class:`gateway.locale.Say`); a fault among its values is said too."""
        values = {name: one.said(say) if isinstance(one, Fault) else one for name, one in self.values.items()}
        return say(self.source, **values)


class Unavailable(Fault):
    """A part that we depend on (database, Redis) doesn't answer; try again, nothing was done."""


class NetworkInsideTransaction(AssertionError):
    """A call to the outside was tried while a transaction of the database was open: a defect of this program."""
