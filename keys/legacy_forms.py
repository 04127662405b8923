"""Forms of the 1.0 console. They clean and never save; the operations decide, by the rules of 1.0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from crypto.specs import ENCRYPT_DECRYPT, SIGN_VERIFY
from keys.aliasing import PREFIX
from keys.creation import DESCRIPTION_LIMIT, LEGACY_SPECS
from keys.models import Key
from keys.rotating import DAY, DAYS
from keys.states import LEGACY_WINDOW_DAYS

WRAPPINGS = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1", "RSAES_PKCS1_V1_5")
WRAPPING_SPEC = "RSA_2048"
DEFAULT_WINDOW = 30


class LegacyForm(ActionForm):
    """Every field in the look of the console. names: what may be typed to confirm."""

    def __init__(self, *args: Any, key: Key | None = None, names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key, self.names = key, frozenset(names)
        for name, field in self.fields.items():
            if not isinstance(field.widget, forms.CheckboxInput | forms.HiddenInput):
                field.widget.attrs.setdefault("class", "in")
            if self.is_bound and name in self.errors:
                field.widget.attrs |= {"aria-invalid": "true", "aria-describedby": f"id_{name}-error"}

    def what(self) -> dict[str, Any]:
        """The arguments of the operation."""
        return {name: value for name, value in self.cleaned_data.items() if name not in ("confirm", "revision")}


class Plain(LegacyForm):
    pass


class Delete(LegacyForm):
    window_days = forms.IntegerField(label=_("Waiting time"), initial=DEFAULT_WINDOW, min_value=LEGACY_WINDOW_DAYS[0],
                                     max_value=LEGACY_WINDOW_DAYS[-1], help_text=_("7 to 30 days."))
    confirm = forms.CharField(label=_("Type the alias or ID to confirm"), max_length=300,
                              widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}))

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed not in self.names:
            raise ValidationError(_("Type the name exactly as shown."))
        return typed


class Protection(LegacyForm):
    enabled = forms.BooleanField(label=_("Deletion protection"), required=False)
    description = forms.CharField(label=_("Reason"), max_length=DESCRIPTION_LIMIT, required=False)


class Describe(LegacyForm):
    description = forms.CharField(label=_("Description"), max_length=DESCRIPTION_LIMIT, required=False,
                                  widget=forms.Textarea({"rows": 3}))


class NewAlias(LegacyForm):
    alias_name = forms.CharField(label=_("Alias"), max_length=255, widget=forms.TextInput({"autocomplete": "off"}))

    def clean_alias_name(self) -> str:
        return PREFIX + str(self.cleaned_data["alias_name"]).removeprefix(PREFIX)


class Rotation(LegacyForm):
    days = forms.IntegerField(label=_("Rotation period in days"), required=False, min_value=DAYS["1.0"][0],
                              max_value=DAYS["1.0"][1], help_text=_("7 to 730 days. Empty: no automatic rotation."))

    def what(self) -> dict[str, Any]:
        days = self.cleaned_data["days"]
        return {"enable_automatic_rotation": bool(days), "rotation_interval": f"{days * DAY}s" if days else ""}


class Parameters(LegacyForm):
    wrapping_algorithm = forms.ChoiceField(label=_("Wrapping algorithm"), choices=[(name, name) for name in WRAPPINGS])

    def what(self) -> dict[str, Any]:
        return super().what() | {"wrapping_key_spec": WRAPPING_SPEC}


class Material(LegacyForm):
    import_token = forms.CharField(label=_("Import token"), widget=forms.Textarea({"rows": 3, "spellcheck": "false"}))
    encrypted_key_material = forms.CharField(label=_("Wrapped material (Base64)"),
                                             widget=forms.Textarea({"rows": 5, "spellcheck": "false"}))
    expires = forms.DateTimeField(label=_("Material expires"), required=False, help_text=_("Empty: never."),
                                  widget=forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"))

    def what(self) -> dict[str, Any]:
        made = super().what()
        expires = made.pop("expires")
        return {name: "".join(value.split()) for name, value in made.items()} | {
            "key_material_expire_unix": int(expires.timestamp()) if expires else 0}


class Create(LegacyForm):
    spec = forms.ChoiceField(label=_("Key spec"), choices=[(name, name) for name in LEGACY_SPECS])
    usage = forms.ChoiceField(label=_("Use"), required=False, choices=[
        ("", _("As the key spec suggests")), (ENCRYPT_DECRYPT, _("Encrypt and decrypt")), (SIGN_VERIFY, _("Sign and verify"))])
    origin = forms.ChoiceField(label=_("Material from"), choices=[("Aliyun_KMS", "KMS"), ("EXTERNAL", _("You (imported)"))])
    days = forms.IntegerField(label=_("Rotation period in days"), required=False, min_value=DAYS["1.0"][0],
                              max_value=DAYS["1.0"][1], help_text=_("7 to 730 days. Empty: no automatic rotation."))
    description = forms.CharField(label=_("Description"), max_length=DESCRIPTION_LIMIT, required=False)

    def what(self) -> dict[str, Any]:
        made = super().what()
        days = made.pop("days")
        return made | {"enable_automatic_rotation": bool(days), "rotation_interval": f"{days * DAY}s" if days else ""}
