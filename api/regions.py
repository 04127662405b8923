"""Calls about the service itself, which belong to no floor below: one installation is one region, and it is open."""

from __future__ import annotations

from django.conf import settings

from access.rules import why_not_permitted
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused


def _permit(caller: Caller, action: str) -> None:
    if denied := why_not_permitted(caller, action):
        raise Refused(*denied)


@recording.operation("DescribeRegions")
def describe_regions(caller: Caller) -> list[str]:
    _permit(caller, "DescribeRegions")
    recording.record(caller, "DescribeRegions")
    return [settings.KMS_REGION]


@recording.operation("DescribeAccountKmsStatus")
def describe_account_kms_status(caller: Caller) -> str:
    """Always ``Enabled``: nobody is billed here, so nobody is in debt."""
    _permit(caller, "DescribeAccountKmsStatus")
    recording.record(caller, "DescribeAccountKmsStatus")
    return "Enabled"


@recording.operation("OpenKmsService")
def open_kms_service(caller: Caller) -> None:
    """Always refused: the service is open from its first start on, and no account can close it."""
    _permit(caller, "OpenKmsService")
    raise Refused(Refusal("Forbidden.Opened", who="nobody"))
