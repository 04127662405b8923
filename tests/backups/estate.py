"""An instance with keys of every kind, and what programs made with them before: the backup must bring all of it back."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from access.models import Account
from backups import operations
from backups.models import Backup, Restore, RestoredKey
from backups.states import Kind
from base.caller import Caller
from crypto.algorithms import SIGNINGS, signing_for
from crypto.specs import SPECS
from instances.models import Instance
from keys import operations as keys
from keys.models import Alias, Key, KeyMaterial, KeyTag, KeyVersion
from tests import importing, make
from tests.make import Person

TEXT = base64.b64encode(b"what must open again").decode()
DIGEST = base64.b64encode(hashlib.sha256(b"signed").digest()).decode()
# Fast ones; the slow RSA keys and the rest of the table have a test of their own.
KINDS = (("Aliyun_AES_256", "ENCRYPT/DECRYPT"), ("Aliyun_SM4", "ENCRYPT/DECRYPT"), ("EC_P256", "SIGN/VERIFY"),
         ("X_ED25519", "SIGN/VERIFY"), ("HMAC_SHA_256", "GENERATE_MAC/VERIFY_MAC"), ("X_ML_KEM_768", "ENCRYPT/DECRYPT"))


@dataclass
class Made:
    """What was made with one version of a key, and how to see that it still opens."""

    key: str
    version: str
    what: str
    value: str = field(repr=False)
    algorithm: str = ""


def use(caller: Caller, key: Key) -> list[Made]:
    """Something of every version of `key`."""
    spec, made = SPECS[key.spec], []
    if spec.symmetric:
        sealed = keys.encrypt(caller, key, plaintext=TEXT, encryption_context={"a": "b"})
        return [Made(key.pk, sealed.key_version_id, "blob", sealed.ciphertext_blob)]
    for version in keys.list_key_versions(caller, key, page_size=100).items:
        if spec.family == "HMAC":
            made.append(Made(key.pk, version.pk, "mac", keys.generate_mac(caller, key, algorithm=spec.name, message=TEXT).mac))
        elif key.usage == "SIGN/VERIFY":
            name = next(name for name in SIGNINGS if signing_for(spec, name))
            signed = keys.asymmetric_sign(caller, key, key_version_id=version.pk, algorithm=name, digest=digest_for(name))
            made.append(Made(key.pk, version.pk, "signature", signed.value, name))
        else:
            name = "X_ML_KEM_AES_256_GCM" if spec.family == "ML-KEM" else "RSAES_OAEP_SHA_256"
            sealed = keys.asymmetric_encrypt(caller, key, key_version_id=version.pk, algorithm=name, plaintext=TEXT)
            made.append(Made(key.pk, version.pk, "sealed", sealed.ciphertext_blob, name))
    return made


def digest_for(algorithm: str) -> str:
    return base64.b64encode(hashlib.sha384(b"signed").digest()).decode() if "384" in algorithm else DIGEST


def opens(caller: Caller, made: Made) -> bool:
    key = Key.objects.select_related("instance").get(pk=made.key)
    if made.what == "blob":
        found = keys.decrypt(caller, ciphertext_blob=made.value, encryption_context={"a": "b"})
        return (found.plaintext, found.key_version_id) == (TEXT, made.version)
    if made.what == "mac":
        return bool(keys.verify_mac(caller, key, algorithm=key.spec, message=TEXT, mac=made.value).value)
    if made.what == "signature":
        again = keys.asymmetric_sign(caller, key, key_version_id=made.version, algorithm=made.algorithm,
                                     digest=digest_for(made.algorithm)).value
        return all(keys.asymmetric_verify(caller, key, key_version_id=made.version, algorithm=made.algorithm,
                                          digest=digest_for(made.algorithm), value=value).value for value in (made.value, again))
    return keys.asymmetric_decrypt(caller, key, key_version_id=made.version, algorithm=made.algorithm,
                                   ciphertext_blob=made.value).plaintext == TEXT


def grow(who: Person, home: Instance, kinds: tuple[tuple[str, str], ...] = KINDS) -> list[Made]:
    """A key of each kind, a rotated one, an imported one, with aliases, tags, a policy and protection; and their work."""
    caller, made = who(), []
    for spec, usage in kinds:
        key = keys.create_key(caller, instance=home, spec=spec, usage=usage, description=f"A key of {spec}.",
                              tags=(("team", "red"),))
        keys.create_alias(caller, key, alias_name=f"alias/of/{spec}")
        made += use(caller, key)
        if SPECS[spec].symmetric:
            keys.create_key_version(caller, key)
            made += use(caller, Key.objects.select_related("instance").get(pk=key.pk))
    imported = keys.create_key(caller, instance=home, origin="EXTERNAL")
    importing.bring(caller, imported)
    made += use(caller, imported)
    return made


def back_up(who: Person, home: Instance, **more: Any) -> Backup:
    return operations.run_backup(make.operator(who().at), operations.create_backup(who(), home, **more))


def restore(who: Person, backup: Backup, target: Instance, **more: Any) -> Restore:
    return operations.run_restore(make.operator(), operations.restore_backup(who(), backup, target, **more))


def lose(*instances: Instance) -> None:
    """The rows of the keys are gone, as in a database that was lost; no operation does that."""
    keys_there = Key.objects.filter(instance__in=instances)
    KeyMaterial.objects.filter(version__key__in=keys_there).delete()
    KeyVersion.objects.filter(key__in=keys_there).delete()
    Alias.objects.filter(key__in=keys_there).delete()
    KeyTag.objects.filter(key__in=keys_there).delete()
    keys_there.delete()


def picture(home: Instance, account: Account | None = None) -> list[dict[str, Any]]:
    """Everything of an instance's keys that a reader could see, without their place."""
    rows = []
    for key in Key.objects.filter(instance=home).order_by("pk"):
        columns = {field.name: getattr(key, field.attname) for field in Key._meta.concrete_fields
                   if field.name not in ("account", "instance", "arrived_at", "revision", "next_try_at")}
        columns["material_fingerprint"] = bytes(columns["material_fingerprint"] or b"")
        rows.append(columns | {
            "versions": [(one.pk, one.is_primary, bytes(one.public_key or b""), one.created_at)
                         for one in KeyVersion.objects.filter(key=key).order_by("pk")],
            "aliases": sorted(Alias.objects.filter(key=key).values_list("name", flat=True)),
            "tags": sorted(KeyTag.objects.filter(key=key).values_list("tag_key", "tag_value"))})
    return rows


def lines(made: Restore) -> dict[str, RestoredKey]:
    return {line.key_id: line for line in RestoredKey.objects.filter(restore=made)}


def reasons(made: Restore) -> dict[str, list[str]]:
    return {pk: [reason["reason"] for reason in line.reasons] for pk, line in lines(made).items()}


def on_sqlite() -> bool:
    return connection.vendor == "sqlite"


AUTOMATIC = Kind.AUTOMATIC
