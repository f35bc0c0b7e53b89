"""The version that is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("racewash")
except PackageNotFoundError:  # a checkout that is only on the path
    VERSION = "uninstalled"
