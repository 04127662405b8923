"""docs/settings.md and docs/commands.md against the code: nothing missing, nothing left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.core.management import load_command_class

from kmsconsole.schedule import SCHEDULE, SWEEPS

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ["base", "crypto", "audit", "access", "instances", "keys", "migration", "backups", "api", "kmsconsole"]
COMMANDS = ROOT / "kmsconsole/management/commands"
READERS = {"text", "moment", "number", "flag", "secret", "choice", "database_url", "get"}


def variables_in_code() -> Iterator[str]:
    """Names read through `environment` or `os.environ`."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in READERS and node.args
                    and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
                    and re.fullmatch(r"(KMS|DJANGO|DATABASE|REDIS)_[A-Z_]+", node.args[0].value)):
                yield node.args[0].value


def commands() -> dict[str, str]:
    names = [path.stem for path in COMMANDS.glob("*.py") if path.stem != "__init__"]
    return {name: load_command_class("kmsconsole", name).create_parser("manage.py", name).format_help() for name in names}


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    documented = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.M)
    assert len(documented) == len(set(documented))
    assert set(documented) == set(variables_in_code())


def test_every_secret_may_come_from_a_file_and_says_so() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \| [^|]* \| \*secret\*", (ROOT / "docs/settings.md").read_text(), re.M))
    code = "\n".join(path.read_text() for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert documented == set(re.findall(r'(?:secret|database_url)\("([A-Z_]+)"', code))


def test_every_command_is_documented_and_explains_itself() -> None:
    documented = set(re.findall(r"^### `(\w+)", (ROOT / "docs/commands.md").read_text(), re.M))
    assert documented == set(commands())
    for name, help_text in commands().items():
        assert len(re.sub(r"\s+", " ", help_text)) > 200, name


def test_every_option_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    django = {"--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color", "--force-color",
              "--skip-checks"}
    ours = {option for help_text in commands().values() for option in re.findall(r"(?<![\w-])--[a-z-]+", help_text)} - django
    assert {option for option in ours if option not in text} == set()


def test_every_command_has_a_test() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert {name for name in commands() if f'"{name}"' not in tests} == set()


def test_every_make_target_is_documented() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert targets is not None
    documented = re.findall(r"^\| `make (\w+)`", (ROOT / "docs/commands.md").read_text(), re.M)
    assert sorted(documented) == sorted(targets[1].split())


def test_every_task_and_sweep_is_documented_with_its_interval() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    for entry in SCHEDULE.values():
        assert f"| `{entry['task']}` | {entry['schedule']:g} s |" in text
    [listed] = re.findall(r"^### `sweep`\n(.+?)\n\n", text, re.M | re.S)
    assert re.findall(r"`([a-z-]+)`", listed) == [*SWEEPS]
