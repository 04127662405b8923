"""Key pairs, MACs, ReEncrypt and exported data keys through both official SDKs, against a server process."""

from __future__ import annotations

import base64
import hashlib
from importlib import import_module

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from aliyunsdkcore.acs_exception.exceptions import ServerException
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.api.live.clients import SDK_WARNINGS, OldSdk, call, sdk

pytestmark = SDK_WARNINGS
HELLO = base64.b64encode(b"hello").decode()
DIGEST = base64.b64encode(hashlib.sha256(b"a message").digest()).decode()
OAEP = "RSAES_OAEP_SHA_256"
SCHEME = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
ENCRYPT = {"key_usage": "ENCRYPT/DECRYPT"}


def refused(function, *args) -> ClientException:
    with pytest.raises(ClientException) as caught:
        function(*args)
    return caught.value


@pytest.fixture(scope="module")
def client(live_api):
    return sdk(live_api)


@pytest.fixture(scope="module")
def make_key(client, live_api):
    def build(spec: str = "", **more: str) -> tuple[str, str]:
        """(key id, version id)"""
        asked = models.CreateKeyRequest(dkmsinstance_id=live_api.instance, key_spec=spec or None, **more)
        key_id = client.create_key(asked).body.key_metadata.key_id
        listed = client.list_key_versions(models.ListKeyVersionsRequest(key_id=key_id)).body.key_versions.key_version
        return key_id, listed[0].key_version_id
    return build


@pytest.fixture(scope="module")
def pair(make_key):
    return make_key("RSA_2048", **ENCRYPT)


@pytest.fixture(scope="module")
def receiver():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def export(receiver):
    der = receiver.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {"public_key_blob": base64.b64encode(der).decode(), "wrapping_algorithm": OAEP, "wrapping_key_spec": "RSA_2048"}


def ids(body):
    return body.key_id, body.key_version_id


def test_encrypt_and_decrypt(client, pair):
    named = {"key_id": pair[0], "key_version_id": pair[1], "algorithm": OAEP}
    sealed = client.asymmetric_encrypt(models.AsymmetricEncryptRequest(plaintext=HELLO, **named)).body
    opened = client.asymmetric_decrypt(models.AsymmetricDecryptRequest(ciphertext_blob=sealed.ciphertext_blob, **named)).body
    assert (opened.plaintext, ids(opened), ids(sealed)) == (HELLO, pair, pair)
    error = refused(client.asymmetric_decrypt, models.AsymmetricDecryptRequest(ciphertext_blob=HELLO, **named))
    assert (error.code, error.status_code) == ("InvalidParameter", 400)
    assert error.data["Message"] == "The specified parameter is not valid."


@pytest.mark.parametrize(("spec", "algorithm"), [("EC_P256", "ECDSA_SHA_256"), ("EC_P256K", "ECDSA_SHA_256"),
                                                 ("RSA_2048", "RSA_PSS_SHA_256"), ("RSA_2048", "RSA_PKCS1_SHA_256")])
def test_sign_and_verify(client, make_key, spec, algorithm):
    key_id, version = make_key(spec)
    named = {"key_id": key_id, "key_version_id": version, "algorithm": algorithm}
    made = client.asymmetric_sign(models.AsymmetricSignRequest(digest=DIGEST, **named)).body
    assert ids(made) == (key_id, version)
    for digest, valid in ((DIGEST, True), (base64.b64encode(bytes(32)).decode(), False)):
        checked = client.asymmetric_verify(models.AsymmetricVerifyRequest(digest=digest, value=made.value, **named)).body
        assert (checked.value, ids(checked)) == (valid, (key_id, version))


def test_what_does_not_fit_is_refused_in_the_vendors_words(client, pair, make_key):
    key_id, version = make_key("EC_P256")

    def sign(**more):
        named = {"key_id": key_id, "key_version_id": version, "algorithm": "ECDSA_SHA_256", "digest": DIGEST, **more}
        return refused(client.asymmetric_sign, models.AsymmetricSignRequest(**named))

    def told(error):
        return error.code, error.status_code, error.data["Message"]

    assert told(sign(algorithm="RSA_PSS_SHA_256")) == ("Rejected.UnsupportedOperation", 400, "Unsupported operation.")
    assert told(sign(algorithm="SHA256")) == ("InvalidParameter", 400, 'The specified parameter "Algorithm" is not valid.')
    assert told(sign(digest=HELLO)) == ("InvalidParameter", 400, 'The specified parameter "Digest" is not valid.')
    assert told(sign(algorithm="SM2DSA"))[:2] == ("UnsupportedOperation", 400)
    assert told(sign(key_version_id=pair[1])) == ("Forbidden.KeyVersionNotFound", 404, "The specified Key version is not found.")
    assert told(sign(key_id=pair[0]))[:2] == ("Rejected.UnsupportedOperation", 400)
    assert sign(dry_run="true").code == "DryRunOperationError"
    assert sign(dry_run="true", digest=HELLO).code == "ValidationError"
    missing = refused(client.asymmetric_sign, models.AsymmetricSignRequest(key_id=key_id, algorithm="ECDSA_SHA_256",
                                                                           digest=DIGEST))
    assert (missing.code, missing.data["Refusals"][0]["Facts"]["name"]) == ("MissingParameter", "KeyVersionId")


