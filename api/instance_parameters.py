"""Parameters of the calls on instances. Names are the vendor's: those of its KMS API, and for ordering and renewing those of
its billing API, flat instead of numbered codes. `docs/extensions.md` describes the calls that are ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.flat_parameters import TagList, TextList
from api.json_parameters import load
from api.parameters import REQUIRED, Bool, InstanceId, Int, Parameter, Text, invalid


class Word(Parameter[str]):
    """One of the vendor's words, as the value that stands for it here. default: the value."""

    def __init__(self, name: str, values: Mapping[str, str], *, default: Any = REQUIRED) -> None:
        super().__init__(name, default=default)
        self.values = values

    def parse(self, text: str) -> str:
        if text not in self.values:
            raise invalid(self.name, "unknown_value", value=text[:64])
        return self.values[text]


class Commas(Parameter[tuple[str, ...]]):
    """``a,b``. Empty text is an empty list."""

    def parse(self, text: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in Text(self.name).parse(text).split(",")) if text else ()


class Objects(Parameter[list[Any]]):
    """A JSON list; what its objects may hold is the operation's business."""

    def parse(self, text: str) -> list[Any]:
        found = load(self.name, text)
        if not isinstance(found, list):
            raise invalid(self.name, "not_a_list", limit="")
        return found


INSTANCE: Parameter[Any] = InstanceId("KmsInstanceId")
CONNECT: dict[str, Parameter[Any]] = {
    "instance": INSTANCE, "km_provider": Text("KMProvider"), "vpc_id": Text("VpcId"), "zone_ids": Commas("ZoneIds"),
    "vswitch_ids": Commas("VSwitchIds"),
}
RELEASE: dict[str, Parameter[Any]] = {
    "instance": INSTANCE, "force_delete_without_backup": Bool("ForceDeleteWithoutBackup", default=False),
}
ORDER: dict[str, Parameter[Any]] = {
    "name": Text("InstanceName"), "months": Int("Period", default=12),
    "type": Word("ProductVersion", {"3": "software", "1": "hardware"}, default="software"),
    "charge_type": Word("SubscriptionType", {"Subscription": "PREPAY", "PayAsYouGo": "POSTPAY"}, default="PREPAY"),
    "spec": Int("Spec", default=0), "key_quota": Int("KeyNum", default=1000), "secret_quota": Int("SecretNum", default=0),
    "vpc_quota": Int("VpcNum", default=1), "auto_renewal_months": Int("RenewPeriod", default=0),
    "grace_policy": Text("GracePolicy", default="stop"),
}
UPGRADE: dict[str, Parameter[Any]] = {
    "instance": INSTANCE, "spec": Int("Spec", default=None), "key_quota": Int("KeyNum", default=None),
    "secret_quota": Int("SecretNum", default=None), "vpc_quota": Int("VpcNum", default=None),
}
TAG: dict[str, Parameter[Any]] = {"instance": INSTANCE, "pairs": TagList(default=REQUIRED)}
UNTAG: dict[str, Parameter[Any]] = {"instance": INSTANCE, "names": TextList("TagKey", 20, default=REQUIRED)}
