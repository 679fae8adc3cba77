"""Two people: what one asks for another approves, told apart by their names, however these are typed."""

from __future__ import annotations

from gateway.kernel.persons import NAME_CHARACTERS, name_compared, name_kept, same_person

__all__ = ["NAME_CHARACTERS", "REASON_CHARACTERS", "name_compared", "name_kept", "same_person"]

REASON_CHARACTERS = 200
