"""Which providers there are: name -> dotted path of the class, imported on first use."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from crypto.envelope import WrappingKey
from crypto.errors import Unsupported
from crypto.provider import Provider

SOFTWARE, HSM = "software", "pkcs11"
PROVIDERS = {
    SOFTWARE: "crypto.software.SoftwareProvider",
    HSM: "crypto.hsm.provider.HsmProvider",
}


def open_provider(name: str, wrapping: WrappingKey, **own: Any) -> Provider:
    """The provider `name`, serving what `wrapping` seals; `own` is what this one needs beside that. Raises Unsupported for an
    unknown one."""
    if name not in PROVIDERS:
        raise Unsupported(name)
    module, _, attribute = PROVIDERS[name].rpartition(".")
    provider: Provider = getattr(import_module(module), attribute)(wrapping, **own)
    return provider