def test_the_public_key(client, pair):
    shown = client.get_public_key(models.GetPublicKeyRequest(key_id=pair[0], key_version_id=pair[1])).body
    public = serialization.load_pem_public_key(shown.public_key.encode())
    assert (public.key_size, ids(shown), shown.public_key.count("\n")) == (2048, pair, 9)
    sealed = base64.b64encode(public.encrypt(b"hello", SCHEME)).decode()
    opened = client.asymmetric_decrypt(models.AsymmetricDecryptRequest(
        key_id=pair[0], key_version_id=pair[1], algorithm=OAEP, ciphertext_blob=sealed)).body
    assert opened.plaintext == HELLO


@pytest.mark.parametrize("algorithm", ["HMAC_SM3", "HMAC_SHA_224", "HMAC_SHA_256", "HMAC_SHA_384", "HMAC_SHA_512"])
def test_macs(client, make_key, algorithm):
    key_id, _ = make_key(algorithm)
    named = {"key_id": key_id, "algorithm": algorithm, "message": HELLO}
    made = client.generate_mac(models.GenerateMacRequest(**named)).body
    assert (made.key_id, made.algorithm) == (key_id, algorithm)
    for mac, valid in ((made.mac, True), (HELLO, False)):
        checked = client.verify_mac(models.VerifyMacRequest(mac=mac, **named)).body
        assert (checked.value, checked.key_id, checked.algorithm) == (valid, key_id, algorithm)
    assert refused(client.generate_mac, models.GenerateMacRequest(dry_run="true", **named)).code == "DryRunOperationError"


def test_re_encrypt(client, make_key, pair):
    (one, version), (two, _) = make_key(), make_key()
    blob = client.encrypt(models.EncryptRequest(key_id=one, plaintext=HELLO, encryption_context={"a": "b"})).body.ciphertext_blob
    moved = client.re_encrypt(models.ReEncryptRequest(
        ciphertext_blob=blob, source_encryption_context={"a": "b"}, destination_key_id=two,
        destination_encryption_context={"c": "d"})).body
    assert ids(moved) == (one, version)
    opened = client.decrypt(models.DecryptRequest(ciphertext_blob=moved.ciphertext_blob, encryption_context={"c": "d"})).body
    assert (opened.plaintext, opened.key_id) == (HELLO, two)
    sealed = client.asymmetric_encrypt(models.AsymmetricEncryptRequest(
        key_id=pair[0], key_version_id=pair[1], algorithm=OAEP, plaintext=HELLO)).body.ciphertext_blob
    named = {"ciphertext_blob": sealed, "destination_key_id": two, "source_key_id": pair[0], "source_key_version_id": pair[1]}
    moved = client.re_encrypt(models.ReEncryptRequest(source_encryption_algorithm=OAEP, **named)).body
    assert ids(moved) == pair
    assert client.decrypt(models.DecryptRequest(ciphertext_blob=moved.ciphertext_blob)).body.plaintext == HELLO
    assert refused(client.re_encrypt, models.ReEncryptRequest(**named)).code == "MissingParameter"


def test_a_re_encrypt_that_names_no_key_of_the_caller(client, make_key, live_api):
    (one, _), stranger = make_key(), sdk(live_api, live_api.other)
    blob = client.encrypt(models.EncryptRequest(key_id=one, plaintext=HELLO)).body.ciphertext_blob
    home = stranger.get_default_kms_instance().body.default_kms_instance_id
    theirs = stranger.create_key(models.CreateKeyRequest(dkmsinstance_id=home)).body.key_metadata.key_id
    for who, key_id in ((stranger, theirs), (stranger, one), (client, "key-none"), (client, theirs)):
        error = refused(who.re_encrypt, models.ReEncryptRequest(ciphertext_blob=blob, destination_key_id=key_id))
        assert (error.code, error.status_code) == ("Forbidden.KeyNotFound", 404)


