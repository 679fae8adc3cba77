"""A demonstration in the tests' own process: the small world of the menu, and the operator's stand-in."""

from __future__ import annotations

from pydantic import SecretStr

from gateway.procs.redis import PrivateRedis
from gateway.standins import mtn_momo
from tests.payments.providers.mtn_momo_play import MomoPlay
from tests.ussd.world import Place, StandingRuntime, settings


def demonstration(database_url: str, redis_server: PrivateRedis, momo: MomoPlay) -> Place:
    """The application as ``gateway demo`` sets it up; whoever asks for it closes it."""
    own = settings(database_url, redis_server.url).model_copy(
        update={
            "demo": True,
            "public_url": "http://127.0.0.1:9",
            "push_delay_s": 0.0,
            "mtn_momo_base_url": momo.url,
            "mtn_momo_api_user": mtn_momo.API_USER,
            "mtn_momo_api_key": SecretStr(mtn_momo.API_KEY),
            "mtn_momo_subscription_key": SecretStr(mtn_momo.SUBSCRIPTION_KEY),
        }
    )
    return Place(StandingRuntime(own))
