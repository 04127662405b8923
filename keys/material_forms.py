"""Forms of the import page. They clean and never save; the operations decide."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from access.pages import ActionForm
from crypto import wrapping
from keys import importing

# A wrapped RSA-4096 key has some 2,700 bytes, in Base64 with line breaks some 3,700.
LARGEST = 64 * 1024


class Parameters(ActionForm):
    algorithm = forms.CharField(max_length=64, initial=wrapping.SYMMETRIC[0])


class ImportMaterial(ActionForm):
    """The wrapped material as a file (raw or Base64) or as pasted Base64. Cleans to `wrapped`, Base64, and `expires_unix`."""

    token = forms.CharField(max_length=64)
    file = forms.FileField(required=False, allow_empty_file=True)
    text = forms.CharField(max_length=LARGEST, required=False, strip=True)
    expires = forms.ChoiceField(choices=[("never", "never"), ("on", "on")])
    expires_at = forms.DateTimeField(required=False, error_messages={"invalid": _("Choose a date and a time.")})

    def __init__(self, *args: Any, spec: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        where = "file" if cleaned.get("file") is not None else "text"
        try:
            cleaned["wrapped"] = self._wrapped(cleaned.get("file"), cleaned.get("text", ""))
        except ValidationError as error:
            self.add_error(where, error)
        if cleaned.get("expires") == "on" and not cleaned.get("expires_at") and "expires_at" not in self.errors:
            self.add_error("expires_at", _("Choose a date and a time."))
        wanted = cleaned.get("expires_at") if cleaned.get("expires") == "on" else None
        cleaned["expires_unix"] = int(wanted.timestamp()) if wanted else 0
        return cleaned

    def _wrapped(self, file: UploadedFile[bytes] | None, text: str) -> str:
        if file is None and not text:
            raise ValidationError(_("Choose the wrapped file, or paste its Base64 text."))
        if file is not None and (file.size or 0) > LARGEST:
            raise ValidationError(_("The file is too large to be wrapped key material."))
        raw = _decoded(file.read() if file is not None else text.encode(), must=file is None)
        wrong = importing.why_not_wrapped(self.spec, len(raw))
        if wrong == "plain":
            raise ValidationError(_("This looks like your key material itself, not wrapped. It was not stored. Wrap it first: "
                                    "step 2."))
        if wrong:
            raise ValidationError(_("It holds %(n)s bytes. Wrapped with the key of step 1 it has %(wanted)s bytes."), params={
                "n": len(raw), "wanted": f"{importing.WRAPPED}+" if self._pair else importing.WRAPPED})
        return base64.b64encode(raw).decode("ascii")

    @property
    def _pair(self) -> bool:
        return importing.is_pair(self.spec)


def _decoded(content: bytes, *, must: bool) -> bytes:
    """Base64 with or without line breaks, or the raw bytes where it is not Base64 and need not be."""
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except (binascii.Error, ValueError):
        if must:
            raise ValidationError(_("This is not Base64.")) from None
        return content