def test_data_keys_for_somebody_else(client, make_key, receiver, export):
    key_id, version = make_key()
    made = client.generate_and_export_data_key(models.GenerateAndExportDataKeyRequest(
        key_id=key_id, key_spec="AES_128", encryption_context={"a": "b"}, **export)).body
    plain = receiver.decrypt(base64.b64decode(made.exported_data_key), SCHEME)
    assert (len(plain), ids(made)) == (16, (key_id, version))
    again = client.export_data_key(models.ExportDataKeyRequest(ciphertext_blob=made.ciphertext_blob,
                                                               encryption_context={"a": "b"}, **export)).body
    assert (receiver.decrypt(base64.b64decode(again.exported_data_key), SCHEME), ids(again)) == (plain, (key_id, version))
    error = refused(client.export_data_key, models.ExportDataKeyRequest(
        ciphertext_blob=made.ciphertext_blob, **export | {"public_key_blob": HELLO}))
    assert error.data["Message"] == 'The specified parameter "PublicKeyBlob" is not valid.'


def test_no_secret_is_in_the_log(client, make_key, live_api):
    key_id, _ = make_key("HMAC_SHA_256")
    mac = client.generate_mac(models.GenerateMacRequest(key_id=key_id, algorithm="HMAC_SHA_256", message=HELLO)).body.mac
    assert mac not in live_api.log_text()
    assert HELLO not in live_api.log_text()


def test_recipients_are_refused(live_api, pair):
    reply = call(live_api, "AsymmetricDecrypt", {"KeyId": pair[0], "KeyVersionId": pair[1], "Algorithm": OAEP,
                                                 "CiphertextBlob": HELLO, "Recipient": "x"})
    assert (reply.status, reply.code) == (400, "UnsupportedOperation")


def old_request(name):
    return getattr(import_module(f"aliyunsdkkms.request.v20160120.{name}Request"), f"{name}Request")()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_old_sdk(live_api, make_key, pair, receiver, export, method):
    """It is older than the MACs; everything else of this family it knows."""
    old = OldSdk(live_api)

    def perform(name, **parameters):
        return old.call(old_request(name), method=method, **parameters)

    named = {"KeyId": pair[0], "KeyVersionId": pair[1], "Algorithm": OAEP}
    sealed = perform("AsymmetricEncrypt", Plaintext=HELLO, **named)["CiphertextBlob"]
    assert perform("AsymmetricDecrypt", CiphertextBlob=sealed, **named)["Plaintext"] == HELLO
    assert perform("GetPublicKey", KeyId=pair[0], KeyVersionId=pair[1])["PublicKey"].startswith("-----BEGIN PUBLIC KEY-----")
    key_id, version = make_key("EC_P256")
    signing = {"KeyId": key_id, "KeyVersionId": version, "Algorithm": "ECDSA_SHA_256", "Digest": DIGEST}
    assert perform("AsymmetricVerify", Value=perform("AsymmetricSign", **signing)["Value"], **signing)["Value"] is True
    symmetric, _ = make_key()
    moved = perform("ReEncrypt", CiphertextBlob=sealed, DestinationKeyId=symmetric, SourceKeyId=pair[0],
                    SourceKeyVersionId=pair[1], SourceEncryptionAlgorithm=OAEP, DestinationEncryptionContext='{"a": "b"}')
    wrapping = {"PublicKeyBlob": export["public_key_blob"], "WrappingAlgorithm": OAEP, "WrappingKeySpec": "RSA_2048"}
    shown = perform("ExportDataKey", CiphertextBlob=moved["CiphertextBlob"], EncryptionContext='{"a": "b"}', **wrapping)
    assert receiver.decrypt(base64.b64decode(shown["ExportedDataKey"]), SCHEME) == b"hello"
    made = perform("GenerateAndExportDataKey", KeyId=symmetric, NumberOfBytes=20, **wrapping)
    assert len(receiver.decrypt(base64.b64decode(made["ExportedDataKey"]), SCHEME)) == 20
    with pytest.raises(ServerException) as caught:
        perform("AsymmetricSign", **{**signing, "KeyVersionId": "nonsense"})
    assert (caught.value.get_error_code(), caught.value.get_http_status()) == ("Forbidden.KeyVersionNotFound", 404)
