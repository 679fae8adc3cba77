"""To which account of the books money came, whatever it counts for since: an operator takes it back from there."""

from __future__ import annotations

from sqlalchemy import Connection, select

from gateway.payments.payers.group_money import SHARE
from gateway.payments.unasked.suspense import debited, stood_on
from gateway.store.schema import collection, incoming


def paid_into(connection: Connection, key: str) -> str:
    """The role of the account that the payment with our key came to.

    What was identified on suspense came to where it stood before; a household's share to where its group's payment did.
    """
    role = debited(connection, f"collection:{key}")
    if role not in ("suspense", None):
        return str(role)
    effect_key = connection.scalar(select(collection.c.effect_key).where(collection.c.key == key)) or ""
    whole = effect_key.split(":")[1] if effect_key.startswith(f"{SHARE}:") else key
    came = select(incoming.c.id).join(collection, collection.c.id == incoming.c.collection_id)
    its_id = connection.scalar(came.where(collection.c.key == whole))
    return stood_on(connection, its_id) if its_id is not None else "wallet"
