"""The house checks itself: imports point down, files stay small, rules stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# From the ground up. Packages of one floor are strangers to each other.
FLOORS = ["base", "crypto", "audit", "access", "instances", "keys", "migration|backups", "api", "kmsconsole"]
PACKAGES = [name for floor in FLOORS for name in floor.split("|")]
NO_DJANGO = ("base", "crypto")
PURE = ("states.py", "rules.py", "creation.py", "aliasing.py", "tags.py")


def python_files(packages: list[str]) -> list[Path]:
    found = [path.relative_to(ROOT) for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    return [path for path in found if "migrations" not in path.parts]


def imported(path: Path) -> set[str]:
    """Every dotted module that `path` imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", python_files(PACKAGES), ids=str)
def test_imports_point_down(path):
    own = next(number for number, floor in enumerate(FLOORS) if path.parts[0] in floor.split("|"))
    strangers = {name for floor in FLOORS[own:] for name in floor.split("|")} - {path.parts[0]}
    assert not strangers & roots(path)


def test_the_check_would_notice(tmp_path):
    assert {"keys", "kmsconsole"} & roots(Path("kmsconsole/urls.py")), "the reader of imports sees nothing"


@pytest.mark.parametrize("path", python_files(list(NO_DJANGO)), ids=str)
def test_no_django_below_the_line(path):
    assert not {"django", "celery"} & roots(path)


@pytest.mark.parametrize("path", [path for path in python_files(PACKAGES) if path.name in PURE], ids=str)
def test_rules_are_pure(path):
    strangers = {name for name in imported(path) if name.partition(".")[2].partition(".")[0] in
                 ("models", "lookup", "operations", "views", "forms", "tasks", "gate")}
    assert "django" not in roots(path)
    assert not strangers


LAYERS = ["states", "rules", "models", "lookup", "gate", "operations", "sweeps", "tasks", "forms", "views", "urls"]


@pytest.mark.parametrize("path", python_files(["access", "instances", "keys", "migration", "backups"]), ids=str)
def test_layers_inside_an_app_point_down(path):
    own = path.parts[1].removesuffix(".py")
    if own not in LAYERS:
        return
    above = set(LAYERS[LAYERS.index(own) + 1:])
    used = {name.split(".")[1] for name in imported(path) if name.startswith(f"{path.parts[0]}.")}
    assert not above & used


@pytest.mark.parametrize("path", python_files([*PACKAGES, "tests"]), ids=str)
def test_no_file_over_400_lines(path):
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= 400


def test_nobody_uses_signals():
    for path in python_files(PACKAGES):
        assert not {"django.dispatch", "django.db.models.signals"} & imported(path), path
