"""The vectors through the API over HTTP, with the official SDK: the key is imported, then it decrypts, verifies or makes a MAC.

Specs that software instances do not make (AES-128 and AES-192) are put in place as an import would leave them. Of a key pair
whose private half is not published only the public one is there, which is all that verifying needs.
"""

from __future__ import annotations

import base64

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from darabonba.exceptions import DaraException

from base import ids
from base.clock import now
from crypto import blobs, wrapping
from crypto.engine import material_identity
from crypto.specs import SPECS, Spec
from instances import opening
from keys.models import Key, KeyMaterial, KeyVersion
from tests.doors import SDK_WARNINGS, api_server, sdk_for
from tests.importing import wrap
from tests.vectors.reading import FAMILIES, Vector, of

pytestmark = [pytest.mark.django_db(transaction=True), *SDK_WARNINGS]


@pytest.fixture(scope="module")
def host():
    with api_server() as address:
        yield address


@pytest.fixture
def client(alice, host):
    return sdk_for(alice, host)


class Keys:
    """The keys of the vectors, each made once."""

    def __init__(self, client, who, home):
        self.client, self.caller, self.home, self.rows, self.imported = client, who(), home, {}, 0
        self.wrapping = opening.wrapping_key_for(self.caller, home.account, home)

    def version(self, vector: Vector) -> KeyVersion:
        name = (vector.spec, vector.private, vector.public)
        if name not in self.rows:
            spec = SPECS[vector.spec]
            usage = "SIGN/VERIFY" if vector.signature else spec.usages[-1]
            by_call = vector.private and spec.software
            self.rows[name] = self._import(vector, spec, usage) if by_call else self._put(vector, spec, usage)
        return self.rows[name]

    def _import(self, vector: Vector, spec: Spec, usage: str) -> KeyVersion:
        """As a caller does it."""
        made = self.client.create_key(models.CreateKeyRequest(dkmsinstance_id=self.home.pk, key_spec=spec.name, key_usage=usage,
                                                              origin="EXTERNAL")).body.key_metadata
        algorithm = wrapping.ASYMMETRIC[0] if spec.asymmetric else wrapping.SYMMETRIC[0]
        given = self.client.get_parameters_for_import(models.GetParametersForImportRequest(
            key_id=made.key_id, wrapping_key_spec="RSA_2048", wrapping_algorithm=algorithm)).body
        self.client.import_key_material(models.ImportKeyMaterialRequest(
            key_id=made.key_id, import_token=given.import_token, key_material_expire_unix=0,
            encrypted_key_material=wrap(given.public_key, algorithm, vector.private)))
        self.imported += 1
        return KeyVersion.objects.get(key=made.key_id)

    def _put(self, vector: Vector, spec: Spec, usage: str) -> KeyVersion:
        at = now()
        key = Key.objects.create(id=ids.key_id(at), account=self.home.account, instance=self.home, state="Enabled",
                                 spec=spec.name, usage=usage, origin="EXTERNAL", creator=self.home.account_id, created_at=at,
                                 last_rotation_at=at)
        version = KeyVersion(id=ids.key_version_id(key.pk), key=key, is_primary=not spec.asymmetric, created_at=at)
        stored, version.public_key = b"", vector.public
        if vector.private:
            identity = material_identity(key.account_id, key.pk, version.pk)
            material = opening.engine_for(self.wrapping).import_raw(spec, identity, vector.private)
            stored, version.public_key = material.stored, material.public or None
        version.save(force_insert=True)
        KeyMaterial.objects.create(version=version, wrapping_key=self.wrapping, stored=stored)
        return version


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def agrees(client: Client, keys: Keys, vector: Vector) -> bool:
    version = keys.version(vector)
    named = {"key_id": version.key_id, "algorithm": vector.algorithm}
    if vector.family == "HMAC":
        made = client.generate_mac(models.GenerateMacRequest(message=b64(vector.given), **named)).body
        checked = client.verify_mac(models.VerifyMacRequest(message=b64(vector.given), mac=b64(vector.expected), **named)).body
        return made.mac == b64(vector.expected) and checked.value is True
    named["key_version_id"] = version.pk
    if vector.signature:
        request = models.AsymmetricVerifyRequest(digest=b64(vector.given), value=b64(vector.signature), **named)
        return client.asymmetric_verify(request).body.value is vector.valid
    try:
        if vector.algorithm:
            sealed = models.AsymmetricDecryptRequest(ciphertext_blob=b64(vector.given), **named)
            plaintext = client.asymmetric_decrypt(sealed).body.plaintext
        else:
            plaintext = client.decrypt(models.DecryptRequest(ciphertext_blob=blobs.pack(version.pk, vector.given))).body.plaintext
    except DaraException as error:
        return not vector.valid and error.code == "InvalidParameter"
    return vector.valid and plaintext == b64(vector.expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_api_agrees_with_every_vector_it_can_be_asked(family, client, alice, instance):
    keys, asked = Keys(client, alice, instance), [vector for vector in of(family) if vector.through_api]
    assert [vector for vector in asked if not agrees(client, keys, vector)] == []
    importable = {(vector.spec, vector.private) for vector in asked if vector.private and SPECS[vector.spec].software}
    assert keys.imported == len(importable)
