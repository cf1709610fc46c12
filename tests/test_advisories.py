"""No version that may be installed has a hole that is known: what the bounds allow, and what is installed here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

HERE = Path(__file__).parent
KNOWN = {
    canonicalize_name(name): holes for name, holes in tomllib.loads((HERE / "advisories.toml").read_text()).items()
}
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text())["project"]


def requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(text) for text in (*PROJECT["dependencies"], *(text for extra in extras for text in extra))]


def find_holes(name: str, lowest: Version | None) -> Iterator[str]:
    """Yield the holes of a package from its lowest version on; all of them if any version may be installed."""
    for number, (fixed, what) in KNOWN.get(canonicalize_name(name), {}).items():
        if lowest is None or lowest < Version(fixed):
            yield f"{name} {lowest or 'of any version'}: {number} ({what}); closed in {fixed}"


def find_allowed(wanted: Iterable[Requirement]) -> list[str]:
    """Return the holes of what may be installed."""
    lowest = {one: [Version(each.version) for each in one.specifier if each.operator in (">=", "==")] for one in wanted}
    return [hole for one, bounds in lowest.items() for hole in find_holes(one.name, max(bounds, default=None))]


@pytest.mark.fault("I11")
def test_no_bound_allows_a_version_with_a_known_hole() -> None:
    assert find_allowed(requirements()) == []


@pytest.mark.fault("I11")
def test_nothing_that_is_installed_has_a_known_hole() -> None:
    installed = {one.metadata["Name"]: Version(one.version) for one in distributions()}
    assert {"keras", "mlflow"} <= installed.keys()
    assert [hole for name, version in installed.items() for hole in find_holes(name, version)] == []


@pytest.mark.parametrize("text", ["torch>=2.6", "torch", "Scikit_Learn<2", "keras>=3.13.1,<4", "ray[tune]>=2.52"])
def test_a_bound_that_allows_a_hole_is_found(text: str) -> None:
    (hole,) = find_allowed([Requirement(text)])[-1:]
    assert "; closed in " in hole


def test_what_everybody_installs_is_among_the_known() -> None:
    assert {"keras", "mlflow", "torch", "ray", "scikit-learn"} <= KNOWN.keys()
    assert {one.name for one in requirements()} & KNOWN.keys()
