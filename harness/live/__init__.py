"""The real database behind the target's interface: found, opened in a worker, raced, compared with our core."""

from __future__ import annotations

from harness.live.figures import figures
from harness.live.library import TARGET, load_database
from harness.live.package import KNOWN, Package, find_package

__all__ = ["KNOWN", "TARGET", "Package", "figures", "find_package", "load_database"]
