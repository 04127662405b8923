"""Receivers of mails and webhooks, as real as needed: they listen on a free port, speak the protocol and keep what they get."""

from __future__ import annotations

import datetime
import email
import http.server
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class HttpSink:
    """status: what it answers; a number per request, the last one for good."""

    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [200])
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@dataclass
class SmtpSink:
    """codes: what it answers to the end of a mail; a number per mail, the last one for good."""

    port: int = 0
    codes: list[int] = field(default_factory=lambda: [250])
    mails: list[Message] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


def _next(answers: list[int]) -> int:
    return answers.pop(0) if len(answers) > 1 else answers[0]


def certificate(folder: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one PEM file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    built = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
             .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
             .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256()))
    path = folder / "sink.pem"
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return path


def _server_context(pem: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@contextmanager
def _listening(handler: type[Any], server: type[socketserver.TCPServer], pem: Path | None = None) -> Iterator[int]:
    with server(("127.0.0.1", 0), handler) as listening:
        if pem:
            listening.socket = _server_context(pem).wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield listening.server_address[1]
        listening.shutdown()
        thread.join()


@contextmanager
def http_sink(pem: Path | None = None) -> Iterator[HttpSink]:
    sink = HttpSink()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = _next(sink.statuses)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"http://127.0.0.1:{sink.port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: Any) -> None:
            pass  # a client that does not trust us hangs up

    with _listening(Handler, Server, pem) as sink.port:
        yield sink


@contextmanager
def smtp_sink(pem: Path | None = None) -> Iterator[SmtpSink]:
    """With a certificate it offers STARTTLS."""
    sink = SmtpSink()

    class Handler(socketserver.StreamRequestHandler):
        def say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

        def handle(self) -> None:
            with ExitStack() as stack:
                self.talk(stack)

        def talk(self, stack: ExitStack) -> None:
            self.say("220 sink")
            while line := self.rfile.readline().decode().strip():
                verb = line.split()[0].upper()
                if verb == "EHLO":
                    self.say("250-sink" + ("\r\n250-STARTTLS" if pem else "") + "\r\n250 AUTH PLAIN")
                elif verb == "STARTTLS" and pem:
                    self.say("220 go on")
                    self.connection = _server_context(pem).wrap_socket(self.connection, server_side=True)
                    stack.enter_context(self.connection)
                    self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                elif verb == "AUTH":
                    sink.logins.append(line)
                    self.say("235 welcome")
                elif verb == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (text := self.rfile.readline()) != b".\r\n":
                        lines.append(text)
                    code = _next(sink.codes)
                    if code == 250:
                        sink.mails.append(email.message_from_bytes(b"".join(lines)))
                    self.say(f"{code} answer")
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    self.say("250 ok")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            pass

    with _listening(Handler, Server) as sink.port:
        yield sink
