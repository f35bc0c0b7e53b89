"""Tokens, version 1: a repro in one word that can be copied from a log.

`rw1.` and then, in URL-safe base64 without padding: a byte that says the form, the fields in the order of `_pack`, and
four bytes of the SHA-256 over all before them. What real threads did has a form of its own, with the scenario and the
kind of build, but no schedule. A repro whose choices follow from a seed takes at most 120 characters
for any suite with a name of ordinary length; one with a list of choices at most 400, for else the token names the
content hash of the bundle that has the list. A shrunk scenario, which no seed draws, stands in the token itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from dataclasses import replace

from harness.model._pack import Packer, Unpacker
from harness.model._whole import pack_scenario, unpack_scenario
from harness.model.fault import KINDS, Fault, parse_plan
from harness.model.layout import PARTS, Layout
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro, Whole, on_threads
from harness.model.scenario import Scenario
from harness.model.schedule import SEEDED, Choice, Options, Schedule
from harness.model.suite import Shape

PREFIX = "rw1."
MAX_SEEDED, MAX_LISTED = 120, 400  # characters
_FORM_SEED, _FORM_LIST, _FORM_BUNDLE, _FORM_THREADS, _FORM_WHOLE = 0, 1, 2, 3, 4
_CHECK, _DIGEST, _PART, _HASH = 4, 3, 4, 16  # bytes: checksum, scenario digest, beginnings of build and finding, bundle
# Names that take one byte, by their place, which never changes; others are spelt out.
_STRATEGIES = ("portfolio", "random", "pct", "pos", "surw", "dfs", "guided", "replay", "force", "default")
_MODELS = ("sc", "tso", "c11")
_KINDS = ("native", "tsan", "asan")  # of builds that run real threads
_TARGETS = ("kvcache", "seekdb")
_SPELT = 255
_FLAGS = ("races", "plain_points", "weak_cas", "timeouts", "fail_alloc", "attached", "linearizable", "clocks")
_FAULT = ("label", "site", "thread", "skip", "every", "budget", "chance", "seed", "holding", "steps", "jump",
          "process", "ops", "within", "room")  # fmt: skip
_BACKING, _DRAWN, _MEMORY, _FAULTS = 1, 2, 4, 128


def token_of(repro: Repro, content_hash: str, scenario: Scenario | None = None) -> str:
    """Return the token of a repro whose bundle has this content hash (32 hex digits).

    `scenario`: what no seed draws, to stand in the token when there is room.
    """
    seeded = repro.schedule.choices is None or repro.schedule.strategy in SEEDED
    if repro.origin is not None:
        seeded = seeded or not repro.scheduled
        packed = _packed(repro, listed=not seeded) if repro.scheduled else _packed_threads(repro)
        token = _token(packed)
        if len(token) <= (MAX_SEEDED if seeded else MAX_LISTED):
            return token
    elif scenario is not None and repro.schedule.choices is not None:
        token = _token(_packed_whole(repro, scenario, repro.schedule.choices))
        if len(token) <= MAX_LISTED:
            return token
    return _token(bytes([_FORM_BUNDLE]) + bytes.fromhex(content_hash)[:_HASH])


def parse_token(token: str) -> Repro | Whole | str:
    """Return a token's repro, with its scenario where that stands in it, or the content hash of the bundle it names.

    Raises Problem with one sentence when it is damaged, newer, or no token at all.

    >>> parse_token("rw1.AgAA")
    Traceback (most recent call last):
    harness.model.problem.Problem: the token is damaged: its checksum doesn't fit; copy it again, from rw1. to its end
    """
    word = "".join(token.split())  # a log may have wrapped it
    if not word.startswith(PREFIX):
        version, dot, _ = word.partition(".")
        if dot and version.startswith("rw") and version[2:].isdigit():
            raise Problem(f"the token has the format {version}, which this racewash doesn't read (it reads rw1)")
        raise Problem(f"{token!r} is no token (those begin with {PREFIX}) and no bundle's folder")
    payload = _checked(word)
    try:
        return _unpacked(payload)
    except (ValueError, IndexError, zlib.error, struct.error, OverflowError) as error:
        raise Problem(f"the token can't be read, though it is whole: {error}; another racewash made it") from error


def _token(payload: bytes) -> str:
    data = payload + _checksum(payload)
    return PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(PREFIX.encode() + payload).digest()[:_CHECK]


def _checked(word: str) -> bytes:
    body = word[len(PREFIX) :]
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        data = b""
    payload, check = data[:-_CHECK], data[-_CHECK:]
    if not payload or check != _checksum(payload) or _token(payload) != word:
        raise Problem(f"the token is damaged: its checksum doesn't fit; copy it again, from {PREFIX} to its end")
    return payload


# ---- fields ----


def _packed(repro: Repro, listed: bool) -> bytes:
    out = Packer()
    out.raw(bytes([_FORM_LIST if listed else _FORM_SEED]))
    _pack_scenario(out, repro)
    _pack_options(out, repro.options)
    _pack_name(out, repro.schedule.strategy, _STRATEGIES)
    out.raw(struct.pack("<Q", repro.schedule.seed))
    for figure in repro.schedule.calibration:
        out.signed(figure)
    out.raw(bytes.fromhex(repro.build)[:_PART])
    out.raw(bytes.fromhex(repro.fingerprint)[:_PART])
    if listed:
        out.raw(pack_choices(repro.schedule.choices or ()))
    return bytes(out.data)


def _packed_whole(repro: Repro, scenario: Scenario, choices: tuple[Choice, ...]) -> bytes:
    out = Packer()
    out.raw(bytes([_FORM_WHOLE]))
    _pack_options(out, repro.options)
    _pack_name(out, repro.schedule.strategy, _STRATEGIES)
    out.number(repro.schedule.seed)
    out.raw(bytes.fromhex(repro.build)[:_PART])
    out.raw(bytes.fromhex(repro.fingerprint)[:_PART])
    packed = pack_scenario(scenario)
    out.number(len(packed))
    out.raw(packed)
    out.raw(pack_choices(choices))
    return bytes(out.data)


def _unpacked_whole(source: Unpacker) -> Whole:
    options, strategy, seed = _unpack_options(source), _unpack_name(source, _STRATEGIES), source.number()
    build, fingerprint = source.raw(_PART).hex(), source.raw(_PART).hex()
    scenario = unpack_scenario(source.raw(source.number()))
    schedule = Schedule(strategy, seed, choices=unpack_choices(source.rest()))
    return Whole(Repro(None, scenario.digest, options, schedule, build, fingerprint), scenario)


def _unpacked(payload: bytes) -> Repro | Whole | str:
    source = Unpacker(payload)
    form = source.raw(1)[0]
    if form == _FORM_BUNDLE:
        return source.raw(_HASH).hex()
    if form == _FORM_THREADS:
        return _unpacked_threads(source)
    if form == _FORM_WHOLE:
        return _unpacked_whole(source)
    if form not in (_FORM_SEED, _FORM_LIST):
        raise ValueError(f"its form is {form}")
    origin, digest = _unpack_scenario(source)
    options = _unpack_options(source)
    strategy = _unpack_name(source, _STRATEGIES)
    [schedule_seed] = struct.unpack("<Q", source.raw(8))
    first, second, third, fourth = (source.signed() for _ in range(4))
    build, fingerprint = source.raw(_PART).hex(), source.raw(_PART).hex()
    choices = unpack_choices(source.rest()) if form == _FORM_LIST else None
    schedule = Schedule(strategy, schedule_seed, (first, second, third, fourth), choices)
    return Repro(origin, digest, options, schedule, build, fingerprint)


def _packed_threads(repro: Repro) -> bytes:
    out = Packer()
    out.raw(bytes([_FORM_THREADS]))
    _pack_scenario(out, repro)
    _pack_name(out, repro.kind, _KINDS)
    _pack_name(out, repro.target, _TARGETS)
    out.raw(bytes.fromhex(repro.build)[:_PART])
    out.raw(bytes.fromhex(repro.fingerprint)[:_PART])
    return bytes(out.data)


def _unpacked_threads(source: Unpacker) -> Repro:
    origin, digest = _unpack_scenario(source)
    kind, target = _unpack_name(source, _KINDS), _unpack_name(source, _TARGETS)
    build, fingerprint = source.raw(_PART).hex(), source.raw(_PART).hex()
    if source.rest():
        raise ValueError("more follows than belongs to it")
    return on_threads(origin, digest, build, fingerprint, kind, target)


def _pack_scenario(out: Packer, repro: Repro) -> None:
    assert repro.origin is not None
    out.text(repro.origin.suite)
    out.raw(struct.pack("<Q", repro.origin.seed))
    _pack_shape(out, repro.origin.shape)
    out.raw(bytes.fromhex(repro.digest)[:_DIGEST])


def _unpack_scenario(source: Unpacker) -> tuple[Origin, str]:
    suite = source.text()
    [seed] = struct.unpack("<Q", source.raw(8))
    return Origin(suite, seed, _unpack_shape(source)), source.raw(_DIGEST).hex()


def _pack_shape(out: Packer, shape: Shape) -> None:
    bits = (_BACKING if shape.backing else 0) | (_DRAWN if shape.layout is None else 0)
    bits |= (_MEMORY if shape.memory is not None else 0) | (_FAULTS if shape.faults else 0)
    for place, part in enumerate(PARTS):
        bits |= getattr(shape.layout, part) << (3 + place) if shape.layout else 0
    out.raw(bytes([bits]))
    for figure in (shape.threads, shape.shared, shape.ops):
        out.number(figure)
    if shape.memory is not None:
        out.number(shape.memory)
    if shape.faults:
        out.number(len(shape.faults))
        for fault in parse_plan(shape.faults):
            _pack_fault(out, fault)


def _unpack_shape(source: Unpacker) -> Shape:
    bits = source.raw(1)[0]
    threads, shared, ops = source.number(), source.number(), source.number()
    memory = source.number() if bits & _MEMORY else None
    layout = None if bits & _DRAWN else Layout(*(bits >> (3 + place) & 1 for place in range(len(PARTS))))
    faults = tuple(_unpack_fault(source) for _ in range(source.number())) if bits & _FAULTS else ()
    return Shape(threads, shared, layout, memory, ops, backing=int(bool(bits & _BACKING)), faults=faults)


def _pack_fault(out: Packer, fault: Fault) -> None:
    """Only what differs from the usual, after a number that says what does: bit i for field i."""
    usual = Fault(fault.kind)
    given = [(i, getattr(fault, name)) for i, name in enumerate(_FAULT) if getattr(fault, name) != getattr(usual, name)]
    _pack_name(out, fault.kind, KINDS)
    out.number(sum(1 << i for i, _ in given))
    for _, value in given:
        if isinstance(value, str):
            out.text(value)
        else:
            out.signed(value)


def _unpack_fault(source: Unpacker) -> str:
    kind, bits = _unpack_name(source, KINDS), source.number()
    texts = ("label", "site", "holding")
    values = {
        name: source.text() if name in texts else source.signed() for i, name in enumerate(_FAULT) if bits >> i & 1
    }
    return str(replace(Fault(kind), **values))  # type: ignore[arg-type]


def _pack_options(out: Packer, options: Options) -> None:
    drawn = options.switch_probability == 0.0
    out.number(sum(1 << i for i, name in enumerate(_FLAGS) if getattr(options, name)) << 1 | int(not drawn))
    if not drawn:
        out.raw(struct.pack("<d", options.switch_probability))
    _pack_name(out, options.memory_model, _MODELS)
    out.number(options.depth)
    out.signed(options.preemption_bound)
    out.number(options.check_every)
    out.number(options.step_bound)
    _pack_name(out, options.strategy, _STRATEGIES)


def _unpack_options(source: Unpacker) -> Options:
    bits = source.number()
    probability = float(struct.unpack("<d", source.raw(8))[0]) if bits & 1 else 0.0
    flags = {name: bool(bits >> (1 + i) & 1) for i, name in enumerate(_FLAGS)}
    model = _unpack_name(source, _MODELS)
    depth, bound, every, steps = source.number(), source.signed(), source.number(), source.number()
    strategy = _unpack_name(source, _STRATEGIES)
    return Options(strategy=strategy, memory_model=model, **flags, depth=depth, switch_probability=probability,
                   preemption_bound=bound, check_every=every, step_bound=steps)  # fmt: skip


def _pack_name(out: Packer, name: str, known: tuple[str, ...]) -> None:
    if name in known:
        out.raw(bytes([known.index(name)]))
    else:
        out.raw(bytes([_SPELT]))
        out.text(name)


def _unpack_name(source: Unpacker, known: tuple[str, ...]) -> str:
    place = source.raw(1)[0]
    return source.text() if place == _SPELT else known[place]


def pack_choices(choices: tuple[Choice, ...]) -> bytes:
    """Return a list of choices in few bytes: distances of steps, kinds only where it isn't a thread, compressed."""
    out = Packer()
    last = 0
    for step, kind, value in choices:
        out.number((step - last) << 1 | int(kind != 0))
        if kind:
            out.number(kind)
        out.number(value)
        last = step
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(out.data)) + packer.flush()


def unpack_choices(data: bytes) -> tuple[Choice, ...]:
    """Return the choices that `pack_choices` packed. Raises ValueError or zlib.error when it is no such list."""
    source = zlib.decompress(data, -15)
    reader, end = Unpacker(source), len(source)
    choices: list[Choice] = []
    step = 0
    while reader.at < end:
        head = reader.number()
        step += head >> 1
        choices.append(Choice(step, reader.number() if head & 1 else 0, reader.number()))
    return tuple(choices)
