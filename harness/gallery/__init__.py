"""The defect gallery: every patch is a defect that the harness must find, and how fast it does is measured."""

from __future__ import annotations

from harness.gallery.request import GalleryRequest
from harness.gallery.run import GalleryResult, gallery

__all__ = ["GalleryRequest", "GalleryResult", "gallery"]
