"""Forms of the people pages. They clean and never save; the operations decide."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from access.models import AccessKey, Role
from access.pages import ActionForm


class Change(ActionForm):
    """An action that needs nothing but the revision the reader saw."""


class NewPerson(ActionForm):
    name = forms.CharField(max_length=150, strip=True, error_messages={"required": _("Type a name.")})
    role = forms.ChoiceField(choices=[(role, role.label) for role in Role.of_people()])


class RoleOf(ActionForm):
    role = forms.ChoiceField(choices=[(role, role.label) for role in Role.of_people()])


class Policy(ActionForm):
    name = forms.CharField(max_length=200, strip=True, error_messages={"required": _("Type a name.")})
    document = forms.CharField(strip=True, error_messages={"required": _("Paste a policy document.")})


class Status(ActionForm):
    """Which way it goes is sent, so that a second click does not turn it back."""

    to = forms.ChoiceField(choices=AccessKey.Status.choices)
