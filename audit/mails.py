"""One mail over SMTP. The texts come from above; here is only the way."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.utils import parseaddr

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from audit.undelivered import Undelivered

TIMEOUT_SECONDS = 10
SECURITIES = ("starttls", "tls", "none")


@dataclass(frozen=True, slots=True)
class Post:
    """host empty: no mail. security: ``starttls``, ``tls`` from the first byte, or ``none``."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: str
    recipients: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises ValueError."""
        for address in (self.sender, *self.recipients):
            if "@" not in parseaddr(address)[1] or not address.isprintable():
                raise ValueError(f"not an address: {address[:80]!r}")
        if not self.recipients:
            raise ValueError("somebody must receive mails")
        if self.security == "none" and self.user:
            raise ValueError("a password does not travel without TLS")

    def send(self, event_id: str, subject: str, text: str) -> None:
        """The Message-ID is the event's, so that a repetition is one mail for most mail programs. Raises Undelivered."""
        backend = EmailBackend(host=self.host, port=self.port, username=self.user, password=self.password,
                               use_tls=self.security == "starttls", use_ssl=self.security == "tls", timeout=TIMEOUT_SECONDS)
        domain = parseaddr(self.sender)[1].rpartition("@")[2]
        message = EmailMessage(" ".join(subject.split())[:200], text, self.sender, list(self.recipients), connection=backend,
                               headers={"Message-ID": f"<kms-event-{event_id}@{domain}>", "X-KMS-Event-Id": event_id,
                                        "Auto-Submitted": "auto-generated"})
        try:
            message.send()
        except ssl.SSLCertVerificationError:
            raise Undelivered("the mail server's certificate is not trusted", down=True) from None
        except smtplib.SMTPRecipientsRefused:
            raise Undelivered("the mail server refuses the recipients") from None
        except smtplib.SMTPResponseException as error:
            raise Undelivered(f"the mail server answered {error.smtp_code}", down=error.smtp_code < 500) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"the mail server does not answer: {type(error).__name__}", down=True) from None
