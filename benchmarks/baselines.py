"""The plain Flask views that the gateway is measured against, served by the same server with the same options."""

from __future__ import annotations

from typing import Any

import redis
from flask import Flask, request
from sqlalchemy import bindparam, insert, select

from gateway.settings import Settings
from gateway.store.engine import open_engine, reading
from gateway.store.schema import household, notice, phone
from gateway.wiring import Runtime


def create(settings: Settings) -> Flask:
    """A bare view, one with a Redis GET and SET, one with a SELECT besides, and one with an INSERT and a COMMIT."""
    app = Flask("baselines", static_folder=None)
    engine = open_engine(settings.database_url, pool_size=settings.web_threads + 2)
    reader = reading(engine)
    client = redis.Redis.from_url(settings.redis_url)
    clock = Runtime(settings).clock
    card_of = (
        select(household.c.card)
        .join(phone, phone.c.household_id == household.c.id)
        .where(phone.c.msisdn == bindparam("msisdn"))
    )

    @app.post("/bare")
    def bare() -> str:
        return "CON " + request.form["text"][-20:]

    @app.post("/session")
    def one_session() -> str:
        form = request.form
        key = "bench:" + form["sessionId"]
        before = client.get(key)
        client.set(key, form["text"], ex=1800)
        return f"CON {len(before or b'')}"

    @app.post("/select")
    def one_select() -> str:
        form = request.form
        key = "bench:" + form["sessionId"]
        before = client.get(key)
        with reader.connect() as connection:
            card = connection.scalar(card_of, {"msisdn": form["phoneNumber"]})
        client.set(key, form["text"], ex=1800)
        return f"CON {card} {len(before or b'')}"

    @app.post("/insert")
    def one_insert() -> tuple[str, int]:
        with engine.begin() as connection:
            connection.execute(
                insert(notice).values(
                    source="bench",
                    reference=request.headers.get("X-Reference", "none")[:64],
                    received_at=clock.now(),
                    content_type=request.content_type or "",
                    body=request.get_data(),
                )
            )
        return "", 200

    return app


def main() -> None:
    """Serve the baselines as ``gateway run`` serves the gateway."""
    from gateway.cli.serve import serve

    settings = Settings.from_env()

    def load() -> Any:
        return create(settings)

    serve(settings, load)


if __name__ == "__main__":
    main()
