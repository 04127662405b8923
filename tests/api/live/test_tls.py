"""The API over HTTPS, with the official SDK and an own CA."""

from __future__ import annotations

import datetime
import ipaddress

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.fast.conftest import serving
from tests.doors import SDK_WARNINGS

pytestmark = SDK_WARNINGS


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key) as files; it is its own CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
            .not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256()))
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return [str(file) for file in files]


def test_the_sdk_over_https(tmp_path, certificate):
    data = tmp_path / "data"
    data.mkdir()
    with serving(data, workers=1, KMS_API_TLS_CERT=certificate[0], KMS_API_TLS_KEY=certificate[1]) as server:
        client = Client(Config(access_key_id=server.access_key_id, access_key_secret=server.access_key_secret,
                               endpoint=server.host, protocol="https", region_id="cn-local", ca=certificate[0]))
        key = client.create_key(models.CreateKeyRequest()).body.key_metadata.key_id
        blob = client.encrypt(models.EncryptRequest(key_id=key, plaintext="aGVsbG8=")).body.ciphertext_blob
        assert client.decrypt(models.DecryptRequest(ciphertext_blob=blob)).body.plaintext == "aGVsbG8="
