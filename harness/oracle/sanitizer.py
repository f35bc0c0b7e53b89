"""Reads what ThreadSanitizer, AddressSanitizer, LeakSanitizer and UBSan print, from gcc and clang alike.

The text is a worker's whole stderr: other lines may stand before, between and inside reports, and the last report may
be cut off, because the process died while it was printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.model.finding import Finding, Location, fingerprint_of
from harness.oracle.frames import Frame, innermost, owner, parse_frame, relative

_START = re.compile(
    r"^(?:==\d+==\s*)?(?:WARNING|ERROR|FATAL): (?P<tool>\w+Sanitizer): (?P<what>.+?)\s*$"
    r"|^(?:==\d+==)?(?P<check>\w+Sanitizer): CHECK failed: (?P<claim>.+)$"
    r"|^(?P<file>[^\s:]+):(?P<line>\d+):\d+: runtime error: (?P<undefined>.+)$"
)
_END = re.compile(r"^SUMMARY: \w+Sanitizer: ")
_LEAK = re.compile(r"^(Direct|Indirect) leak of (\d+) byte\(s\) in (\d+) object\(s\) allocated from:")
_LONGEST_LINE = 4096  # characters; what is longer is not the sanitizer's

# What stands above a stack; any other line is not the sanitizer's.
_TITLE = re.compile(
    r"^\s*((?:Previous )?(?:atomic )?(?:read|write) of size \d+.*|(?:freed|(?:previously )?allocated) by thread.*"
    r"|(?:Direct|Indirect) leak of .*|Location is .*|Thread T\d+.* created .*|Mutex M\d+ .*|As if synchronized.*)$",
    re.IGNORECASE,
)
_NOISE = re.compile(r"\s*\(pid=\d+\)| on (?:(?:unknown )?address )?0x.*|: 0x[0-9a-f]+ in thread.*|0x[0-9a-f]+")
_ACCESS = re.compile(r"\b(read|write) of size (\d+)", re.IGNORECASE)

# Beginning of what the sanitizer calls it -> kind; the first that fits counts.
_KINDS: tuple[tuple[str, str], ...] = (
    ("data race", "data-race"),
    ("heap-use-after-free", "use-after-free"),
    ("stack-use-after", "use-after-free"),
    ("use-after-poison", "use-after-free"),
    ("attempting double-free", "double-free"),
    ("attempting free on address which was not malloc", "double-free"),
    ("lock-order-inversion", "deadlock"),
    ("detected memory leaks", "leak"),
    ("SEGV", "crash"),
    ("BUS", "crash"),
    ("FPE", "crash"),
    ("ILL", "crash"),
    ("ABRT", "crash"),
    ("stack-overflow", "crash"),
    ("requested allocation size", "oom"),
    ("allocator is out of memory", "oom"),
    ("hard rss limit", "oom"),
)
_OUTSIDE = re.compile(r"-buffer-(?:over|under)flow|container-overflow|out of bounds|stack-buffer-underflow")


@dataclass(slots=True)
class Stack:
    """Frames below a title, innermost first; the title is empty where none stands above."""

    title: str
    frames: list[Frame] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """One report as it was printed."""

    tool: str
    what: str
    lines: list[str]
    stacks: list[Stack] = field(default_factory=list)
    place: Location | None = None  # where the report's first line itself names one
    title: str = ""  # the last one, until its stack comes

    @property
    def text(self) -> str:
        """The whole report."""
        return "\n".join(self.lines) + "\n"

    @property
    def kind(self) -> str:
        """The finding's kind."""
        for beginning, kind in _KINDS:
            if self.what.startswith(beginning):
                return kind
        return "out-of-bounds" if _OUTSIDE.search(self.what) else "sanitizer"

    @property
    def leaked(self) -> int:
        """Bytes of a leak, 0 of anything else."""
        match = _LEAK.match(self.stacks[0].title) if self.stacks else None
        return int(match[2]) if match else 0

    def in_file(self, part: str) -> bool:
        """Whether any frame's file has the part in its name."""
        return any(part in frame.file for stack in self.stacks for frame in stack.frames)


def parse_reports(text: str) -> list[Report]:
    """Return the reports in a worker's stderr, in their order; every leak is a report of its own."""
    reports: list[Report] = []
    for report in _split([line[:_LONGEST_LINE] for line in text.splitlines()]):
        reports += _leaks(report) if report.kind == "leak" else [report]
    return reports


