"""Forms of the key pages. They clean and never save; the operations decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from access.policies import SIZE_LIMIT
from crypto.specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, SIGN_VERIFY
from instances.models import Instance
from keys.aliasing import PREFIX
from keys.creation import DESCRIPTION_LIMIT, ORIGINS
from keys.rotating import DAYS
from keys.states import HSM_ENCRYPTED_DATABASE, HSM_INTERNAL, WINDOW_DAYS

PRESETS = (7, 30, 90, 366)
DEFAULT_DAYS = 30
DAYS_ERRORS = dict.fromkeys(("required", "invalid", "min_value", "max_value"), _("Choose 7 to 366 days."))


class Change(ActionForm):
    """An action that needs nothing but the revision the reader saw."""


# What most people want -> (spec, usage). Anything else stands in the fields spec and usage.
KINDS = {
    "encrypt": ("Aliyun_AES_256", ENCRYPT_DECRYPT),
    "sign": ("EC_P256", SIGN_VERIFY),
    "sign-rsa": ("RSA_2048", SIGN_VERIFY),
    "public": ("RSA_2048", ENCRYPT_DECRYPT),
    "mac": ("HMAC_SHA_256", GENERATE_VERIFY_MAC),
}


class CreateKey(ActionForm):
    """All that CreateKey takes, and the alias that CreateAlias gives it. do: create, or show the call and what speaks against
    it."""

    do = forms.ChoiceField(choices=[("create", "create"), ("show", "show")], required=False)
    # Cleaned to the row by the view, which alone knows the reader's instances.
    instance = forms.CharField(max_length=64)
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in (*KINDS, "other")], required=False)
    spec = forms.CharField(max_length=64, required=False)
    usage = forms.CharField(max_length=64, required=False)
    storage = forms.ChoiceField(choices=[(one, one) for one in (HSM_INTERNAL, HSM_ENCRYPTED_DATABASE)], required=False)
    description = forms.CharField(max_length=DESCRIPTION_LIMIT, required=False, strip=True)
    alias = forms.CharField(max_length=261, required=False, strip=True)
    origin = forms.ChoiceField(choices=[(one, one) for one in ORIGINS], required=False)
    understood = forms.BooleanField(required=False)
    rotates = forms.BooleanField(required=False)
    rotation_days = forms.IntegerField(min_value=DAYS["3.0"][0], max_value=DAYS["3.0"][1], required=False, initial=90,
                                       error_messages=dict.fromkeys(("invalid", "min_value", "max_value"),
                                                                    _("Choose 7 to 365 days.")))
    tags = forms.CharField(max_length=8192, required=False)
    policy = forms.CharField(max_length=SIZE_LIMIT, required=False, strip=True)

    def clean_alias(self) -> str:
        typed: str = self.cleaned_data["alias"]
        return PREFIX + typed.removeprefix(PREFIX) if typed else ""

    def clean_tags(self) -> tuple[tuple[str, str], ...]:
        """One a line, ``name=value``; the operation knows what they may hold."""
        lines = [line for line in self.cleaned_data["tags"].splitlines() if line.strip()]
        pairs = [line.partition("=") for line in lines]
        return tuple((name.strip(), value.strip()) for name, _, value in pairs)

    def clean(self) -> None:
        """A kind is a spec with its usage; without one both are as sent, and the operation knows them."""
        cleaned = self.cleaned_data
        if wanted := KINDS.get(cleaned.get("kind", "")):
            cleaned["spec"], cleaned["usage"] = wanted
        if cleaned.get("origin") == "EXTERNAL" and not cleaned.get("understood"):
            self.add_error("understood", _("Say that you know what this means."))
        if cleaned.get("rotates") and not cleaned.get("rotation_days") and "rotation_days" not in self.errors:
            self.add_error("rotation_days", _("Choose 7 to 365 days."))

    def parameters_for(self, home_type: str) -> dict[str, Any]:
        """What `create_key` takes, beside the instance; where a hardware instance keeps the material is asked of those only."""
        cleaned = self.cleaned_data
        found = {name: cleaned[name] for name in ("description", "spec", "usage", "origin", "tags", "policy")}
        rotates = bool(cleaned["rotates"])
        storage = cleaned["storage"] if home_type == Instance.Type.HARDWARE else ""
        return {**found, "key_storage_mechanism": storage, "enable_automatic_rotation": rotates,
                "rotation_interval": f"{cleaned['rotation_days']}d" if rotates else ""}


class Description(ActionForm):
    description = forms.CharField(max_length=DESCRIPTION_LIMIT, required=False, strip=True)


class TypedId(ActionForm):
    """A change that asks for the key's id, typed. It protects against a slip, and the id against the wrong one of two names;
    that the reader may is the operation's business."""

    confirm = forms.CharField(max_length=64, error_messages={"required": _("Type the ID exactly as shown.")})

    def __init__(self, *args: Any, key_id: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key_id = key_id

    def clean_confirm(self) -> str:
        if self.cleaned_data["confirm"] != self.key_id:
            raise ValidationError(_("Type the ID exactly as shown."))
        return self.key_id


class ScheduleDeletion(TypedId):
    days = forms.IntegerField(min_value=WINDOW_DAYS[0], max_value=WINDOW_DAYS[-1], error_messages=DAYS_ERRORS)


class Protection(ActionForm):
    """Which way the switch goes is sent, so that a second click does not turn it back. Off needs the typed name."""

    turn = forms.ChoiceField(choices=[("on", "on"), ("off", "off")])
    description = forms.CharField(max_length=DESCRIPTION_LIMIT, required=False, strip=True)
    confirm = forms.CharField(max_length=300, required=False)

    def __init__(self, *args: Any, names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = frozenset(names)

    @property
    def on(self) -> bool:
        return bool(self.cleaned_data["turn"] == "on")

    def clean(self) -> None:
        if self.cleaned_data.get("turn") == "off" and self.cleaned_data.get("confirm") not in self.names:
            self.add_error("confirm", _("Type the name exactly as shown."))


class AliasName(ActionForm):
    alias = forms.CharField(max_length=255, strip=True, error_messages={
        "required": _("Type a name."), "max_length": _("At most 255 characters.")})

    def clean_alias(self) -> str:
        """With the API's prefix, whether it was typed or not; the operation knows the allowed characters."""
        return PREFIX + str(self.cleaned_data["alias"]).removeprefix(PREFIX)


class EnableDefaultKey(AliasName):
    description = forms.CharField(max_length=DESCRIPTION_LIMIT, required=False, strip=True)
    origin = forms.ChoiceField(choices=[(origin, origin) for origin in ORIGINS])
    understood = forms.BooleanField(required=False)

    def clean(self) -> None:
        """The vendor's tick: whoever brings material of their own keeps it, too."""
        if self.cleaned_data.get("origin") == "EXTERNAL" and not self.cleaned_data.get("understood"):
            self.add_error("understood", _("Confirm that you understand what external material means."))


class AliasTarget(ActionForm):
    key = forms.CharField(max_length=300, strip=True, error_messages={"required": _("Type the ID of a key.")})
