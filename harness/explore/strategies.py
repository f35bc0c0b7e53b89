"""The runtime's strategies and memory models by name, known without a library; a test compares them with its own."""

from __future__ import annotations

STRATEGIES: dict[str, str] = {
    "portfolio": "bursty random, PCT of several depths, POS, SURW and guided in turn",
    "random": "a random walk with a switch probability: bursty by default, uniform with probability 1",
    "pct": "random priorities, changed at d - 1 random points (Burckhardt and others, ASPLOS 2010)",
    "pos": "partial-order sampling: random priorities of operations (Yuan, Yang, Gu, CAV 2018)",
    "surw": "uniform over the orders of operations on selected objects (Zhao and others, ASPLOS 2025)",
    "guided": "keeps schedules that reach new reads-from pairs and mutates them (after Wolff and others, ASPLOS 2024)",
    "dfs": "all orders of conflicting operations up to a preemption bound (Musuvathi, Qadeer, PLDI 2007; "
    "Godefroid, LNCS 1032)",
}
MEMORY_MODELS: dict[str, str] = {"sc": "sequential consistency"}
