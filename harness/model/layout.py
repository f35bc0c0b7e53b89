"""The memory layout of the KV-cache core: each part before or after the pull request, chosen alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

PARTS: dict[str, tuple[str, str]] = {  # part -> (kind before = 0, kind after = 1)
    "buckets": ("fragmented", "contiguous"),
    "handles": ("flat", "segmented"),
    "nodes": ("per_instance", "shared"),
    "wash": ("preallocated", "temporary"),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """0 is the layout before the pull request, 1 the one after, for each part."""

    buckets: int = 1
    handles: int = 1
    nodes: int = 1
    wash: int = 1

    def params(self) -> dict[str, int]:
        """The creation parameters that choose this layout."""
        return {part: getattr(self, part) for part in PARTS}

    def __str__(self) -> str:
        if self == BEFORE:
            return "before"
        if self == AFTER:
            return "after"
        return ",".join(f"{part}={kinds[getattr(self, part)]}" for part, kinds in PARTS.items())


BEFORE = Layout(0, 0, 0, 0)
AFTER = Layout(1, 1, 1, 1)


def parse_layout(text: str) -> Layout:
    """Parse `before`, `after` or `PART=KIND,...` (parts not named: after).

    Raises ValueError with one sentence naming what is wrong and what is allowed.
    """
    if text in ("before", "after"):
        return BEFORE if text == "before" else AFTER
    layout = AFTER
    for item in text.split(","):
        part, _, kind = item.partition("=")
        if part not in PARTS or kind not in PARTS[part]:
            allowed = ", ".join(f"{name}={a}|{b}" for name, (a, b) in PARTS.items())
            raise ValueError(f"layout {item!r} is unknown; use before, after, or parts of: {allowed}")
        layout = replace(layout, **{part: PARTS[part].index(kind)})
    return layout
