"""An account with a page for every state, for tests that look at pages instead of changing them."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse

from base import clock
from instances import operations as instances
from instances.models import Instance
from keys import operations
from keys.models import Key
from keys.states import State
from tests import make
from tests.browser import key_estate
from tests.make import Person
from tests.migration import estate as legacy
from tests.pages.test_key_pages import foreign_key

NAMES = {State.ENABLED: "payments/card-vault", State.DISABLED: "payments/settlement-2024",
         State.PENDING_DELETION: "payments/legacy-exports", State.PENDING_IMPORT: "payments/partner-byok"}


def build(alice: Person) -> dict[str, str]:
    """name of a page -> its address."""
    at = clock.now() - timedelta(days=200)
    home = make.instance(alice, name="payments-prod", months=13, at=at)
    keys: dict[State, Key] = {}
    for state, name in NAMES.items():
        keys[state] = make.key(alice, State.ENABLED, home=home, at=at, description="Card numbers of the shop. Team Ledger.") \
            if state is not State.PENDING_IMPORT else make.key(alice, state, home=home, at=at)
        operations.create_alias(alice(at=at), keys[state], alias_name=f"alias/{name}")
    operations.disable_key(alice(), keys[State.DISABLED])
    operations.schedule_key_deletion(alice(), keys[State.PENDING_DELETION], window_days=30)
    keys[State.UNAVAILABLE] = make.key(alice, State.UNAVAILABLE)
    keys[State.DESTROYED] = make.destroyed_key(alice, home=home)
    service, old = foreign_key(alice.account, kind="service"), foreign_key(alice.account, edition="1.0")
    expired = keys[State.UNAVAILABLE].instance
    enabled = keys[State.ENABLED]
    kinds = {name: operations.create_key(alice(at=at), instance=home, spec=spec, usage=usage) for name, spec, usage in (
        ("sign", "EC_P256", "SIGN/VERIFY"), ("public", "RSA_2048", "ENCRYPT/DECRYPT"),
        ("mac", "HMAC_SHA_256", "GENERATE_MAC/VERIFY_MAC"))}
    operations.set_deletion_protection(alice(), kinds["sign"], enabled=True, description="Signs the releases until May.")
    operations.update_rotation_policy(alice(), enabled, enable_automatic_rotation=True, rotation_interval="365d")
    instances.set_deletion_protection(alice(), expired, enabled=True, description="Not before the audit is over.")
    pages = {"overview": "/", "keys": "/keys/", "default-keys": "/keys/?tab=default", "no-keys": "/keys/?q=zzz",
             "aliases": "/aliases/", "instances": "/instances/", "instance": reverse("instances:detail", args=[home.pk]),
             "expired-instance": reverse("instances:detail", args=[expired.pk]), "create-key": "/keys/new/",
             "password": "/password/", "missing": "/nothing/"}
    pages |= {f"key-{state.lower()}": reverse("keys:detail", args=[key.pk]) for state, key in keys.items()}
    pages |= {"key-service": reverse("keys:detail", args=[service.pk]), "key-1.0": reverse("keys:detail", args=[old.pk])}
    pages |= {f"form-{name}": reverse(f"keys:{name}", args=[enabled.pk])
              for name in ("disable", "describe", "schedule_deletion", "create_alias", "protection")}
    pages |= {f"key-{name}": reverse("keys:detail", args=[key.pk]) for name, key in kinds.items()}
    pages |= {"form-protection-off": reverse("keys:protection", args=[kinds["sign"].pk]),
              "form-instance-protection": reverse("instances:protection", args=[home.pk]),
              "form-instance-protection-off": reverse("instances:protection", args=[expired.pk])}
    pages |= {"form-refused": reverse("keys:schedule_deletion", args=[keys[State.PENDING_DELETION].pk]),
              "form-cancel": reverse("keys:cancel_deletion", args=[keys[State.PENDING_DELETION].pk]),
              "form-repoint": f"{reverse('aliases:repoint')}?name=alias/payments/card-vault",
              "form-delete-alias": f"{reverse('aliases:delete')}?name=alias/payments/card-vault"}
    flexible, gone = make.instance(alice, name="flexible", charge_type="POSTPAY"), make.instance(alice, name="gone", at=at)
    new = make.instance(alice, name="not-enabled", enabled=False)
    operations.refund_instance(alice(), gone)
    pages |= {"new-instance": reverse("instances:new"), "hardware-instances": "/instances/?tab=hardware",
              "external-instances": "/instances/?tab=external", "instance-new": reverse("instances:detail", args=[new.pk]),
              "instance-flexible": reverse("instances:detail", args=[flexible.pk]),
              "instance-gone": reverse("instances:detail", args=[gone.pk])}
    pages |= {f"form-instance-{name}": reverse(f"instances:{name}", args=[home.pk]) for name in
              ("rename", "upgrade", "renew", "auto_renewal", "grace_policy", "make_default", "tags", "release")}
    pages |= {"form-instance-enable": reverse("instances:enable", args=[new.pk]),
              "form-instance-release-refused": reverse("instances:release", args=[expired.pk])}
    pages |= {"audit": "/audit/", "audit-all": f"/audit/?object={enabled.pk}", "audit-empty": "/audit/?object=zzz",
              "timeline": "/timeline/", "search": "/search/?q=payments", "why": "/why/", "why-nothing": "/why/?q=zzz"}
    pages |= {f"why-{state.lower()}": f"/why/?q={key.pk}" for state, key in keys.items()}
    pages |= {"v1-keys": "/v1/keys/", "v1-key": reverse("v1:detail", args=[old.pk]), "v1-new": "/v1/keys/new/",
              "v1-moved": reverse("v1:detail", args=[enabled.pk]), "v1-delete": reverse("v1:act", args=[old.pk, "delete"]),
              "v1-closed": reverse("v1:act", args=[old.pk, "rotation"]),
              "v1-protection": reverse("v1:act", args=[old.pk, "protection"])}
    return pages | key_estate.fill(alice, keys) | migrations(alice, home)


def migrations(alice: Person, home: Instance) -> dict[str, str]:
    """The wizard at every step: chosen, tried, stopped with a refused key, done."""
    moved, dying = legacy.key(alice, alias="moved", rotation=700), legacy.key(alice, state=State.PENDING_DELETION)
    done, draft = legacy.plan(alice, home, moved, dying), legacy.plan(alice, home, legacy.key(alice, versions=3))
    legacy.run_all(alice, done)
    names = {"migration-check": ("run", draft), "migration-dry-run": ("dry_run", draft), "migration-done": ("run", done),
             "migration-roll-back": ("roll_back", done)}
    return {"migration": "/migration/", "migration-new": "/migration/new/"} | {
        name: reverse(f"migration:{view}", args=[run.pk]) for name, (view, run) in names.items()}
