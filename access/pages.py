"""How a page of the console answers: whole, or the fragment htmx asks for; done, or refused with every reason.

Lives here, on the lowest floor that knows people, because the pages of all floors above use it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render, resolve_url

from audit import recording
from base.caller import Caller
from base.refusal import Refusal, Refused

BAD_REQUEST, FORBIDDEN, CONFLICT = 400, 403, 409
PAGE_SIZES = (25, 50, 100)
Found = TypeVar("Found")


class ActionForm(forms.Form):
    """Cleans only. Carries the revision of what the reader saw, and the refusals the operation answered."""

    revision = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)
    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.refusals: tuple[Refusal, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status of the page that shows this form again."""
        if self.refusals:
            return status_of(self.refusals)
        return BAD_REQUEST if self.is_bound and self.errors else 200

    @contextmanager
    def catching(self, caller: Caller, action: str) -> Iterator[None]:
        """Keeps the refusals of the operation inside, for the page to show; a look-up before it is part of the try."""
        try:
            yield
        except Refused as refused:
            recording.refusal(caller, action, refused.target, refused)
            self.refusals = refused.refusals


def caller_of(request: HttpRequest) -> Caller:
    """The logged-in person; `kmsconsole.middleware.caller` put it there."""
    return request.caller  # type: ignore[attr-defined, no-any-return]


def found_or_404(request: HttpRequest, find: Callable[[Caller], Found], action: str, reads: str = "",
                 target: Any = None) -> Found:
    """What `find` finds for the reader. Whoever asks for what is not there is noted, as at the API; showing the page of `action`
    is no try of it, but of `reads`. Without `reads` both are `action`."""
    caller = caller_of(request)
    try:
        return find(caller)
    except Refused as refused:
        recording.refusal(caller, action if request.method == "POST" or not reads else reads, target, refused)
        raise Http404 from refused


def posted(request: HttpRequest) -> QueryDict | None:
    """What binds a form. An empty POST is a try as well, not a visit."""
    return request.POST if request.method == "POST" else None


def status_of(refusals: Iterable[Refusal]) -> int:
    code = next(iter(refusals)).code
    if code == "Forbidden.NoPermission":
        return FORBIDDEN
    return BAD_REQUEST if code.startswith(("InvalidParameter", "MissingParameter")) else CONFLICT


def page(request: HttpRequest, template: str, *, status: int = 200, fragments: tuple[str, ...] = (),
         **context: Any) -> HttpResponse:
    """The page, or the one of its `fragments` that carries the name of the element htmx wants to fill."""
    wanted = request.htmx.target if request.htmx else None  # type: ignore[attr-defined]
    if wanted in fragments:
        return render(request, f"{template}#{wanted}", {**context, "in_modal": wanted == "modal"}, status=status)
    return render(request, template, context, status=status)


def done(request: HttpRequest, target: Any, toast: str = "") -> HttpResponse:
    """After a POST that worked: on to `target`, so that reload and back repeat nothing."""
    if toast:
        messages.success(request, toast)
    url = resolve_url(target)
    if request.htmx:  # type: ignore[attr-defined]
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url, status=303)


def refused_page(request: HttpRequest, refusals: tuple[Refusal, ...]) -> HttpResponse:
    return page(request, "refused.html", status=status_of(refusals), fragments=("modal",), refusals=refusals)


def whole_number(text: str, default: int, *, low: int = 1, high: int = 10_000) -> int:
    """A number from the address line; nonsense is the default, because a bookmarked view must open."""
    return min(max(int(text), low), high) if text.isdecimal() and len(text) < 8 else default


def page_size(request: HttpRequest) -> int:
    size = whole_number(request.GET.get("size", ""), PAGE_SIZES[0])
    return size if size in PAGE_SIZES else PAGE_SIZES[0]
