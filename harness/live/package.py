"""Where the database is: an optional package, of a version whose layout is known."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.model.problem import Problem

NAME, MODULE = "pylibseekdb", "libseekdb_python"
KNOWN = ("1.3.0",)
INSTALL = "install the extra: pip install 'racewash[seekdb]'"


@dataclass(frozen=True, slots=True)
class Package:
    """The installed package; `folder` has the module."""

    version: str
    folder: Path


def find_package() -> Package:
    """Return the installed package; it isn't imported. Raises Problem when it is absent or not of a known version."""
    try:
        installed = version(NAME)
        spec = importlib.util.find_spec(NAME)
    except (PackageNotFoundError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise Problem(f"the target seekdb needs the package {NAME} {' or '.join(KNOWN)}: {INSTALL}")
    if installed not in KNOWN:
        raise Problem(
            f"the package {NAME} is of version {installed}, only {' and '.join(KNOWN)} can be used: {INSTALL}"
        )
    return Package(installed, Path(spec.submodule_search_locations[0]))


def load_module() -> Any:
    """Load the database's code into this process, without opening a database.

    Raises Problem when it can't be loaded. Its own `__init__` isn't run: that turns an error into a printed warning.
    """
    package = find_package()
    folder = str(package.folder)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return importlib.import_module(MODULE)
    except ImportError as error:
        raise Problem(f"the package {NAME} {package.version} can't be loaded: {error}") from error
