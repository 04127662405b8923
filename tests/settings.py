"""The product's settings over a directory of their own that goes with the run. A developer's data is never touched:
KMS_DATA_DIR is set here whatever the environment says, and only DATABASE_URL (for the run on PostgreSQL) is kept."""

from __future__ import annotations

import atexit
import base64
import os
import shutil
import tempfile

_data = tempfile.mkdtemp(prefix="kms-test-")
atexit.register(shutil.rmtree, _data, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith(("KMS_", "DJANGO_SECRET", "REDIS_URL"))]:
    if _name not in ("KMS_CHROMIUM", "KMS_BENCH"):
        del os.environ[_name]
os.environ["KMS_DATA_DIR"] = _data
os.environ["KMS_ROOT_KEY"] = base64.b64encode(b"a root key that only tests have.").decode()

from kmsconsole.settings import *  # noqa: E402, F403
from kmsconsole.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, not memory: the locking of production. Nothing here must survive a power cut.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
    DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON; PRAGMA secure_delete=ON;")
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files straight from their sources: nothing is collected for a test.
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir()
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
