"""Which providers there are: name -> dotted path of the class, imported on first use."""

from __future__ import annotations

from importlib import import_module

from crypto.envelope import WrappingKey
from crypto.errors import Unsupported
from crypto.provider import Provider

PROVIDERS = {
    "software": "crypto.software.SoftwareProvider",
}


def open_provider(name: str, wrapping: WrappingKey) -> Provider:
    """The provider `name`, serving what `wrapping` seals. Raises Unsupported for an unknown one."""
    if name not in PROVIDERS:
        raise Unsupported(name)
    module, _, attribute = PROVIDERS[name].rpartition(".")
    provider: Provider = getattr(import_module(module), attribute)(wrapping)
    return provider
