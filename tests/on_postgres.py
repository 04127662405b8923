"""``python -m tests.on_postgres <pytest arguments>``: pytest on a PostgreSQL server that is started for it and goes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.parts import end, start_postgres


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="kms-postgres-") as folder:
        server, url = start_postgres(Path(folder))
        try:
            return subprocess.run([sys.executable, "-m", "pytest", *sys.argv[1:]], env={**os.environ, "DATABASE_URL": url},
                                  check=False).returncode
        finally:
            end(server, how=signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
