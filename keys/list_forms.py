"""Forms of the list of keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from instances.tags import LENGTH
from keys.forms import DAYS_ERRORS
from keys.states import WINDOW_DAYS


class Bulk(ActionForm):
    """What a change of many keys takes beside them. A deletion asks for the number of keys, typed."""

    name = forms.CharField(max_length=LENGTH, required=False, strip=True)
    value = forms.CharField(max_length=LENGTH, required=False, strip=True)
    days = forms.IntegerField(min_value=WINDOW_DAYS[0], max_value=WINDOW_DAYS[-1], required=False, error_messages=DAYS_ERRORS)
    confirm = forms.CharField(max_length=10, required=False, strip=True)

    def __init__(self, *args: Any, kind: str, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.count = kind, count
        self.fields["name"].required = kind in ("tag", "untag")
        self.fields["days"].required = self.fields["confirm"].required = kind == "delete"

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if self.kind == "delete" and typed != str(self.count):
            raise ValidationError(_("Type the number of keys exactly as shown."))
        return typed

    @property
    def options(self) -> dict[str, Any]:
        wanted = {"tag": ("name", "value"), "untag": ("name",), "delete": ("days",)}.get(self.kind, ())
        return {name: self.cleaned_data[name] for name in wanted}

    @staticmethod
    def revisions(seen: Sequence[str]) -> dict[str, int]:
        """``<id>@<revision>`` of every key that the preview showed as possible."""
        pairs = [text.rpartition("@") for text in seen]
        return {key_id: int(number) for key_id, _, number in pairs
                if number.isascii() and number.isdecimal() and len(number) < 10}
