"""A scenario in few bytes, for tokens that no suite's seed explains: compressed with a dictionary of usual names."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from harness.model.scenario import Program, Scenario

# What a scenario's text is likely to hold, the likeliest last. It belongs to the format: never change it, or tokens of
# version 1 that were made before can't be read any more. Other names cost a few bytes more, nothing else.
_NAMES = (
    "protect backing zero_score_millis max_threads sync_wash_steps sync_wash_timeout_us node_block_size hp_per_block "
    "hp_batch hp_cache hv_waiting hv_slots lock_stripes bucket_size bucket_num wash_retire_limit retire_limit "
    "supply_num handles_per_block max_handles station_slots qclock_slots max_cpu block_size max_cache_size "
    "memory_limit "
    "wash nodes handles buckets defect expected"
)
_OPERATIONS = (
    "read_accounts set_limit la_free la_alloc node_free node_alloc la_wash hp_wash set_hold_size set_priority mb_info "
    "refresh_score sync_wash purge fill_mb check_now block_pointers ensure replace_fragments hv_drop hv_hold "
    "clean_garbage drop_instance create_instance erase_all erase_tenant erase_cache hold_share hold_verify put_absent "
    "flush reclaim free_mb alloc_mb hold_drop get_hold erase get add traverse supply put"
)
_DICTIONARY = (
    "".join(f',["{name}",[0,1]]' for name in _OPERATIONS.split())
    + "".join(f'"{name}":1,' for name in _NAMES.split())
    + '["supply","kvcache",{"segments",[[["'
).encode()
_USUAL = Scenario("", 0, "", {}, ())
_MISSING: list[Any] = [_USUAL.seed, [[]]]


def pack_scenario(scenario: Scenario) -> bytes:
    """Return a scenario in few bytes; what has its usual value at the end is left out."""
    fields: list[Any] = [scenario.suite, scenario.target, scenario.params, _listed(scenario.programs)]
    more = [scenario.seed, [_ops(scenario.setup)], scenario.rounds, scenario.processes, scenario.shared_bytes,
            scenario.check_every_ms, scenario.faults, scenario.format]  # fmt: skip
    usual = [_USUAL.seed, [_ops(_USUAL.setup)], _USUAL.rounds, _USUAL.processes, _USUAL.shared_bytes,
             _USUAL.check_every_ms, _USUAL.faults, _USUAL.format]  # fmt: skip
    while more and more[-1] == usual[len(more) - 1]:
        more.pop()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return packer.compress(msgspec.json.encode([*fields, *more], order="sorted")) + packer.flush()


def unpack_scenario(data: bytes) -> Scenario:
    """Return the scenario that `pack_scenario` packed. Raises ValueError or zlib.error when it is none."""
    source = zlib.decompressobj(-15, _DICTIONARY)
    try:
        fields: list[Any] = msgspec.json.decode(source.decompress(data) + source.flush())
        suite, target, params, programs = fields[:4]
        more = fields[4:]
        seed, setup, *rest = [*more, *_MISSING[len(more) :]]
        numbers = ("rounds", "processes", "shared_bytes", "check_every_ms", "faults", "format")
        plain = dict(zip(numbers, rest, strict=False))
        whole = {"suite": suite, "seed": seed, "target": target, "params": params,
                 "programs": _told(programs), "setup": _told(setup)[0], **plain}  # fmt: skip
        return msgspec.convert(whole, Scenario)
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError, IndexError) as error:
        raise ValueError(f"its scenario can't be read: {error}") from error


def _listed(programs: tuple[Program, ...]) -> list[list[Any]]:
    return [_ops(program) for program in programs]


def _ops(program: Program) -> list[Any]:
    return [[op.name, op.args] for op in program]


def _told(programs: list[list[tuple[str, list[int]]]]) -> list[list[dict[str, Any]]]:
    return [[{"name": name, "args": args} for name, args in program] for program in programs]
