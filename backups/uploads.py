"""Files that come from outside: onto the disk as they arrive, within bounds, without a name, gone with the process."""

from __future__ import annotations

import tempfile
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from backups import files

MEGABYTE = 1024 * 1024
# The form around the file.
ENVELOPE = 64 * 1024


def limit() -> int:
    return int(settings.KMS_BACKUP_UPLOAD_MB) * MEGABYTE


def too_large(request: HttpRequest) -> bool:
    """Known before a byte of the body is read: servers read no more than Content-Length says."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return not length.isdecimal() or int(length) > limit() + ENVELOPE


class ToDisk(FileUploadHandler):
    """The one upload handler of the page; the framework's own keeps small files in memory and large ones under a name."""

    def new_file(self, *args: Any, **more: Any) -> None:
        super().new_file(*args, **more)
        self.file = tempfile.TemporaryFile(dir=files.directory())  # noqa: SIM115 - lives as long as the request
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.received += len(raw_data)
        if self.received > limit():
            raise StopUpload(connection_reset=True)
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[Any]:
        self.file.seek(0)
        return UploadedFile(cast("Any", self.file), self.file_name, self.content_type, file_size, self.charset)


def content_of(upload: UploadedFile[Any]) -> BinaryIO:
    return cast("BinaryIO", upload.file)
