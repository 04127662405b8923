"""Every rule of the reference: alone it says what the table says, and a clean estate hears nothing of it."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import timedelta

import pytest

from base import clock
from instances.rules import Facts as InstanceFacts
from instances.states import State as InstanceState
from keys.states import State
from migration.rules import KeyFacts, Kind, RunFacts, errors, of_key, of_run
from tests.rows import REFERENCE

NOW = clock.now()
HOME = InstanceFacts("kst-1", "main", InstanceState.CONNECTED, NOW + timedelta(days=200), NOW + timedelta(days=215))
RUN = RunFacts(HOME, NOW, "cn-local", "cn-local", free_keys=100, needed_keys=1, auto_renewal=True, backed_up=True)
KEY = KeyFacts("08ec3bb9-034f-485b-b1cd-000000000001", State.ENABLED)
ALWAYS = {"R15", "R17", "W1", "W2", "W3"}

BREAKS_RUN = {
    "R1": {"source_region": "cn-hangzhou"}, "R2": {"instance": replace(HOME, state=InstanceState.UNINITIALIZED)},
    "R3": {"instance": replace(HOME, state=InstanceState.EXPIRED)}, "R4": {"image": "2.8.12"}, "R5": {"upgrading": True},
    "R6": {"needed_keys": 101}, "R7": {"needed_secrets": 1}, "R8": {"keys": 51}, "R9": {"open_run": "mig-1"},
    "R10": {"auto_renewal": False}, "R11": {"instance": replace(HOME, end_at=NOW + timedelta(days=29))},
    "R12": {"calls_per_second": 1001}, "R13": {"owned": False}, "R14": {"owned": False, "shared": True, "joint": True},
    "R15": {}, "R16": {"backed_up": False}, "R17": {}, "W1": {}, "W2": {}, "W3": {},
}
BREAKS_KEY = {
    "K1": {"edition": "3.0"}, "K2": {"kind": "service"}, "K4": {"origin": "EXTERNAL"}, "K5": {"rotation_days": 30},
    "K6": {"versions": 2}, "K7": {"rotation_days": 366}, "K8": {"spec": "EC_SM2"}, "K9": {"protection_level": "HSM"},
    "K10": {"target": "hardware"}, "K11": {"in_target": True}, "K12": {"alias_of_other": "alias/a"},
    "K14": {"late_calls": ("ReEncrypt",)}, "K15": {"secrets": ("db",)},
}


def table():
    with (REFERENCE / "migration_rules.csv").open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


@pytest.mark.parametrize("row", [row for row in table() if row["subject"] == "run"], ids=lambda row: row["rule"])
def test_a_rule_of_the_run(row):
    found = {one.rule: one for one in of_run(replace(RUN, **BREAKS_RUN[row["rule"]]))}
    assert set(found) == ALWAYS | {row["rule"]}
    assert found[row["rule"]].kind == row["kind"]
    assert row["kind"] != Kind.ERROR or found[row["rule"]].refusal.code == row["code"]


@pytest.mark.parametrize("row", [row for row in table() if row["subject"] in ("key", "vendor")],
                         ids=lambda row: f"{row['rule']}-{row['subject']}-{row['code']}")
def test_a_rule_of_a_key(row):
    broken = {"state": State(row["code"].partition(".")[2])} if row["rule"] == "K3" else BREAKS_KEY[row["rule"]]
    found = {one.rule: one for one in of_key(replace(KEY, **broken), vendor=row["subject"] == "vendor")}
    assert set(found) == {row["rule"]} | ({"K5"} if row["rule"] == "K7" else set())
    assert found[row["rule"]].kind == row["kind"]
    assert row["kind"] != Kind.ERROR or found[row["rule"]].refusal.code == row["code"]


def test_nothing_stands_against_a_clean_key_in_a_good_instance():
    assert of_key(KEY) == ()
    assert {one.rule for one in of_run(RUN)} == ALWAYS
    assert errors(of_run(RUN)) == ()


@pytest.mark.parametrize(("image", "old"), [("2.9.0", False), ("2.10.0", False), ("10.0", False), ("2.9", True), ("2.8.99", True),
                                            ("", True)])
def test_image_versions_are_compared_part_by_part(image, old):
    assert ("R4" in {one.rule for one in of_run(replace(RUN, image=image))}) is old


def test_the_image_of_a_hardware_instance_does_not_matter():
    assert "R4" not in {one.rule for one in of_run(replace(RUN, image="1.0", type="hardware"))}


def test_the_whole_estate_may_be_of_any_size_but_not_empty():
    assert "R8" not in {one.rule for one in of_run(replace(RUN, keys=10_000, whole=True))}
    assert "R8" in {one.rule for one in of_run(replace(RUN, keys=0, whole=True))}


def test_every_reason_is_said_at_once():
    found = of_run(replace(RUN, image="1.0", needed_keys=500, open_run="mig-1", source_region="x"))
    assert {one.rule for one in found if one.kind is Kind.ERROR} == {"R1", "R4", "R6", "R9"}
    bad = of_key(replace(KEY, state=State.PENDING_DELETION, spec="EC_SM2", alias_of_other="alias/a"))
    assert {one.rule for one in bad} == {"K3", "K8", "K12"}
