"""Builds of the C sources: found or made, then loaded and run."""

from __future__ import annotations

from harness.builds.batch_progress import BatchProgress
from harness.builds.black_box import BlackBox
from harness.builds.build import Build, Kind, get_build
from harness.builds.cache import cache_folder
from harness.builds.compiler import Compiler, find_compiler
from harness.builds.core import SMALL, Core, Violated
from harness.builds.library import Library, load
from harness.builds.linear import Checker, load_checker
from harness.builds.preload import fixed_addresses, interpreter
from harness.builds.progress import PHASES, Progress, Track
from harness.builds.recipe import recipe, runtime_library
from harness.builds.record import build_record, made_with
from harness.builds.runtime import Runtime, load_runtime
from harness.builds.sources import sources
from harness.builds.symbols import Symbols, symbols_of
from harness.builds.target import Invariant, Operation, Parameter, Target
from harness.builds.worker import worker_environment

__all__ = [
    "PHASES",
    "SMALL",
    "BatchProgress",
    "BlackBox",
    "Build",
    "Checker",
    "Compiler",
    "Core",
    "Invariant",
    "Kind",
    "Library",
    "Operation",
    "Parameter",
    "Progress",
    "Runtime",
    "Symbols",
    "Target",
    "Track",
    "Violated",
    "build_record",
    "cache_folder",
    "find_compiler",
    "fixed_addresses",
    "get_build",
    "interpreter",
    "load",
    "load_checker",
    "load_runtime",
    "made_with",
    "recipe",
    "runtime_library",
    "sources",
    "symbols_of",
    "worker_environment",
]
