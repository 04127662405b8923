"""A run begins, stops, goes on, ends, and goes back. What moves its keys is `migration.working`."""

from __future__ import annotations

import json
from collections.abc import Collection

from django.db import IntegrityError, transaction

from access import freezes
from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused
from migration import lookup, rules, states
from migration.models import Item, Run
from migration.operations.planning import permit
from migration.states import ItemState, RunState

STARTS_FROM = (RunState.DRAFT, RunState.STOPPED, RunState.PARTLY_SUCCEEDED, RunState.FAILED)


def _moved_meanwhile(run: Run) -> Refused:
    return Refused(Refusal("Rejected.StateModifiedFailed", {"id": run.pk}, reason="changed_meanwhile", who="user"))


def _already_running(run: Run) -> Refused:
    other = lookup.open_run(run.account_id)
    return Refused(Refusal("Migration.AlreadyRunning", {"run": other.pk if other else ""}, reason="migration_already_running",
                           who="time", lifted_by="page:migration-run"))


@recording.operation("StartMigration")
def start_migration(caller: Caller, run: Run, *, accepted: Collection[str] = ()) -> Run:
    """Freezes management and hands the run to a worker; also goes on with one that stopped, and tries again what failed.
    accepted: the rules whose consequences were accepted; those of every consent are needed."""
    permit(caller, "StartMigration")
    if run.state not in STARTS_FROM:
        raise _moved_meanwhile(run)
    with transaction.atomic():
        Item.objects.filter(run=run, state__in=(ItemState.FAILED, ItemState.REFUSED)).update(
            state=ItemState.PENDING, claim="", reason="", finished_at=None)
        reasons, needed = _against(caller, run)
        known = {*json.loads(run.accepted), *accepted}
        if missing := needed - known:
            reasons.append(Refusal("InvalidParameter", {"name": "Accept", "rules": sorted(missing)},
                                   reason="migration_not_accepted", who="user"))
        if reasons:
            raise Refused(*reasons)
        try:
            with transaction.atomic():
                run.move(state=RunState.RUNNING, started_at=run.started_at or caller.at, started_by=caller.principal,
                         frozen_at=caller.at, stop_wanted=False, stopped_by="", finished_at=None, worker="", lease_until=None,
                         accepted=json.dumps(sorted(known)))
        except IntegrityError:
            raise _already_running(run) from None
        if not freezes.begin(run.account_id, run.pk, caller.at):
            raise _already_running(run)
        recording.record(caller, "StartMigration", run, instance=run.instance_id, accepted=sorted(known))
    return run


def _against(caller: Caller, run: Run) -> tuple[list[Refusal], frozenset[str]]:
    findings = rules.of_run(lookup.run_facts(caller, run))
    found = lookup.summary(caller.at, lookup.keys_of(run), run.instance)
    return list(rules.errors(findings)), rules.consents(findings) | found.consents


@recording.operation("StopMigration")
def stop_migration(caller: Caller, run: Run) -> Run:
    """After the key in hand. What has moved stays; the rest can go on later, or be left."""
    permit(caller, "StopMigration")
    if run.state not in states.WORKING:
        raise _moved_meanwhile(run)
    with transaction.atomic():
        if not Run.objects.filter(pk=run.pk, state=run.state).update(stop_wanted=True):
            raise _moved_meanwhile(run)
        recording.record(caller, "StopMigration", run)
    run.stop_wanted = True
    return run


@recording.operation("CloseMigration")
def close_migration(caller: Caller, run: Run) -> Run:
    """Leaves what has not moved in 1.0, and frees the account for another run."""
    permit(caller, "CloseMigration")
    if run.state != RunState.STOPPED:
        raise _moved_meanwhile(run)
    with transaction.atomic():
        run.move(state=states.ended(lookup.counts(run)), finished_at=caller.at)
        recording.record(caller, "CloseMigration", run, state=run.state)
    return run


@recording.operation("RollBackMigration")
def roll_back_migration(caller: Caller, run: Run) -> Run:
    """Every key of the run whose old copy is still kept goes back to 1.0. Freezes management meanwhile."""
    permit(caller, "RollBackMigration")
    if run.state not in (*states.DONE, RunState.STOPPED):
        raise _moved_meanwhile(run)
    if not Item.objects.filter(run=run, state=ItemState.SWITCHED, keep_until__gt=caller.at).exists():
        raise Refused(Refusal("Rejected.UnsupportedOperation", {"run": run.pk}, reason="migration_nothing_to_roll_back"))
    with transaction.atomic():
        Item.objects.filter(run=run, state=ItemState.SWITCHED).update(reason="")
        try:
            with transaction.atomic():
                run.move(state=RunState.ROLLING_BACK, started_by=caller.principal, frozen_at=caller.at, stop_wanted=False,
                         stopped_by="", finished_at=None, worker="", lease_until=None)
        except IntegrityError:
            raise _already_running(run) from None
        if not freezes.begin(run.account_id, run.pk, caller.at):
            raise _already_running(run)
        recording.record(caller, "RollBackMigration", run)
    return run


@recording.operation("EndMigration")
def end_run(caller: Caller, run: Run, state: RunState, *, reason: Refusal | None = None) -> Run:
    """The worker's last word on a stretch of work: the run has ended, or stops here. Management goes on."""
    with transaction.atomic():
        run.move(state=state, stopped_by=lookup.kept(reason) if reason else "", worker="", lease_until=None, stop_wanted=False,
                 finished_at=None if state == RunState.STOPPED else caller.at)
        freezes.end(run.account_id, run.pk)
        recording.record(caller, "EndMigration", run, state=state, reason=reason.slug if reason else "",
                         counts=lookup.counts(run))
    return run
