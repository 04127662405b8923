"""How the states of keys and instances show, in one table each."""

from __future__ import annotations

from django.utils.translation import pgettext_lazy

from access.labels import Label
from instances.states import State as InstanceState
from keys.states import State as KeyState

KEY: dict[str, Label] = {
    KeyState.ENABLED: Label(pgettext_lazy("state of a key", "Enabled"), "ok", "circle-check"),
    KeyState.DISABLED: Label(pgettext_lazy("state of a key", "Disabled"), "", "circle-pause"),
    KeyState.PENDING_DELETION: Label(pgettext_lazy("state of a key", "Pending deletion"), "pend", "clock"),
    KeyState.PENDING_IMPORT: Label(pgettext_lazy("state of a key", "Pending import"), "info", "upload"),
    KeyState.UNAVAILABLE: Label(pgettext_lazy("state of a key", "Unavailable"), "bad", "circle-x"),
    KeyState.DESTROYED: Label(pgettext_lazy("state of a key", "Destroyed"), "", "ban"),
}

INSTANCE: dict[str, Label] = {
    InstanceState.UNINITIALIZED: Label(pgettext_lazy("state of an instance", "Not enabled"), "", "circle-dashed"),
    InstanceState.CONNECTING: Label(pgettext_lazy("state of an instance", "Enabling"), "info", "loader"),
    InstanceState.CONNECTED: Label(pgettext_lazy("state of an instance", "Enabled"), "ok", "circle-check"),
    InstanceState.DISCONNECTED: Label(pgettext_lazy("state of an instance", "Disconnected"), "bad", "unplug"),
    InstanceState.ERROR: Label(pgettext_lazy("state of an instance", "Error"), "bad", "circle-x"),
    InstanceState.EXPIRED: Label(pgettext_lazy("state of an instance", "Expired"), "bad", "circle-x"),
    InstanceState.RELEASED: Label(pgettext_lazy("state of an instance", "Released"), "", "ban"),
}
