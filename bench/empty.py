"""The yardstick: Django with no middleware and a view that does nothing, served by the settings of the API's server."""

from __future__ import annotations

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import re_path


def nothing(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


urlpatterns = [re_path("", nothing)]
application = get_wsgi_application()
