"""The table of calls against the reference: every operation stands in exactly one list, with the vendor's parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.calls import CALLS, EXTENSIONS, CallForEnclaves
from api.not_yet import LEGACY, NOT_YET
from api.parameters import Text
from keys import operations

REFERENCE = json.loads((Path(__file__).parent.parent / "reference" / "operations.json").read_text(encoding="utf-8"))
ISSUE = """CreateKey DescribeKey ListKeys EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion UpdateKeyDescription
    CreateAlias UpdateAlias DeleteAlias ListAliases ListAliasesByKeyId Encrypt Decrypt GenerateDataKey
    GenerateDataKeyWithoutPlaintext ListKeyVersions DescribeKeyVersion ListKmsInstances GetKmsInstance
    GetDefaultKmsInstance DescribeRegions DescribeAccountKmsStatus"""
# Documented by the SDK without a list of values, or refused before parameters are read.
NOT_READ = {"ListKmsInstances": {"Filters"}}
# Required by the SDK, left out by the vendor's own samples; the reference notes it.
MAY_BE_ABSENT = {"KeyMaterialExpireUnix"}
# What only the clock does, CreateKey of the 1.0 console, and the lists as pages of the console read them.
WITHOUT_DOOR = {"destroy_key", "expire_key_material", "rotate_key", "destroy_with_instance", "release_expired_instance",
                "delay_release", "clear_released_instance", "create_legacy_key", "browse_keys",
                "browse_aliases", "export_keys", "export_aliases"}


def test_every_operation_is_in_exactly_one_list():
    assert (set(CALLS) - EXTENSIONS) | NOT_YET == set(REFERENCE["operations"])
    assert set(CALLS) >= EXTENSIONS
    assert not set(CALLS) & NOT_YET
    assert set(REFERENCE["legacy_operations"]) == LEGACY
    assert set(ISSUE.split()) <= set(CALLS)


@pytest.mark.parametrize("name", sorted(set(CALLS) - EXTENSIONS))
def test_the_parameters_are_the_vendors(name):
    call, known = CALLS[name], dict(REFERENCE["operations"][name]["request"])
    if isinstance(call, CallForEnclaves):
        assert known.pop("Recipient")
    ours = {parameter.name: parameter.required for parameter in call.parameters.values()}
    theirs = {parameter: facts["required"] and parameter not in MAY_BE_ABSENT for parameter, facts in known.items()}
    assert ours == {parameter: required for parameter, required in theirs.items()
                    if parameter not in NOT_READ.get(name, set())}


@pytest.mark.parametrize("name", sorted(set(CALLS) - EXTENSIONS))
def test_the_types_are_the_vendors(name):
    readers = {"integer": int, "boolean": bool}
    for parameter in CALLS[name].parameters.values():
        kind = readers.get(REFERENCE["operations"][name]["request"][parameter.name]["type"])
        if kind is not None:
            assert not isinstance(parameter, Text)
            assert type(parameter.parse("1" if kind is int else "True")) is kind


@pytest.mark.parametrize("name", sorted(CALLS))
def test_the_function_is_the_operation_of_that_name(name):
    """The event, the permission and the call have one name: `audit.recording.operation` carries it."""
    assert CALLS[name].operation.action == name


def test_every_key_operation_has_a_door():
    called = {call.operation.__name__ for call in CALLS.values()}
    assert {name for name in operations.__all__ if name.islower()} - called == WITHOUT_DOOR


@pytest.mark.parametrize("name", sorted(name for name, facts in REFERENCE["operations"].items()
                                        if name in CALLS and "DryRun" in facts["request"]))
def test_dry_runs_reach_the_operation(name):
    assert CALLS[name].parameters["dry_run"].name == "DryRun"
