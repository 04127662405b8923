"""`manage.py setup`: what the first start makes, and that every later one leaves it alone."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings

from access.models import AccessKey, Account, User
from access.operations import open_access_key
from base import clock
from instances import lookup
from instances.models import Instance
from kmsconsole import first_start, preparing
from kmsconsole.first_start import FirstThings
from tests import make
from tests.live import Product


def test_the_first_start_makes_everything_a_first_user_needs(new_product: Callable[..., Product]) -> None:
    product = new_product()
    first = product.manage_json("setup")
    assert first["first_start"] is True
    assert first["user"] == "admin"
    assert len(first["account"]) == 16
    assert first["access_key_id"].startswith("LTAI")
    assert first["console"].startswith(product.console_url)
    second = product.manage_json("setup")
    assert second == {"console": first["console"], "api": first["api"], "region": "cn-local", "first_start": False}


def test_only_its_owner_can_read_the_data_directory(new_product: Callable[..., Product]) -> None:
    product = new_product()
    product.data_dir.chmod(0o755)
    product.manage("setup")
    files = [product.data_dir, *(path for path in product.data_dir.rglob("*") if "static" not in path.parts)]
    assert {path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077} == set()


def test_a_directory_with_other_things_in_it_keeps_its_mode(new_product: Callable[..., Product]) -> None:
    product = new_product()
    (product.data_dir / "holiday.jpg").touch()
    product.data_dir.chmod(0o755)
    product.manage("setup")
    assert stat.S_IMODE(product.data_dir.stat().st_mode) == 0o755
    assert stat.S_IMODE((product.data_dir / "kms.sqlite3").stat().st_mode) == 0o600


@pytest.mark.parametrize("from_file", [False, True])
def test_a_chosen_password_is_used_and_never_printed(new_product: Callable[..., Product], tmp_path: Path,
                                                     from_file: bool) -> None:
    chosen = "chosen-by-somebody-4711"
    (tmp_path / "password").write_text(chosen + "\n")
    more = {"KMS_ADMIN_PASSWORD_FILE": str(tmp_path / "password")} if from_file else {"KMS_ADMIN_PASSWORD": chosen}
    product = new_product(**more)
    done = product.run("setup")
    assert done.returncode == 0
    assert chosen not in done.stdout + done.stderr
    check = f"from access.models import User; print(User.objects.get(username='admin').check_password('{chosen}'))"
    assert product.manage("shell", "--no-imports", "--command", check).strip() == "True"


def test_a_weak_password_is_taken_with_a_warning(new_product: Callable[..., Product]) -> None:
    done = new_product(KMS_ADMIN_PASSWORD="admin").run("setup")
    assert done.returncode == 0
    assert "KMS_ADMIN_PASSWORD is weak" in done.stderr


@pytest.fixture
def shown() -> list[FirstThings]:
    return []


@pytest.mark.django_db
def test_the_first_instance_is_enabled_and_the_default(shown: list[FirstThings]) -> None:
    preparing.root.prepare()
    assert first_start.ensure(make.operator(), "", shown.append)
    [things] = shown
    instance = lookup.default_instance(things.account)
    assert instance is not None
    assert instance.serves(clock.now())
    opened = open_access_key(things.access_key_id)
    assert opened is not None
    assert opened.secret == things.access_key_secret
    assert User.objects.get(username="admin").check_password(things.password)


@pytest.mark.django_db
def test_a_second_start_makes_and_shows_nothing(shown: list[FirstThings]) -> None:
    preparing.root.prepare()
    first_start.ensure(make.operator(), "", shown.append)
    assert not first_start.ensure(make.operator(), "", shown.append)
    assert len(shown) == Account.objects.count() == User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_crash_while_showing_leaves_an_empty_database() -> None:
    def crash(things: FirstThings) -> None:
        raise OSError("the terminal is gone")

    preparing.root.prepare()
    with pytest.raises(OSError, match="terminal"):
        first_start.ensure(make.operator(), "", crash)
    assert not any(model.objects.exists() for model in (Account, User, AccessKey, Instance))


def test_translations_are_compiled_once(tmp_path: Path, settings: object) -> None:
    settings.LOCALE_PATHS = [tmp_path]  # type: ignore[attr-defined]
    source = tmp_path / "ja" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Key"\nmsgstr "鍵"\n')
    preparing.compile_messages()
    compiled = source.with_suffix(".mo")
    assert "鍵".encode() in compiled.read_bytes()
    first = compiled.stat().st_mtime_ns
    preparing.compile_messages()
    assert compiled.stat().st_mtime_ns == first


def test_the_tests_never_touch_a_developers_data() -> None:
    assert settings.DATA_DIR.name.startswith("kms-test-")
