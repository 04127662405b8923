"""Forms of the pages of backups. They clean and never save; the operations decide."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm


class Change(ActionForm):
    """An action that needs nothing else."""


class New(ActionForm):
    instance = forms.CharField(max_length=64, error_messages={"required": _("Choose an instance.")})


class Upload(ActionForm):
    decryption_key = forms.CharField(max_length=200, required=False, strip=True)
    name = forms.CharField(max_length=128, required=False, strip=True)
    file = forms.FileField(allow_empty_file=True, error_messages={"required": _("Choose a file.")})


class Restore(ActionForm):
    """keys: ids, between spaces, commas or lines; none means all. chosen: the ids come from the ticks of the preview."""

    into = forms.CharField(max_length=64, error_messages={"required": _("Choose an instance.")})
    keys = forms.CharField(max_length=400_000, required=False)
    again = forms.BooleanField(required=False)
    chosen = forms.BooleanField(required=False)

    def clean_keys(self) -> list[str]:
        return str(self.cleaned_data["keys"]).replace(",", " ").split()
