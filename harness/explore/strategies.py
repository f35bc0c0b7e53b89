"""The runtime's strategies and memory models by name, known without a library; a test compares them with its own."""

from __future__ import annotations

STRATEGIES: dict[str, str] = {
    "portfolio": "bursty random, PCT of several depths, POS, SURW and guided in turn",
    "random": "a random thread at each point, with a probability of switching drawn for each execution",
    "pct": "random priorities with a few random change points (Burckhardt et al., ASPLOS 2010)",
    "pos": "partial-order sampling: priorities drawn anew for racing operations (Yuan, Yang, Gu, CAV 2018)",
    "surw": "selectively uniform random walk: threads weighted by the steps left to them (Zhao et al., ASPLOS 2025)",
    "guided": "keeps schedules that reach new reads-from pairs and mutates them (Wolff et al., ASPLOS 2024)",
    "dfs": "all schedules up to a preemption bound, with partial-order reduction (Flanagan, Godefroid, POPL 2005)",
}
MEMORY_MODELS: dict[str, str] = {"sc": "sequential consistency"}
