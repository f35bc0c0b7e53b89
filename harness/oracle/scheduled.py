"""What the scheduled runtime saw, as a finding: the message names who did what where, the report has every stack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.model.batch import Observation, Stack
from harness.model.finding import HEAP, Finding, Location, fingerprint_of
from harness.model.outcome import Violation
from harness.oracle.frames import Frame, innermost, owner, relative
from harness.oracle.linearizable import bug_of, story
from harness.oracle.outcome import kind_of

Frames = Callable[[Sequence[int]], Sequence[Location]]  # from return addresses to places, innermost first


def observed(seen: Observation, suite: str, frames: Frames) -> Finding:
    """Return the finding that an observation makes, its stacks symbolised by `frames`."""
    stacks = [(stack, _frames(frames(stack.pcs))) for stack in seen.stacks]
    kind, places = seen.kind, _places(seen, stacks)
    if kind == "invariant":
        kind = kind_of(Violation(seen.invariant, seen.message, seen.file, seen.line, -1, seen.count))
    judged = places[:1] if kind in HEAP else places
    message = _message(seen, stacks)
    name = bug_of(seen.model, seen.window) if seen.window else message
    return Finding(
        kind=kind,
        message=message,
        suite=suite,
        fingerprint=fingerprint_of(kind, seen.invariant or None, judged, f"{suite}: {name}"),
        locations=places,
        invariant=seen.invariant or None,
        count=seen.count,
        seed=seen.seed,
        report=_report(seen, message, stacks),
    )


def _frames(places: Sequence[Location]) -> list[Frame]:
    return [Frame(number, place.function, relative(place.file), place.line) for number, place in enumerate(places)]


def _places(seen: Observation, stacks: Sequence[tuple[Stack, list[Frame]]]) -> tuple[Location, ...]:
    """Where it happened: what the target's check names; else both accesses, or the access and the object's owners."""
    if seen.file:
        return (Location(relative(seen.file), seen.line),)
    if seen.kind == "leak":
        return owner(stacks[0][1]) if stacks else ()
    if seen.kind in HEAP:
        found = [place for _, frames in stacks[:1] for place in innermost(frames)[:1]]
        found += [place for _, frames in stacks[1:] for place in owner(frames)]
    else:
        found = [place for _, frames in stacks for place in innermost(frames)[:1]]
    return tuple(dict.fromkeys(found))


def _message(seen: Observation, stacks: Sequence[tuple[Stack, list[Frame]]]) -> str:
    """The runtime's own sentence, or for a race and the like the accesses with their places."""
    if seen.invariant:
        return f"{seen.invariant}: {seen.message.removeprefix(f'{seen.invariant}: ')}"
    sides = [f"{stack.what}{_at(frames)}" for stack, frames in stacks]
    if seen.kind == "data-race" and sides:
        return f"data race: {' against '.join(sides)}"
    if seen.kind in (*HEAP, "leak") and sides:
        return f"{seen.name}: {', '.join(sides)}"
    return f"{seen.message}{_at(stacks[0][1]) if stacks else ''}"


def _at(frames: list[Frame]) -> str:
    place = next((frame for frame in frames if frame.ours), frames[0] if frames else None)
    return f" in {place.function or '?'} ({place.file or '?'}:{place.line})" if place else ""


def _report(seen: Observation, message: str, stacks: Sequence[tuple[Stack, list[Frame]]]) -> str:
    lines = [message, f"at point {seen.step} of the execution with the schedule seed {seen.seed} ({seen.strategy})"]
    if seen.message and seen.message not in message:
        lines.append(seen.message)
    for stack, frames in stacks:
        who = f"thread {stack.thread}" if stack.thread >= 0 else "the creating and checking thread"
        lines.append(f"\n{stack.what} by {who if stack.thread >= -1 else 'an unknown thread'}:")
        lines += [f"  #{i} {frame.function or '?'} {frame.file or '?'}:{frame.line}" for i, frame in enumerate(frames)]
    if seen.window:
        lines += ["", *story(seen.window, seen.window_left)]
    if not seen.confirmed:
        lines.append("\nnot seen again when its choices were replayed")
    return "\n".join(lines) + "\n"