def report_finding(report: Report, suite: str, seed: int | None) -> Finding | None:
    """Return the finding that a report makes; None for a leak in which none of our sources had a part.

    The interpreter around the core leaks by design, so of leaks only our own count. Any other report counts whoever
    made it.
    """
    places = _places(report)
    if report.kind == "leak" and not places:
        return None
    judged = places[:1] if report.kind not in ("data-race", "leak") and places else places
    message = _message(report)
    return Finding(
        kind=report.kind,
        message=message,
        suite=suite,
        fingerprint=fingerprint_of(report.kind, None, judged, message),
        locations=places,
        seed=seed,
        report=report.text,
    )


def _split(lines: list[str]) -> Iterator[Report]:
    report: Report | None = None
    for line in lines:
        start = _START.search(line)
        if start:
            if report:
                yield report
            report = _begin(start, line)
        elif report and _END.match(line):
            report.lines.append(line)
            yield report
            report = None
        elif report and not _add(report, line):
            yield report
            report = None
    if report:
        yield report


def _begin(start: re.Match[str], line: str) -> Report:
    if start["undefined"]:
        place = Location(relative(start["file"]), int(start["line"]))
        return Report("UndefinedBehaviorSanitizer", start["undefined"], [line], place=place)
    what = _NOISE.sub("", start["what"] or f"CHECK failed: {start['claim']}").strip()
    return Report(start["tool"] or start["check"], what, [line])


def _add(report: Report, line: str) -> bool:
    """Take a line into a report; False when the report was over before it (UBSan prints no end without a summary)."""
    frame = parse_frame(line)
    if frame:
        if frame.number == 0 or not report.stacks:
            report.stacks.append(Stack(report.title))
            report.title = ""
        report.stacks[-1].frames.append(frame)
    elif report.tool == "UndefinedBehaviorSanitizer" and report.stacks:
        return False
    elif title := _TITLE.match(line):
        report.title = title[1]
    report.lines.append(line)
    return True


def _leaks(report: Report) -> list[Report]:
    """Split a report of leaks: one for each direct leak (for each indirect one, when there are only those)."""
    blocks = [stack for stack in report.stacks if _LEAK.match(stack.title)]
    direct = [stack for stack in blocks if stack.title.startswith("Direct")] or blocks
    return [Report(report.tool, report.what, _leak_lines(report, stack), [stack]) for stack in direct]


def _leak_lines(report: Report, stack: Stack) -> list[str]:
    begin = next(i for i, line in enumerate(report.lines) if line.startswith(stack.title))
    end = begin + 1
    while end < len(report.lines) and parse_frame(report.lines[end]):
        end += 1
    return [report.lines[0], *report.lines[begin:end]]


def _places(report: Report) -> tuple[Location, ...]:
    """Where it happened: both accesses of a race; the bad access, then who freed and who allocated."""
    stacks = report.stacks
    if report.kind == "leak":
        return owner(stacks[0].frames) if stacks else ()
    if report.kind == "data-race":
        found = [place for stack in stacks if _ACCESS.search(stack.title) for place in innermost(stack.frames)]
    else:
        found = [place for stack in stacks[:1] for place in innermost(stack.frames)]
        if report.place and report.place.file.startswith("native/"):
            function = next((place.function for place in found if place.file == report.place.file), "")
            found = [Location(report.place.file, report.place.line, function)]
        about = [s for s in stacks[1:] if re.search(r"freed by|allocated by|Mutex .* created|acquired", s.title)]
        found += [place for stack in about for place in owner(stack.frames)]
    return tuple(dict.fromkeys(found))


def _message(report: Report) -> str:
    stacks = report.stacks
    if report.kind == "data-race":
        sides = [_side(stack) for stack in stacks if _ACCESS.search(stack.title)]
        return f"{report.what}: {' against '.join(sides)}" if sides else report.what
    if report.kind == "leak":
        match = _LEAK.match(report.stacks[0].title)
        size = f"{match[2]} bytes in {match[3]} object(s)" if match else "memory"
        return f"{report.tool}: {size}{_at(owner(report.stacks[0].frames), ' allocated in ')} never freed"
    access = next((match for line in report.lines for match in [_ACCESS.search(line)] if match), None)
    what = f"{report.what}, {access[1].lower()} of {access[2]} bytes" if access else report.what
    at = innermost(stacks[0].frames)[:1] if stacks else ()
    return f"{what}{_at(at or ((report.place,) if report.place else ()), ' in ')}"


def _side(stack: Stack) -> str:
    match = _ACCESS.search(stack.title)
    atomic = "atomic " if "atomic" in stack.title.lower() else ""
    access = f"{atomic}{match[1].lower()} of {match[2]} bytes" if match else stack.title
    return f"{access}{_at(innermost(stack.frames)[:1], ' in ')}"


def _at(places: tuple[Location, ...], word: str) -> str:
    return "".join(f"{word}{place.function or '?'} ({place.file}:{place.line})" for place in places)
