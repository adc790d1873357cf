"""The door that clients' SDKs knock on: inbound dialects (pure), error tables, model lists and the ASGI app."""
