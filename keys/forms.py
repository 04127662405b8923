"""Forms of the key pages. They clean and never save; the operations decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from crypto.specs import ENCRYPT_DECRYPT, GENERATE_VERIFY_MAC, SIGN_VERIFY
from keys.aliasing import PREFIX
from keys.creation import DESCRIPTION_LIMIT, ORIGINS
from keys.states import HSM_ENCRYPTED_DATABASE, HSM_INTERNAL, WINDOW_DAYS

PRESETS = (7, 30, 90, 366)
DEFAULT_DAYS = 30


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
    # Cleaned to the row by the view, which alone knows the reader's instances.
    instance = forms.CharField(max_length=64)
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in (*KINDS, "other")], required=False)
    spec = forms.CharField(max_length=64, required=False)
    usage = forms.CharField(max_length=64, required=False)
    storage = forms.ChoiceField(choices=[(one, one) for one in (HSM_INTERNAL, HSM_ENCRYPTED_DATABASE)], required=False)
    description = forms.CharField(max_length=DESCRIPTION_LIMIT, required=False, strip=True)

    def clean(self) -> None:
        """A kind is a spec with its usage; without one both are as sent, and the operation knows them."""
        if wanted := KINDS.get(self.cleaned_data.get("kind", "")):
            self.cleaned_data["spec"], self.cleaned_data["usage"] = wanted


class Description(ActionForm):
    description = forms.CharField(max_length=DESCRIPTION_LIMIT, required=False, strip=True)


class ScheduleDeletion(ActionForm):
    days = forms.IntegerField(min_value=WINDOW_DAYS[0], max_value=WINDOW_DAYS[-1], error_messages={
        "required": _("Choose 7 to 366 days."), "invalid": _("Choose 7 to 366 days."),
        "min_value": _("Choose 7 to 366 days."), "max_value": _("Choose 7 to 366 days."),
    })
    confirm = forms.CharField(max_length=300, error_messages={"required": _("Type the name exactly as shown.")})

    def __init__(self, *args: Any, names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = frozenset(names)

    def clean_confirm(self) -> str:
        """The typed name protects against a slip; that the reader may delete is the operation's business."""
        typed: str = self.cleaned_data["confirm"]
        if typed not in self.names:
            raise ValidationError(_("Type the name exactly as shown."))
        return typed


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
