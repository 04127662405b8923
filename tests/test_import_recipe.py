"""docs/import.md tells the truth: its recipes run as pasted with the real openssl, and what they wrap is what the key holds."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.errors import ERRORS
from crypto import wrapping
from crypto.context import associated_data
from crypto.specs import SPECS
from keys import operations
from keys.models import Key
from keys.states import State
from kmsconsole.refusal_texts import TEXTS
from tests.keys.calls import TEXT
from tests.test_readme import ROOT

TEXT_OF_DOCUMENT = (ROOT / "docs/import.md").read_text(encoding="utf-8")


def block(language: str, *containing: str) -> str:
    [found] = [text for text in re.findall(rf"```{language}\n(.*?)```", TEXT_OF_DOCUMENT, re.DOTALL)
               if all(part in text for part in containing)]
    return found


RECIPES = {
    "RSAES_OAEP_SHA_256": block("sh", "rand -out KeyMaterial.bin", "rsa_oaep_md:sha256"),
    "RSAES_OAEP_SHA_1": block("sh", "rand -out KeyMaterial.bin", "rsa_oaep_md:sha1"),
    "RSAES_PKCS1_V1_5": block("sh", "rand -out KeyMaterial.bin", "rsa_padding_mode:pkcs1"),
    "RSA_2048": block("sh", "rsa_keygen_bits"), "EC_P256": block("sh", "ec_paramgen_curve"),
}


def paste(folder: Path, recipe: str) -> None:
    done = subprocess.run(["sh", "-e", "-c", recipe], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def imported(alice, key: Key, algorithm: str, folder: Path, recipe: str) -> Key:
    made = operations.get_parameters_for_import(alice(), key, wrapping_key_spec="RSA_2048", wrapping_algorithm=algorithm)
    (folder / "PublicKey_base64.txt").write_text(made.public_key)
    paste(folder, recipe)
    wrapped = (folder / "EncryptedKeyMaterial_base64.txt").read_text()
    return operations.import_key_material(alice(), key, import_token=made.import_token, encrypted_key_material=wrapped)


@pytest.mark.parametrize("algorithm", wrapping.SYMMETRIC)
def test_symmetric_material_for_the_default_key(algorithm, alice, tmp_path):
    key = operations.create_key(alice(), origin="EXTERNAL")
    assert imported(alice, key, algorithm, tmp_path, RECIPES[algorithm]).state == State.ENABLED


@pytest.mark.parametrize(("spec", "length", "algorithm"), [
    (spec.name, spec.length, algorithm) for spec in SPECS.values() if spec.software and not spec.asymmetric
    for algorithm in ("RSAES_OAEP_SHA_256", "RSAES_PKCS1_V1_5")])
def test_symmetric_material_for_keys_of_an_instance(spec, length, algorithm, alice, instance, tmp_path):
    key = operations.create_key(alice(), instance=instance, spec=spec, origin="EXTERNAL")
    recipe = RECIPES[algorithm].replace("KeyMaterial.bin 32", f"KeyMaterial.bin {length}")
    assert imported(alice, key, algorithm, tmp_path, recipe).state == State.ENABLED


def test_what_encrypts_afterwards_are_the_bytes_of_the_file(alice, instance, tmp_path):
    key = operations.create_key(alice(), instance=instance, origin="EXTERNAL")
    imported(alice, key, "RSAES_OAEP_SHA_256", tmp_path, RECIPES["RSAES_OAEP_SHA_256"])
    blob = base64.b64decode(operations.encrypt(alice(), key, plaintext=TEXT).ciphertext_blob)
    opened = AESGCM((tmp_path / "KeyMaterial.bin").read_bytes()).decrypt(blob[36:48], blob[48:], associated_data({}))
    assert opened.decode() == TEXT


@pytest.mark.parametrize(("spec", "recipe"), [
    ("RSA_2048", RECIPES["RSA_2048"]), ("RSA_3072", RECIPES["RSA_2048"].replace("bits:2048", "bits:3072")),
    ("RSA_4096", RECIPES["RSA_2048"].replace("bits:2048", "bits:4096")), ("EC_P256", RECIPES["EC_P256"]),
    ("EC_P256K", RECIPES["EC_P256"].replace("P-256", "secp256k1")), ("X_EC_P384", RECIPES["EC_P256"].replace("P-256", "P-384")),
    ("X_ED25519", re.sub("genpkey .* -out", "genpkey -algorithm ED25519 -out", RECIPES["EC_P256"]))])
def test_key_pairs(spec, recipe, alice, instance, tmp_path):
    """The public key the service gives out is the one openssl derives from the file."""
    key = operations.create_key(alice(), instance=instance, spec=spec, origin="EXTERNAL")
    assert imported(alice, key, "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD", tmp_path, recipe).state == State.ENABLED
    [version] = operations.list_key_versions(alice(), key).items
    paste(tmp_path, "openssl pkey -in target.pem -pubout -out public.pem")
    given = operations.get_public_key(alice(), key, key_version_id=version.pk).public_key
    assert given.split() == (tmp_path / "public.pem").read_text().split()


def test_openssl_verifies_what_an_imported_pair_signs(alice, instance, tmp_path):
    key = operations.create_key(alice(), instance=instance, spec="EC_P256", origin="EXTERNAL")
    imported(alice, key, "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD", tmp_path, RECIPES["EC_P256"])
    (tmp_path / "message").write_bytes(b"hello")
    paste(tmp_path, "openssl dgst -sha256 -binary -out digest message; openssl pkey -in target.pem -pubout -out public.pem")
    digest = base64.b64encode((tmp_path / "digest").read_bytes()).decode()
    [version] = operations.list_key_versions(alice(), key).items
    signed = operations.asymmetric_sign(alice(), key, key_version_id=version.pk, algorithm="ECDSA_SHA_256", digest=digest)
    (tmp_path / "signature").write_bytes(base64.b64decode(signed.value))
    paste(tmp_path, "openssl dgst -sha256 -verify public.pem -signature signature message")


@pytest.mark.parametrize(("spec", "algorithm", "recipe"), [
    ("Aliyun_AES_256", "RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_256"),
    ("EC_P256", "RSAES_OAEP_SHA_256_AES_256_ECB_PKCS7_PAD", "EC_P256")])
def test_the_whole_document_works_as_pasted(spec, algorithm, recipe, live_api, tmp_path):
    pair = live_api.manage("create_access_key", "--user", "admin", "--json")
    env = {"KMS_PAIR": pair, "KMS_ENDPOINT": live_api.host, "KEY_SPEC": spec, "ALGORITHM": algorithm, "PATH": os.environ["PATH"]}

    def python(script: str) -> str:
        done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60,
                              check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert python(block("python", "get_parameters_for_import")) == "PendingImport"
    paste(tmp_path, RECIPES[recipe])
    assert python(block("python", "import_key_material")) == "Enabled"


def test_the_tables_name_what_there_is():
    reasons = TEXT_OF_DOCUMENT.partition("When an import is refused")[2]
    told = re.findall(r"^\| `([\w.]+)` \| `?(\w*)`? *\|", reasons, re.MULTILINE)
    assert len(told) == 7
    assert all(code in ERRORS and (reason or code) in TEXTS for code, reason in told)
    assert {name for name, spec in SPECS.items() if spec.software and not name.startswith("X_ML")} \
        <= set(re.findall(r"`(\w+)`", TEXT_OF_DOCUMENT))
    for algorithm in (*wrapping.SYMMETRIC, *wrapping.ASYMMETRIC):
        assert f"`{algorithm}`" in TEXT_OF_DOCUMENT
