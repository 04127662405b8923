"""Forms of the instance pages. They clean and never save; the operations decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from instances.states import GracePolicy

TERMS = (1, 3, 6, 12, 24, 36)
LONGEST = 300


class Change(ActionForm):
    """An action that needs nothing but the revision the reader saw."""


class Name(ActionForm):
    name = forms.CharField(max_length=LONGEST, strip=True, error_messages={"required": _("Type a name.")})


class Quotas(ActionForm):
    spec = forms.IntegerField()
    key_quota = forms.IntegerField()
    secret_quota = forms.IntegerField()
    vpc_quota = forms.IntegerField()


class Order(Name, Quotas):
    type = forms.CharField(max_length=LONGEST)
    charge_type = forms.CharField(max_length=LONGEST)
    months = forms.IntegerField(required=False)
    auto_renewal_months = forms.IntegerField(required=False)
    grace_policy = forms.CharField(max_length=LONGEST, required=False)
    # The reader picks the plan by its type; the one of the other type was never seen.
    spec_hardware = forms.IntegerField(required=False)

    def clean(self) -> None:
        """Pay-as-you-go has no term, and what was chosen for one says nothing then."""
        given = self.cleaned_data
        hardware = given.pop("spec_hardware", None)
        if given.get("type") == "hardware" and hardware is not None:
            given["spec"] = hardware
        prepaid = given.get("charge_type") != "POSTPAY"
        given["months"] = given.get("months") or 12
        given["auto_renewal_months"] = (given.get("auto_renewal_months") or 0) if prepaid else 0
        given["grace_policy"] = (given.get("grace_policy") or GracePolicy.STOP) if prepaid else GracePolicy.STOP


class Networks(ActionForm):
    vpc_id = forms.CharField(max_length=LONGEST, required=False, strip=True)
    zone_ids = forms.CharField(max_length=LONGEST, required=False, strip=True)
    vswitch_ids = forms.CharField(max_length=LONGEST, required=False, strip=True)

    @staticmethod
    def _listed(text: str) -> tuple[str, ...]:
        return tuple(part for part in text.replace(",", " ").split() if part)

    def clean_zone_ids(self) -> tuple[str, ...]:
        return self._listed(self.cleaned_data["zone_ids"])

    def clean_vswitch_ids(self) -> tuple[str, ...]:
        return self._listed(self.cleaned_data["vswitch_ids"])


class Months(ActionForm):
    months = forms.IntegerField()


class Policy(ActionForm):
    policy = forms.CharField(max_length=LONGEST)


class Tag(ActionForm):
    """Adds one tag, or removes one: `remove` is the name of the button that was pressed."""

    tag_key = forms.CharField(max_length=LONGEST, required=False)
    tag_value = forms.CharField(max_length=LONGEST, required=False)
    remove = forms.CharField(max_length=LONGEST, required=False, strip=False)


class Release(ActionForm):
    confirm = forms.CharField(max_length=LONGEST, error_messages={"required": _("Type the name exactly as shown.")})
    without_backup = forms.BooleanField(required=False)

    def __init__(self, *args: Any, names: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = frozenset(names)

    def clean_confirm(self) -> str:
        """The typed name protects against a slip; that the reader may release is the operation's business."""
        typed: str = self.cleaned_data["confirm"]
        if typed not in self.names:
            raise ValidationError(_("Type the name exactly as shown."))
        return typed
