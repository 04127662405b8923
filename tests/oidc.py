"""A small OpenID Connect provider on a port of its own: discovery, keys, one authorization page that always says yes, and
tokens signed by RSA. What it tells about a person is set by the test."""

from __future__ import annotations

import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "kms-console", "a secret of the client"


class Provider:
    """claims: what the next token says beside issuer, audience and times; key: what signs it; told: what it was asked."""

    def __init__(self) -> None:
        self.key = self.published = rsa.generate_private_key(65537, 2048)
        self.claims: dict[str, Any] = {"sub": "1001", "preferred_username": "dora", "email": "dora@example.com"}
        self.challenge = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, **self.claims}
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": "one"})

    def answer(self, path: str, asked: dict[str, str]) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "token_endpoint": f"{self.issuer}/token",
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint_auth_methods_supported": ["client_secret_post"]}
        if path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.published.public_key()))
            return {"keys": [{**public, "kid": "one", "use": "sig", "alg": "RS256"}]}
        proof = urlsafe_b64encode(sha256(asked.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if (asked.get("client_secret"), asked.get("code"), proof) != (SECRET, "the-code", self.challenge):
            return {"error": "invalid_grant"}
        return {"access_token": "t", "token_type": "Bearer", "id_token": self.token()}

    def authorize(self, query: str) -> str:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self.challenge = asked["code_challenge"]
        return f"{asked['redirect_uri']}?{urlencode({'code': 'the-code', 'state': asked['state']})}"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(parts.query))
                    self.end_headers()
                    return
                self.reply({})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.reply({name: values[0] for name, values in parse_qs(body).items()})

            def reply(self, asked: dict[str, str]) -> None:
                body = json.dumps(provider.answer(urlsplit(self.path).path, asked)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                """Silence."""

        return Handler


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    """The provider, and an installation that names it and lets nobody in who is not connected."""
    from kmsconsole.sign_in import oidc

    made = Provider()
    settings.KMS_OIDC = oidc(issuer=made.issuer, client_id=CLIENT, client_secret=SECRET, name="Example ID", role="", account="")
    yield made
    made.server.shutdown()
    made.server.server_close()
