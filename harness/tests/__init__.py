"""Tests of the harness; not part of the wheel."""
