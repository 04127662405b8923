"""Events reach people outside: at least once each, never without end, and never at the clock's cost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from audit import following, outbox, recording
from audit.mails import Post
from audit.models import Delivery, Event
from audit.webhooks import Webhook
from base import clock
from instances.models import Instance
from keys import operations as keys
from keys.models import Key
from kmsconsole import notices
from tests import make, sinks
from tests.kmsconsole.test_commands import run, run_json
from tests.make import Person

SECRET = "whsec_" + base64.b64encode(b"only the receiver and we know it").decode()


@pytest.fixture
def web(settings: Any) -> Iterator[sinks.HttpSink]:
    with sinks.http_sink() as sink:
        settings.KMS_WEBHOOK = Webhook(f"http://127.0.0.1:{sink.port}/hook?team=keys", SECRET)
        yield sink


@pytest.fixture
def post(settings: Any) -> Iterator[sinks.SmtpSink]:
    with sinks.smtp_sink() as sink:
        settings.KMS_MAIL = Post("127.0.0.1", sink.port, "none", "", "", "KMS <kms@example.com>",
                                 ("ops@example.com", "b@example.com"))
        yield sink


@pytest.fixture
def started(db: None) -> None:
    notices.send(clock.now())


@pytest.fixture
def doomed(started: None, alice: Person, instance: Instance) -> Key:
    key = make.key(alice, home=instance, description="Karten")
    return keys.schedule_key_deletion(alice(door="console"), key, window_days=7)


def tick(after: timedelta = timedelta()) -> int:
    """Two runs: one sees, the next one may go so far."""
    return notices.send(clock.now() + after) + notices.send(clock.now() + after)


class TestWebhook:
    def test_it_works(self, web: sinks.HttpSink, doomed: Key) -> None:
        assert tick() == 1
        (headers, body), event = web.requests[0], Event.objects.get(action="ScheduleKeyDeletion")
        told = json.loads(body)
        assert (told["id"], told["type"], told["object_id"], told["detail"]["window_days"]) == (
            event.pk, "ScheduleKeyDeletion", doomed.pk, 7)
        assert not {"address", "access_key_id"} & set(told)
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        wanted = base64.b64encode(hmac.digest(base64.b64decode(SECRET[6:]), signed, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{wanted}"
        assert headers["webhook-id"] == str(event.pk)
        assert abs(int(headers["webhook-timestamp"]) - clock.real_now().timestamp()) < 60
        assert tick(timedelta(hours=1)) == 0
        assert len(web.requests) == 1

    def test_only_what_people_should_hear_of(self, web: sinks.HttpSink, started: None, alice: Person, instance: Instance) -> None:
        key = make.key(alice, home=instance)
        keys.encrypt(alice(), key, plaintext="aGVsbG8=")
        with pytest.raises(recording.Refused):
            keys.cancel_key_deletion(alice(), key)
        assert tick() == 0
        assert Delivery.objects.count() == 0

    @pytest.mark.parametrize(("status", "error"), [
        (500, "answered 500"), (302, "redirects are not followed"), (404, "answered 404")])
    def test_what_is_not_taken_is_tried_again_with_the_same_id(self, web: sinks.HttpSink, doomed: Key, status: int,
                                                               error: str) -> None:
        web.statuses = [status, 204]
        assert tick() == 0
        row = Delivery.objects.get()
        assert row.tries == 1
        assert error in row.error
        assert tick(timedelta(seconds=50)) == 0
        assert tick(timedelta(seconds=70)) == 1
        assert [headers["webhook-id"] for headers, _ in web.requests] == [str(row.event_id)] * 2

    def test_it_gives_up_in_the_end(self, web: sinks.HttpSink, doomed: Key) -> None:
        web.statuses, at = [500], timedelta()
        for wait in (timedelta(), *outbox.BACK_OFF):
            at += wait + timedelta(seconds=1)
            tick(at)
        row = Delivery.objects.get()
        assert (row.tries, row.next_try_at) == (10, None)
        assert row.given_up_at is not None
        assert timedelta(days=2.9) < at < timedelta(days=3)
        tick(at + timedelta(days=31))
        assert not Delivery.objects.exists()

    def test_a_receiver_that_is_down_is_asked_once_a_run(self, web: sinks.HttpSink, settings: Any, doomed: Key,
                                                         alice: Person) -> None:
        keys.cancel_key_deletion(alice(), Key.objects.get())
        settings.KMS_WEBHOOK = Webhook("http://127.0.0.1:9/nobody")
        notices.send(clock.now())
        assert notices.send(clock.now()) == 0
        assert Delivery.objects.count() == 2
        assert 0 in Delivery.objects.values_list("tries", flat=True)
        assert "does not answer" in Delivery.objects.filter(tries__gt=0)[0].error

    def test_certificates_are_verified(self, settings: Any, tmp_path: Path, doomed: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        pem = sinks.certificate(tmp_path)
        with sinks.http_sink(pem) as sink:
            settings.KMS_WEBHOOK = Webhook(f"https://127.0.0.1:{sink.port}/")
            assert tick() == 0
            assert Delivery.objects.get().error == "the receiver's certificate is not trusted"
            monkeypatch.setenv("SSL_CERT_FILE", str(pem))
            assert tick(timedelta(minutes=2)) == 1
            assert "webhook-signature" not in sink.requests[0][0]

    @pytest.mark.parametrize("url", ["ftp://host/", "https://", "https://user:hunter2@host/", "hunter2", "https://host/#hunter2"])
    def test_a_wrong_url_is_refused_and_not_quoted(self, url: str) -> None:
        with pytest.raises(ValueError, match="https://host/path") as error:
            Webhook(url)
        assert "hunter2" not in str(error.value)
        assert "hunter2" not in repr(Webhook("https://host/hunter2", "hunter2"))


class TestMail:
    def test_it_works(self, post: sinks.SmtpSink, doomed: Key) -> None:
        assert tick() == 1
        mail, event = post.mails[0], Event.objects.get(action="ScheduleKeyDeletion")
        text = mail.get_payload(decode=True).decode()
        assert mail["Subject"] == f"[KMS] A key is scheduled for deletion: {doomed.pk}"
        assert (mail["To"], mail["From"]) == ("ops@example.com, b@example.com", "KMS <kms@example.com>")
        assert mail["Message-ID"] == f"<kms-event-{event.pk}@example.com>"
        assert "window_days: 7" in text
        assert f"/keys/{doomed.pk}/" in text
        assert "user/alice" in text

    @pytest.mark.parametrize(("language", "words"), [("ja", "キーの削除が予定されました"), ("zh-hans", "密钥已计划删除")])
    def test_in_the_language_of_the_setting(self, post: sinks.SmtpSink, settings: Any, doomed: Key, language: str,
                                            words: str) -> None:
        settings.KMS_MAIL_LANGUAGE = language
        tick()
        assert words in post.mails[0].get_payload(decode=True).decode()

    def test_a_busy_server_is_tried_again(self, post: sinks.SmtpSink, doomed: Key) -> None:
        post.codes = [451, 250]
        assert tick() == 0
        assert Delivery.objects.get().error == "the mail server answered 451"
        assert tick(timedelta(minutes=2)) == 1

    def test_a_password_travels_only_inside_trusted_tls(self, settings: Any, tmp_path: Path, doomed: Key,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
        pem = sinks.certificate(tmp_path)
        with sinks.smtp_sink(pem) as sink:
            settings.KMS_MAIL = Post("127.0.0.1", sink.port, "starttls", "kms", "hunter2", "kms@example.com",
                                     ("ops@example.com",))
            assert tick() == 0
            assert "certificate is not trusted" in Delivery.objects.get().error
            assert sink.logins == []
            monkeypatch.setenv("SSL_CERT_FILE", str(pem))
            assert tick(timedelta(minutes=2)) == 1
            assert len(sink.logins) == 1
        with pytest.raises(ValueError, match="without TLS"):
            Post("host", 25, "none", "kms", "hunter2", "kms@example.com", ("ops@example.com",))
        assert "hunter2" not in repr(settings.KMS_MAIL)

    def test_one_channel_that_is_down_does_not_stop_the_other(self, post: sinks.SmtpSink, settings: Any, doomed: Key) -> None:
        settings.KMS_WEBHOOK = Webhook("http://127.0.0.1:9/nobody")
        assert tick() == 1
        assert len(post.mails) == 1


class TestTheOutbox:
    def test_without_channels_nothing_waits_and_later_ones_begin_with_the_future(self, doomed: Key, settings: Any,
                                                                                 request: pytest.FixtureRequest) -> None:
        assert tick() == 0
        request.getfixturevalue("web")
        assert tick() == 0
        assert Delivery.objects.count() == 0

    def test_history_is_no_news(self, web: sinks.HttpSink, started: None, alice: Person, instance: Instance) -> None:
        make.due_key(alice, at=clock.now() - timedelta(days=30), home=None)
        assert tick() == 0

    def test_an_event_that_appears_late_is_delivered(self, web: sinks.HttpSink, started: None, alice: Person,
                                                     instance: Instance) -> None:
        key = make.key(alice, home=instance)
        keys.schedule_key_deletion(alice(), key, window_days=7)
        late = Event.objects.latest("pk")
        Event.objects.filter(pk=late.pk).delete()
        keys.describe_key(alice(), key)
        notices.send(clock.now())
        late.save(force_insert=True)
        assert notices.send(clock.now()) == 1

    def test_it_waits_for_writers(self, web: sinks.HttpSink, doomed: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(following, "writers_have_ended", lambda: False)
        assert tick() == 0
        monkeypatch.undo()

    def test_of_two_sweeps_one_sends(self, web: sinks.HttpSink, doomed: Key, monkeypatch: pytest.MonkeyPatch) -> None:
        claim = outbox._claim

        def raced(row: Delivery, now: Any) -> bool:
            other = Delivery.objects.get(pk=row.pk)
            monkeypatch.setattr(outbox, "_claim", claim)
            return claim(other, now) and claim(row, now)

        tick_before = notices.send(clock.now())
        monkeypatch.setattr(outbox, "_claim", raced)
        assert tick_before + notices.send(clock.now()) == 0
        assert web.requests == []

    def test_a_sweep_that_died_while_sending_sends_again(self, web: sinks.HttpSink, doomed: Key,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
        def dies(*args: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Webhook, "post", dies)
            tick()
        assert tick(timedelta(seconds=30)) == 0
        assert tick(outbox.CLAIM + timedelta(seconds=1)) == 1


class TestTheCommand:
    def test_it_tries_what_is_set_up(self, web: sinks.HttpSink, post: sinks.SmtpSink, db: None) -> None:
        assert run_json("test_notifications") == {"mail": "", "webhook": ""}
        assert json.loads(web.requests[0][1])["type"] == "TestNotifications"
        assert "TestNotifications" in post.mails[0]["Subject"]
        web.statuses = [500]
        with pytest.raises(CommandError, match="not everything"):
            run("test_notifications")

    def test_it_refuses_where_nothing_is(self) -> None:
        with pytest.raises(CommandError, match="KMS_MAIL_HOST"):
            run("test_notifications")


@pytest.mark.parametrize(("action", "detail", "told"), [
    ("RunDrill", {"passed": False}, True), ("RunDrill", {"passed": True}, False),
    ("CheckHsmCluster", {"failed": ["m1 login"]}, True), ("CheckHsmCluster", {"failed": []}, False),
    ("FailBackup", {}, True), ("ReleaseExpiredInstance", {}, True)])
def test_checks_are_news_when_they_failed(action: str, detail: dict[str, Any], told: bool) -> None:
    event = Event(action=action, outcome="ok", detail=json.dumps(detail), at=clock.now())
    assert notices.NOTICES[action].when(event) is told


def test_every_notice_has_words() -> None:
    assert all(str(notice.title) for notice in notices.NOTICES.values())
