"""The WSGI entry point: ``gunicorn wsgi:app``; ``gateway run`` does the same with the settings' own figures."""

from __future__ import annotations

from gateway.app import create_app
from gateway.logs import set_up
from gateway.settings import Settings

settings = Settings.from_env()
set_up(settings.log_level)
app = create_app(settings)
