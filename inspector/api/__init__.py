"""A door for machines: inspect parts, read what was found, tell what helped, over HTTP.

`application` returns an ASGI application; it knows HTTP and the store, and judges only through the `Bench` that it is given. What it
offers and refuses stands in its own OpenAPI document; `inspector api serve` runs it.
"""

from inspector.api.application import application
from inspector.api.bench import Bench
from inspector.api.service import Limits, Service

__all__ = ["Bench", "Limits", "Service", "application"]
