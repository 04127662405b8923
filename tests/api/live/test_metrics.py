"""/metrics on the port of the API: one scrape is all its processes."""

from __future__ import annotations

import http.client

from tests.api.live.clients import SDK_WARNINGS, call
from tests.parts import wait_for

pytestmark = SDK_WARNINGS


def scraped(live_api, **headers: str):
    """(status, kind, text)"""
    connection = http.client.HTTPConnection(live_api.host, timeout=30)
    connection.request("GET", "/metrics", headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Content-Type"], text


def count(live_api, line):
    found = [text for text in scraped(live_api)[2].splitlines() if text.startswith(line)]
    return float(found[0].split()[-1]) if found else 0.0


def test_the_calls_of_all_processes_are_counted(live_api):
    # Calls of other tests may not be in the file yet; this one nobody else makes.
    line = 'kms_api_requests_total{action="ListKeyVersions",outcome="Forbidden.KeyNotFound"}'
    before = count(live_api, line)
    for _ in range(12):  # each over a connection of its own, so on either process
        assert call(live_api, "ListKeyVersions", {"KeyId": "none"}).code == "Forbidden.KeyNotFound"
    wait_for(lambda: count(live_api, line) == before + 12, what="both processes to leave their numbers")
    status, kind, text = scraped(live_api)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "kms_api_request_seconds_bucket" in text
    assert "kms_api_group_size_bucket" in text


def test_through_a_proxy_there_is_no_such_page(live_api):
    status, kind, _ = scraped(live_api, **{"X-Forwarded-For": "10.0.0.1"})
    assert (status, kind) == (scraped_path(live_api, "/nothing"), "application/json;charset=utf-8")


def scraped_path(live_api, path):
    connection = http.client.HTTPConnection(live_api.host, timeout=30)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status
