"""Servers of others that can be run here, each in a virtual environment of its own that the first run makes (`build/peers`).

moto's server stands for the peers that speak HTTP and keep keys: its KMS checks no signature and keeps nothing on disk. Other key
services for local use (local-kms, Vault, OpenBao) are Go programs and come with neither PyPI nor npm. LocalStack's package was
tried (localstack-core 2026.3.0): outside its container it does not start, because the package holds no index of its parts.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bench.requests import Call
from tests.live import ROOT
from tests.parts import free_port

PLACE = os.environ.get("KMS_BENCH_PEERS", str(ROOT / "build" / "peers"))  # "none" leaves them out
HOME = Path(PLACE)


@dataclass
class Moto:
    name: str = "moto"
    port: int = field(default_factory=free_port)

    @property
    def command(self) -> list[str]:
        return [str(HOME / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}

    def prepare(self) -> Call:
        """A key, and one Encrypt of 32 bytes with it; fewer requests than ours, because they take longer."""
        key = json.loads(self._ask("CreateKey", {}))["KeyMetadata"]["KeyId"]
        body = json.dumps({"KeyId": key, "Plaintext": base64.b64encode(bytes(32)).decode()}).encode()
        head = "".join(f"{name}: {value}\r\n" for name, value in self._headers("Encrypt").items())
        head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        return Call(raw=head.encode() + body, count=400)

    def _headers(self, action: str) -> dict[str, str]:
        return {"X-Amz-Target": f"TrentService.{action}", "Content-Type": "application/x-amz-json-1.1",
                "Authorization": "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/kms/aws4_request, SignedHeaders=host, "
                                 "Signature=x"}

    def _ask(self, action: str, body: dict[str, str]) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/", json.dumps(body), self._headers(action))
        answer = connection.getresponse().read()
        connection.close()
        return answer


def found() -> list[Moto]:
    if PLACE == "none":
        return []
    if not (HOME / "bin" / "moto_server").exists():
        subprocess.run([sys.executable, "-m", "venv", HOME], check=True)
        subprocess.run([HOME / "bin" / "pip", "install", "--quiet", "moto[server]"], check=True)
    return [Moto()]
