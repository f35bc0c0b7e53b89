"""What a target says of itself: its operations, creation parameters, invariants and return codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cffi import FFI

from harness.model.fault import Benign, Site

INSTANT, QUIESCENT, DESTROYED = 1, 2, 4  # when an invariant can be judged; may be added up


@dataclass(frozen=True, slots=True)
class Operation:
    """One public call, numbered in the order of the target's table."""

    code: int
    purpose: str
    arg_cnt: int
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A creation parameter; `standard` is its value when it isn't given (0 often means: derived from others)."""

    purpose: str
    standard: int
    min: int
    max: int


@dataclass(frozen=True, slots=True)
class Invariant:
    """A claim that the target can judge."""

    claim: str
    when: int


@dataclass(frozen=True, slots=True)
class Target:
    """A target's tables by name, each in the target's own order. Plain data: it can be sent to another process."""

    name: str
    ops: dict[str, Operation]
    params: dict[str, Parameter]
    invariants: dict[str, Invariant]
    codes: tuple[str, ...]
    sites: tuple[Site, ...] = ()  # places whose allocations can be made to fail
    benign: tuple[Benign, ...] = ()
    holds: tuple[str, ...] = ()  # what a thread can hold that keeps others waiting, or memory from being freed


def read_target(ffi: FFI, table: Any) -> Target:
    """Return what an rw_target holds."""

    def text(pointer: Any) -> str:
        value = ffi.string(pointer)
        return value.decode() if isinstance(value, bytes) else value

    ops = {}
    for code in range(table.op_cnt):
        op = table.ops[code]
        names = tuple(text(op.args[i]) for i in range(op.arg_cnt))
        ops[text(op.name)] = Operation(code, text(op.purpose), op.arg_cnt, names)
    params = {}
    for i in range(table.param_cnt):
        param = table.params[i]
        params[text(param.name)] = Parameter(text(param.purpose), param.standard, param.min, param.max)
    invariants = {}
    for i in range(table.invariant_cnt):
        invariant = table.invariants[i]
        invariants[text(invariant.id)] = Invariant(text(invariant.claim), invariant.when)
    codes = tuple(text(table.codes[i]) for i in range(table.code_cnt))
    listed = (table.sites[i] for i in range(table.site_cnt))
    sites = tuple(Site(relative(text(site.file)), int(site.line), text(site.function)) for site in listed)
    scopes = (table.benign[i] for i in range(table.benign_cnt))
    benign = tuple(Benign(text(scope.op), text(scope.function), text(scope.reason)) for scope in scopes)
    holds = tuple(text(table.holds[i]) for i in range(table.hold_cnt))
    return Target(text(table.name), ops, params, invariants, codes, sites, benign, holds)


def relative(file: str) -> str:
    """Return a source file's name from the sources' root on, by whatever path it was compiled.

    >>> relative("./native/core/store.c"), relative("/tmp/build/native/core/store.c")
    ('native/core/store.c', 'native/core/store.c')
    """
    before, found, after = file.rpartition("native/")
    return found + after if not before or before.endswith("/") else file
