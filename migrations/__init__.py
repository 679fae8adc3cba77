"""Alembic's migrations: how a database of any age becomes the one in gateway/store/schema.py, and back."""
