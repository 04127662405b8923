"""Keys in a hardware instance: made inside two tokens, used on either, and gone from both."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from alibabacloud_kms20160120 import models as sdk
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pkcs11 import Attribute, ObjectClass

from base import clock
from crypto.hsm.cluster import Cluster
from instances import hsm_opening, hsm_sweeps
from instances import hsm_operations as hsms
from instances import operations as instances
from instances.hsm_models import HsmObject, ObjectState
from instances.models import WrappingKey
from keys import operations as keys
from keys.models import Key, KeyMaterial, KeyVersion
from tests import doors, importing, make
from tests.keys.calls import TEXT, outcome

pytestmark = doors.SDK_WARNINGS
SECRET, PRIVATE = ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY


@pytest.fixture
def cluster(alice, softhsm):
    return make.hsm_cluster(alice, softhsm)


@pytest.fixture
def home(alice, cluster):
    return make.hardware_instance(alice, cluster)


def objects(cluster, name, kind=SECRET):
    """(sensitive, extractable, label) of the object on each member."""
    found = []
    for member in hsm_opening.opened(cluster).members:
        with member.session() as session, session.alone() as here:
            found += [(key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE], key[Attribute.LABEL])
                      for key in here.get_objects({Attribute.ID: name.encode(), Attribute.CLASS: kind})]
    return found


def version_of(key):
    return KeyVersion.objects.filter(key=key).latest("created_at").pk


def test_it_works(alice, cluster, home):
    key = keys.create_key(alice(), instance=home)
    assert (key.protection_level, key.storage_mechanism) == ("HSM", "HsmInternal")
    version = version_of(key)
    assert objects(cluster, version) == [(True, False, key.pk)] * 2
    blob = keys.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    assert keys.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
    assert keys.decrypt(alice(), ciphertext_blob=keys.generate_data_key(alice(), key).ciphertext_blob).plaintext
    assert outcome(lambda: keys.decrypt(alice(), ciphertext_blob=blob, encryption_context={"a": "b"})) == "InvalidParameter"
    assert HsmObject.objects.get(version_id=version).state == ObjectState.KEPT
    assert not objects(cluster, KeyMaterial.objects.get().stored.hex())


def test_a_key_pair_signs_in_the_token_and_verifies_anywhere(alice, cluster, home):
    key = keys.create_key(alice(), instance=home, spec="EC_P256")
    version, digest = version_of(key), b"d" * 32
    assert objects(cluster, version, PRIVATE) == [(True, False, key.pk)] * 2
    signed = keys.asymmetric_sign(alice(), key, key_version_id=version, algorithm="ECDSA_SHA_256",
                                  digest=base64.b64encode(digest).decode())
    public = load_pem_public_key(keys.get_public_key(alice(), key, key_version_id=version).public_key.encode())
    public.verify(base64.b64decode(signed.value), digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_a_destroyed_key_is_gone_from_every_member(alice, cluster, home):
    key = make.due_key(alice, home=home)
    version = version_of(key)
    assert len(objects(cluster, version)) == 2
    keys.destroy_key(make.operator(), key)
    assert objects(cluster, version) == []
    assert not HsmObject.objects.filter(version_id=version).exists()


def test_a_member_that_is_away_keeps_the_destruction_waiting(alice, softhsm, renewals, cluster, home):
    key = make.due_key(alice, home=home)
    version = version_of(key)
    with softhsm.without("kms-hsm-b"):
        keys.destroy_key(make.operator(), key)
        assert HsmObject.objects.get(version_id=version).state == ObjectState.DOOMED
        assert hsm_sweeps.clear_objects(clock.now()) == 0
    renewals.pause_is_over(cluster)
    assert hsm_sweeps.clear_objects(clock.now()) == 0  # put off for a minute
    assert hsm_sweeps.clear_objects(make.later(minutes=2)) == 1
    assert objects(cluster, version) == []


def test_keys_are_used_while_a_member_is_away_but_not_made(alice, softhsm, renewals, cluster, home):
    key = keys.create_key(alice(), instance=home)
    blob = keys.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    with softhsm.without("kms-hsm-a"):
        for _ in range(4):
            assert keys.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
        assert outcome(lambda: keys.create_key(alice(), instance=home)) == "ServiceUnavailableTemporary"
        assert Key.objects.filter(instance=home).count() == 1
        with softhsm.without("kms-hsm-b"):
            assert outcome(lambda: keys.decrypt(alice(), ciphertext_blob=blob)) == "ServiceUnavailableTemporary"
    renewals.pause_is_over(cluster)
    assert keys.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
    assert keys.create_key(alice(), instance=home)
    hsm_sweeps.clear_objects(make.later(minutes=2))
    assert not HsmObject.objects.exclude(state=ObjectState.KEPT).exists()


def test_a_key_that_is_missing_in_the_tokens_is_never_made_anew(alice, cluster, home):
    key = keys.create_key(alice(), instance=home)
    hsm_opening.opened(cluster).destroy(version_of(key).encode())
    assert outcome(lambda: keys.encrypt(alice(), key, plaintext=TEXT)) == "Rejected.Unavailable"
    assert objects(cluster, version_of(key)) == []


def test_the_database_of_another_instance_opens_nothing(alice, softhsm, cluster, home):
    """A row moved from key to key does not open, though the object is there."""
    one, two = (keys.create_key(alice(), instance=home) for _ in range(2))
    blob = keys.encrypt(alice(), one, plaintext=TEXT).ciphertext_blob
    stored = KeyMaterial.objects.get(version__key=two).stored
    KeyMaterial.objects.filter(version__key=one).update(stored=stored)
    assert outcome(lambda: keys.decrypt(alice(), ciphertext_blob=blob)) == "Rejected.Unavailable"


def test_keys_of_the_database_leave_nothing_in_the_tokens_and_rotate(alice, cluster, home):
    key = keys.create_key(alice(), instance=home, key_storage_mechanism="HsmEncryptedDatabase", spec="Aliyun_AES_128")
    assert objects(cluster, version_of(key)) == []
    old = keys.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    keys.create_key_version(alice(), key)
    new = keys.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    assert [keys.decrypt(alice(), ciphertext_blob=blob).plaintext for blob in (old, new)] == [TEXT, TEXT]
    assert not HsmObject.objects.filter(version_id=version_of(key)).exists()
    hsm_opening.opened(cluster).destroy(home.pk.encode())
    assert outcome(lambda: keys.decrypt(alice(), ciphertext_blob=old)) == "Rejected.Unavailable"


def test_only_keys_of_the_database_rotate(alice, home):
    inside = keys.create_key(alice(), instance=home)
    assert outcome(lambda: keys.create_key_version(alice(), inside)) == "Rejected.UnsupportedOperation"
    assert outcome(lambda: keys.create_key(alice(), instance=home, enable_automatic_rotation=True, rotation_interval="30d")
                   ) == "Rejected.UnsupportedOperation"
    rotating = keys.create_key(alice(), instance=home, enable_automatic_rotation=True, rotation_interval="30d",
                               key_storage_mechanism="HsmEncryptedDatabase")
    assert rotating.automatic_rotation


@pytest.mark.parametrize(("proposal", "code"), [
    ({"spec": "Aliyun_SM4"}, "UnsupportedOperation"), ({"spec": "HMAC_SHA_256"}, "UnsupportedOperation"),
    ({"spec": "RSA_2048", "origin": "EXTERNAL"}, "UnsupportedOperation"),
    ({"key_storage_mechanism": "Elsewhere"}, "InvalidParameter"), ({"spec": "Aliyun_AES_192"}, "ok")])
def test_what_goes_into_hardware(alice, home, proposal, code):
    assert outcome(lambda: keys.create_key(alice(), instance=home, **proposal)) == code


def test_what_goes_into_software(alice, instance):
    for refused in ({"key_storage_mechanism": "HsmInternal"}, {"spec": "Aliyun_AES_128"}):
        assert outcome(lambda refused=refused: keys.create_key(alice(), instance=instance, **refused)) == "UnsupportedOperation"


def test_a_spec_that_the_tokens_lack_is_refused(alice, cluster, home):
    cluster.specs = ["Aliyun_AES_256"]
    cluster.save()
    assert outcome(lambda: keys.create_key(alice(), instance=home, spec="EC_P256")) == "UnsupportedOperation"


@pytest.mark.parametrize("mechanism", ["HsmInternal", "HsmEncryptedDatabase"])
def test_imported_material_enters_the_tokens_and_comes_back(alice, cluster, home, mechanism):
    key = keys.create_key(alice(), instance=home, origin="EXTERNAL", key_storage_mechanism=mechanism)
    raw = importing.material_for(key.spec)

    def send():
        keys.import_key_material(alice(), key, **importing.parcel(alice(), key, raw, importing.algorithm_for(key.spec)))

    send()
    inside = HsmObject.objects.filter(version_id=version_of(key))
    assert [objects(cluster, row.name) for row in inside] == ([[(True, False, key.pk)] * 2] if mechanism == "HsmInternal" else [])
    blob = keys.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob
    send()
    assert keys.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
    former = [row.name for row in inside]
    keys.delete_key_material(alice(), key)
    assert [objects(cluster, name) for name in former] == [[]] * len(former)
    assert outcome(lambda: keys.decrypt(alice(), ciphertext_blob=blob)) == "Rejected.PendingImport"
    send()
    assert keys.decrypt(alice(), ciphertext_blob=blob).plaintext == TEXT
    assert WrappingKey.objects.get(instance=home).provider == "pkcs11"


def test_before_it_is_connected_it_takes_none_and_the_api_cannot_connect_it(alice, softhsm):
    waiting = make.hardware_instance(alice, None)
    assert outcome(lambda: keys.create_key(alice(), instance=waiting, spec="EC_P256")) == "Forbidden.DKMSInstanceStateInvalid"
    assert outcome(lambda: instances.enable_instance(alice(), waiting)) == "Rejected.UnsupportedOperation"


def test_a_cluster_serves_one_instance(alice, cluster, home):
    other = make.hardware_instance(alice, None, name="other")
    code = outcome(lambda: hsms.connect_hardware_instance(alice(), other, cluster=cluster))
    assert code == "Forbidden.DKMSInstanceStateInvalid"
    software = make.instance(alice, name="software", enabled=False)
    assert outcome(lambda: hsms.connect_hardware_instance(alice(), software, cluster=cluster)) == "UnsupportedOperation"


def test_a_released_instance_leaves_nothing_in_the_tokens_and_frees_its_cluster(alice, cluster, home):
    """Whatever releases it dooms what is in the tokens; here only what the sweep adds to that."""
    assert objects(cluster, home.pk) == [(True, False, "kms-console storage")] * 2
    instances.note_released(alice(), home)
    assert hsm_sweeps.clear_objects(clock.now()) == 1
    assert objects(cluster, home.pk) == []
    cluster.refresh_from_db()
    assert cluster.instance is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mechanism", ["HsmInternal", "HsmEncryptedDatabase"])
def test_the_official_sdk_uses_keys_in_hardware(alice, cluster, home, mechanism):
    with doors.api_server() as host:
        client = doors.sdk_for(alice, host)
        made = client.create_key(sdk.CreateKeyRequest(dkmsinstance_id=home.pk, key_storage_mechanism=mechanism)).body.key_metadata
        assert (made.protection_level, made.key_spec) == ("HSM", "Aliyun_AES_256")
        blob = client.encrypt(sdk.EncryptRequest(key_id=made.key_id, plaintext=TEXT)).body.ciphertext_blob
        assert client.decrypt(sdk.DecryptRequest(ciphertext_blob=blob)).body.plaintext == TEXT
        pair = client.create_key(sdk.CreateKeyRequest(dkmsinstance_id=home.pk, key_spec="RSA_2048", key_usage="ENCRYPT/DECRYPT",
                                                      key_storage_mechanism=mechanism)).body.key_metadata
        version = client.list_key_versions(sdk.ListKeyVersionsRequest(key_id=pair.key_id)).body.key_versions.key_version[0]
        named = {"key_id": pair.key_id, "key_version_id": version.key_version_id, "algorithm": "RSAES_OAEP_SHA_256"}
        sealed = client.asymmetric_encrypt(sdk.AsymmetricEncryptRequest(plaintext=TEXT, **named)).body.ciphertext_blob
        assert client.asymmetric_decrypt(sdk.AsymmetricDecryptRequest(ciphertext_blob=sealed, **named)).body.plaintext == TEXT


def test_a_member_that_lacks_a_key_is_found_out_and_the_key_works_on(alice, softhsm, cluster, home):
    key = keys.create_key(alice(), instance=home)
    first = hsm_opening.opened(cluster).configuration
    Cluster(dataclasses.replace(first, places=first.places[:1])).destroy(version_of(key).encode())
    assert keys.encrypt(alice(), key, plaintext=TEXT)
    failed = [(one.step, one.member, one.trouble, one.detail) for one in hsms.check_hsm_cluster(make.operator(), cluster)
              if not one.passed]
    assert failed == [("complete", "kms-hsm-a", "keys_missing", "1")]
