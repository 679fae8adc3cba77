"""Other systems' way in: JSON over HTTP, under keys with scopes, described by one OpenAPI document."""
