"""Forms of the wizard. They clean and never save; the operations decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm


class Choose(ActionForm):
    """Which keys, and where to. The rules of the operation say how many."""

    instance = forms.CharField(max_length=64, error_messages={"required": _("Choose an instance.")})
    scope = forms.ChoiceField(choices=[("keys", "keys"), ("whole", "whole")])
    keys = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, offered: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["keys"].choices = [(pk, pk) for pk in offered]  # type: ignore[attr-defined]


class Start(ActionForm):
    """Every tick that the check asks for, and the name of the instance."""

    accepted = forms.MultipleChoiceField(required=False)
    confirm = forms.CharField(max_length=300, error_messages={"required": _("Type the name exactly as shown.")})

    def __init__(self, *args: Any, consents: list[str], names: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = frozenset(names)
        self.fields["accepted"].choices = [(rule, rule) for rule in consents]  # type: ignore[attr-defined]

    def clean_confirm(self) -> str:
        typed: str = self.cleaned_data["confirm"]
        if typed not in self.names:
            raise ValidationError(_("Type the name exactly as shown."))
        return typed
