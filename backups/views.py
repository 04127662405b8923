"""Pages of backups: the list, one backup, making, uploading, downloading and deleting one. Restoring: `restore_views`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from access import pages
from access.models import Account
from access.pages import caller_of, done, found_or_404, page, posted
from access.rules import why_not_permitted
from audit import recording
from backups import forms, lookup, operations, proofs, rules, uploads
from backups.models import Backup, Download, Drill
from backups.operations import moving
from backups.states import State
from base.caller import Caller
from base.refusal import Refusal, Refused
from instances import lookup as instance_lookup
from instances.models import Instance
from keys.key_pages import key_or_404

FEW_DRILLS, AT_ONCE, TOO_LARGE = 8, 2000, 413


def backup_or_404(request: HttpRequest, backup_id: str, action: str) -> Backup:
    """Whoever asks for a backup that is not there is noted; showing the page of `action` is no try of it."""
    return found_or_404(request, lambda caller: lookup.backup_for(caller, backup_id), action, "DescribeBackup")


def _instances(caller: Caller) -> list[Instance]:
    return list(Instance.objects.of(caller.account).filter(released_at=None))


@require_safe
def backup_list(request: HttpRequest) -> HttpResponse:
    caller, homes = caller_of(request), _instances(caller_of(request))
    home = next((one for one in homes if one.pk == request.GET.get("instance", "")), None)
    found = operations.list_backups(caller, instance=home, page_number=pages.whole_number(request.GET.get("page", ""), 1),
                                    page_size=pages.page_size(request))
    drills: dict[str, Drill] = {}
    for drill in Drill.objects.filter(backup__in=found.items).order_by("at"):
        drills[drill.backup_id] = drill
    return page(request, "backups/list.html", fragments=("list",), found=found, home=home, instances=homes,
                rows=[(row, drills.get(row.pk)) for row in found.items], busy=any(_busy(row) for row in found.items),
                why_not_create=why_not_permitted(caller, "CreateBackup"),
                why_not_upload=why_not_permitted(caller, "UploadBackup"))


def _busy(backup: Backup) -> bool:
    return backup.state in (State.WAITING, State.RUNNING)


@require_safe
def detail(request: HttpRequest, backup_id: str) -> HttpResponse:
    """Large backups show their keys when they are asked for: looking for one reads the whole file."""
    caller, backup = caller_of(request), backup_or_404(request, backup_id, "DescribeBackup")
    operations.describe_backup(caller, backup)
    text, found = request.GET.get("q", "")[:300], None
    refusals: tuple[Refusal, ...] = ()
    if backup.usable and (text or backup.key_count <= AT_ONCE or "keys" in request.GET):
        try:
            number, size = pages.whole_number(request.GET.get("page", ""), 1), pages.page_size(request)
            found = operations.keys_page(backup, text, number, size)
        except Refused as refused:
            refusals = refused.refusals
    blocked = {action: _why_not(caller, backup, action)
               for action in ("RestoreBackup", "DownloadBackup", "DrillBackup", "DeleteBackup")}
    return page(request, "backups/detail.html", fragments=("backup", "keys"), backup=backup, found=found, text=text,
                refusals=refusals, drills=Drill.objects.filter(backup=backup)[:FEW_DRILLS], blocked=blocked, busy=_busy(backup))


def _why_not(caller: Caller, backup: Backup, action: str) -> tuple[Refusal, ...]:
    facts = lookup.facts(caller, backup, action)
    why_not = {"DeleteBackup": rules.why_not_delete, "DrillBackup": rules.why_not_drill}.get(action, rules.why_not_use)
    return why_not(facts)


@require_safe
def of_instance(request: HttpRequest, instance_id: str) -> HttpResponse:
    """The card on the page of an instance; opened as a page, the list of its backups does the same work."""
    caller = caller_of(request)
    instance = found_or_404(request, lambda caller: instance_lookup.instance_for(caller, instance_id), "ListBackups")
    if not request.htmx:  # type: ignore[attr-defined]
        return done(request, f"{reverse('backups:list')}?instance={instance.pk}")
    operations.list_backups(caller, instance=instance, page_size=1)
    standing = proofs.standing_of(instance, caller.at)
    why_not = rules.why_not_create(instance_lookup.facts(caller, instance, "CreateBackup"))
    return page(request, "backups/card.html", instance=instance, standing=standing, why_not=why_not)


@require_safe
def of_key(request: HttpRequest, key_id: str) -> HttpResponse:
    """A line of the evidence before a deletion: which backups would still hold the key."""
    caller, key = caller_of(request), key_or_404(request, key_id, "DescribeKey")
    if why_not := why_not_permitted(caller, "ListBackups"):
        return page(request, "backups/of_key.html", fragments=("held",), key=key, why_not=why_not)
    held = proofs.holding(key)
    newest = held.first()
    return page(request, "backups/of_key.html", fragments=("held",), key=key, count=held.count(), newest=newest,
                drill=proofs.newest_drill(newest) if newest else None)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    form = forms.New(posted(request), initial={"instance": request.GET.get("instance", "")})
    if form.is_valid():
        with form.catching(caller, "CreateBackup"):
            home = instance_lookup.instance_for(caller, form.cleaned_data["instance"])
            backup = operations.create_backup(caller, home)
            return done(request, reverse("backups:detail", args=[backup.pk]), _("Backup started. You can leave this page."))
    choices = [{"instance": home, "reasons": rules.why_not_create(instance_lookup.facts(caller, home))}
               for home in _instances(caller)]
    return page(request, "backups/new.html", status=form.status, fragments=("modal",), form=form, choices=choices,
                chosen=form["instance"].value(), why_not=why_not_permitted(caller, "CreateBackup"), back=reverse("backups:list"))


@require_http_methods(["GET", "HEAD", "POST"])
def drill(request: HttpRequest, backup_id: str) -> HttpResponse:
    return _act(request, backup_id, "DrillBackup", "backups/drill.html", lambda caller, backup: (
        operations.drill_backup(caller, backup), _("The test has started."))[1])


@require_http_methods(["GET", "HEAD", "POST"])
def delete(request: HttpRequest, backup_id: str) -> HttpResponse:
    return _act(request, backup_id, "DeleteBackup", "backups/delete.html", lambda caller, backup: (
        operations.delete_backup(caller, backup), _("The backup is destroyed."))[1])


def _act(request: HttpRequest, backup_id: str, action: str, template: str, work: Any) -> HttpResponse:
    caller, backup = caller_of(request), backup_or_404(request, backup_id, action)
    form, back = forms.Change(posted(request)), reverse("backups:detail", args=[backup.pk])
    if form.is_valid():
        with form.catching(caller, action):
            return done(request, back, work(caller, backup))
    return page(request, template, status=form.status, fragments=("modal",), form=form, backup=backup, back=back,
                why_not=_why_not(caller, backup, action))


@require_http_methods(["GET", "HEAD", "POST"])
def download(request: HttpRequest, backup_id: str) -> HttpResponse:
    """The answer to the POST shows the key, this once: it stands in no address and nowhere else."""
    caller, backup = caller_of(request), backup_or_404(request, backup_id, "DownloadBackup")
    form, made = forms.Change(posted(request)), None
    if form.is_valid():
        with form.catching(caller, "DownloadBackup"):
            made = operations.download_backup(caller, backup)
    return page(request, "backups/download.html", status=form.status, form=form, backup=backup, made=made,
                back=reverse("backups:detail", args=[backup.pk]), why_not=_why_not(caller, backup, "DownloadBackup"))


@require_safe
def download_file(request: HttpRequest, download_id: str) -> StreamingHttpResponse:
    """Useless without the key; still only for the account it was made for, and for an hour."""
    caller = caller_of(request)
    found = (Download.objects.select_related("backup")
             .filter(pk=download_id, backup__account_id=caller.account, expires_at__gt=caller.at).first())
    if found is None or why_not_permitted(caller, "DownloadBackup", found.backup.arn) or not found.backup.usable:
        raise Http404
    name = f"{found.backup.source}-{found.backup.began_at:%Y%m%d-%H%M}.kmsbackup"
    return StreamingHttpResponse(moving.blocks(found), content_type="application/octet-stream", headers={
        "Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(moving.size_of(found)),
        "X-Content-Type-Options": "nosniff"})


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The file goes to the disk by a handler of ours, which must be there before the token is read from the body; what is too
    large is refused before any of it is read, token included."""
    if uploads.too_large(request):
        refusal = Refusal("InvalidParameter", {"name": "File", "limit": settings.KMS_BACKUP_UPLOAD_MB}, reason="backup_too_large",
                          who="operator")
        recording.refusal(caller_of(request), "UploadBackup", None, Refused(refusal))
        return _upload_page(request, forms.Upload(), (refusal,), TOO_LARGE)
    request.upload_handlers = [uploads.ToDisk(request)]
    return _upload(request)


@csrf_protect
def _upload(request: HttpRequest) -> HttpResponse:
    caller = caller_of(request)
    form = forms.Upload(posted(request), request.FILES if request.method == "POST" else None)
    if form.is_valid():
        with form.catching(caller, "UploadBackup"):
            backup = operations.upload_backup(
                caller, Account.objects.get(pk=caller.account), uploads.content_of(form.cleaned_data["file"]),
                decryption_key=form.cleaned_data["decryption_key"], name=form.cleaned_data["name"])
            return done(request, reverse("backups:detail", args=[backup.pk]),
                        _("The backup is here, and every byte of it is genuine."))
    return _upload_page(request, form, form.refusals, form.status)


def _upload_page(request: HttpRequest, form: forms.Upload, refusals: tuple[Refusal, ...], status: int) -> HttpResponse:
    return page(request, "backups/upload.html", status=status, form=form, refusals=refusals, back=reverse("backups:list"),
                limit=settings.KMS_BACKUP_UPLOAD_MB, why_not=why_not_permitted(caller_of(request), "UploadBackup"))


