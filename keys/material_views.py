"""The import of a user's own material: wrapping key, recipe, upload and expiry on one page that can be left and come back to.

Nothing is kept between the steps but the token's row: the page goes on with the newest valid one, and each form carries the
one it was made for, so that two open tabs do not mix.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.pages import ActionForm, caller_of, done, page, posted
from audit import recording
from base.refusal import Refused
from crypto import wrapping
from crypto.specs import SPECS
from keys import forms, gate, importing, key_pages, material_forms, operations, recipes, showing, tokens
from keys.key_pages import key_or_404, key_read, key_url
from keys.models import ImportToken, Key, KeyVersion
from keys.states import State

FILES = {"PublicKey_base64.txt": "public_key", "ImportToken.txt": "text"}


@dataclass(frozen=True, slots=True)
class Download:
    """A wrapping key with its token, as step 1 gave them out. public_key, text: Base64."""

    token: ImportToken
    public_key: str
    text: str

    @classmethod
    def of(cls, token: ImportToken) -> Download:
        return cls(token, base64.b64encode(tokens.public_key(token)).decode("ascii"), tokens.text_of(token))


@dataclass(frozen=True, slots=True)
class Bound:
    """The material a key is bound to for good. mark: a short form of its fingerprint; digest: SHA-256 of the public key of a
    pair, which its owner can compute as well, empty for other material; held: whether it is here now."""

    mark: str
    since: Any
    digest: str
    held: bool


def bound(key: Key, state: State) -> Bound | None:
    if key.material_fingerprint is None:
        return None
    version = KeyVersion.objects.filter(key=key).first()
    mark = bytes(key.material_fingerprint).hex()[:32].upper()
    public = bytes(version.public_key) if version and version.public_key else b""
    return Bound(" ".join(mark[at:at + 4] for at in range(0, len(mark), 4)), version.created_at if version else None,
                 hashlib.sha256(public).hexdigest() if public else "", state is not State.PENDING_IMPORT)


@require_http_methods(["GET", "HEAD", "POST"])
def material(request: HttpRequest, key_id: str) -> HttpResponse:
    """The steps; a POST is the last one, the import."""
    caller, key = caller_of(request), key_read(request, key_id, "ImportKeyMaterial")
    form = None
    if key.spec in SPECS:
        form = material_forms.ImportMaterial(posted(request), request.FILES or None, spec=key.spec)
        if form.is_valid():
            known = key.material_fingerprint is not None
            token = ImportToken.objects.filter(pk=form.cleaned_data["token"], key=key).first()
            with form.catching(caller, "ImportKeyMaterial"):
                operations.import_key_material(
                    caller, key, encrypted_key_material=form.cleaned_data["wrapped"], revision=form.cleaned_data["revision"],
                    import_token=tokens.text_of(token) if token else "",
                    key_material_expire_unix=form.cleaned_data["expires_unix"])
                return done(request, key_url(key, "material"), _imported(known, State(key.state)))
    return _show(request, key, form)


def _imported(known: bool, state: State) -> str:
    if state is State.DISABLED:
        return _("Material imported. The key stays disabled.")
    return (_("The same material as before is back. Old ciphertext opens again.") if known
            else _("Material imported. The key is enabled."))


def _show(request: HttpRequest, key: Key, form: material_forms.ImportMaterial | None,
          asked: material_forms.Parameters | None = None) -> HttpResponse:
    caller = caller_of(request)
    state = key.state_at(caller.at)
    fitting = importing.fitting(key.spec, in_instance=key.instance_id is not None) if key.spec in SPECS else []
    why_not = gate.reasons("ImportKeyMaterial", caller, key)
    token = tokens.newest(key, caller.at) if not why_not else None
    download = Download.of(token) if token else None
    return key_pages.show(
        request, "keys/material.html", "material", key, form=form, asked=asked, why_not=why_not, download=download,
        fitting=fitting, spec=SPECS.get(key.spec), pair=bool(fitting) and importing.is_pair(key.spec),
        recipe=recipes.recipe(key.spec, token.algorithm) if token else "", bound=bound(key, state), files=tuple(FILES),
        why_not_delete=gate.reasons("DeleteKeyMaterial", caller, key),
        status=max(one.status for one in (asked, form, ActionForm()) if one is not None))


@require_POST
def parameters(request: HttpRequest, key_id: str) -> HttpResponse:
    """Step 1: a fresh wrapping key. Earlier ones go on until they expire."""
    caller, key = caller_of(request), key_or_404(request, key_id, "GetParametersForImport")
    asked = material_forms.Parameters(request.POST)
    if asked.is_valid():
        with asked.catching(caller, "GetParametersForImport"):
            operations.get_parameters_for_import(caller, key, wrapping_key_spec=wrapping.WRAPPING_SPEC,
                                                 wrapping_algorithm=asked.cleaned_data["algorithm"])
            return done(request, key_url(key, "material"), _("A new wrapping key is ready. It is valid for 24 hours."))
    form = material_forms.ImportMaterial(None, spec=key.spec) if key.spec in SPECS else None
    return _show(request, key, form, asked)


@require_safe
def token_left(request: HttpRequest, key_id: str) -> HttpResponse:
    """How long the newest token is valid; the page asks every minute. Nothing here that the page did not show already."""
    caller, key = caller_of(request), key_or_404(request, key_id, "GetParametersForImport")
    if against := gate.reasons("GetParametersForImport", caller, key):
        raise Refused(*against)
    return page(request, "keys/token_left.html", key=key, token=tokens.newest(key, caller.at))


@require_safe
def download(request: HttpRequest, key_id: str, token_id: str, name: str) -> HttpResponse:
    """One of the two files of step 1, once more. That is another answer of GetParametersForImport, and an event."""
    caller, key = caller_of(request), key_or_404(request, key_id, "GetParametersForImport")
    token = ImportToken.objects.filter(pk=token_id, key=key, expires_at__gt=caller.at).first()
    if name not in FILES or token is None:
        raise Http404
    if against := gate.reasons("GetParametersForImport", caller, key):
        refused = Refused(*against)
        recording.refusal(caller, "GetParametersForImport", key, refused)
        raise refused
    recording.record(caller, "GetParametersForImport", key, algorithm=token.algorithm, token=token.pk, file=name)
    return HttpResponse(getattr(Download.of(token), FILES[name]), content_type="text/plain",
                        headers={"Content-Disposition": f'attachment; filename="{name}"'})


@require_http_methods(["GET", "HEAD", "POST"])
def delete_material(request: HttpRequest, key_id: str) -> HttpResponse:
    caller, key = caller_of(request), key_or_404(request, key_id, "DeleteKeyMaterial")
    form = forms.TypedId(posted(request), key_id=key.pk)
    if form.is_valid():
        with form.catching(caller, "DeleteKeyMaterial"):
            operations.delete_key_material(caller, key, revision=form.cleaned_data["revision"])
            return done(request, key_url(key, "material"),
                        _("The material is deleted. The key stays, and waits for the same one."))
    return page(request, "keys/delete_material.html", status=form.status, fragments=("modal",), key=key, form=form,
                state=key.state_at(caller.at), back=key_url(key, "material"), bound=bound(key, key.state_at(caller.at)),
                name=showing.name_of(key, key_pages.alias_names(key)),
                why_not=gate.reasons("DeleteKeyMaterial", caller, key))
