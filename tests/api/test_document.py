"""The document of the API is one that OpenAPI 3.1 knows, and anybody may read it."""

from __future__ import annotations

from openapi_spec_validator import validate

from gateway.api.openapi import document
from tests.api.callers import Callers


def test_the_document_is_valid() -> None:
    validate(document())


def test_anybody_may_read_the_document(api: Callers) -> None:
    answer = api.stranger.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.json == document()
    again = api.stranger.get("/openapi.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
