"""Forms of the tabs of a key: rotation, policy, tags. They clean and never save."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from access.policies import SIZE_LIMIT
from instances.tags import LENGTH
from keys import key_policies
from keys.rotating import DAY, DAYS

PRESETS = (30, 90, 180, 365)
LOW, HIGH = DAYS["3.0"]
_DAYS = _("Choose 7 to 365 days.")


class Rotation(ActionForm):
    """turn: on or off. Cleans to `interval`, as the operation wants it; a page offers whole days only."""

    turn = forms.ChoiceField(choices=[("on", "on"), ("off", "off")])
    days = forms.IntegerField(min_value=LOW, max_value=HIGH, required=False, error_messages={
        "invalid": _DAYS, "min_value": _DAYS, "max_value": _DAYS})

    @property
    def on(self) -> bool:
        return bool(self.cleaned_data["turn"] == "on")

    def clean(self) -> None:
        if self.cleaned_data.get("turn") == "on" and not self.cleaned_data.get("days") and "days" not in self.errors:
            self.add_error("days", _DAYS)

    @property
    def interval(self) -> str:
        return f"{self.cleaned_data['days'] * DAY}s" if self.on else ""


class Policy(ActionForm):
    policy = forms.CharField(max_length=SIZE_LIMIT, strip=True, error_messages={"required": _("The policy is empty.")})


class Statement(ActionForm):
    """What the builder adds to the text: a role of the vendor's editor, and for whom."""

    role = forms.ChoiceField(choices=[(role, role) for role in key_policies.ROLES])
    principals = forms.CharField(max_length=2000, strip=True, error_messages={"required": _("Say for whom.")})

    def __init__(self, *args: Any, owner: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def clean_principals(self) -> list[str]:
        """``alice`` is a user of the own account; ARNs stay as they are. Several by commas or line breaks."""
        words = self.cleaned_data["principals"].replace(",", " ").split()
        user = f"acs:ram::{self.owner}:user/"
        found = [word if word.startswith("acs:") else user + word.removeprefix("user/") for word in words]
        for one in found:
            if not key_policies.is_principal(one):
                raise ValidationError(_("%(name)s is not the name of a user, nor an ARN."), params={"name": one[:100]})
        return found


class Tag(ActionForm):
    name = forms.CharField(max_length=LENGTH, strip=True, error_messages={
        "required": _("Type a name."), "max_length": _("At most 128 characters.")})
    value = forms.CharField(max_length=LENGTH, strip=True, required=False, error_messages={
        "max_length": _("At most 128 characters.")})


class TagName(ActionForm):
    name = forms.CharField(max_length=LENGTH, strip=False)
