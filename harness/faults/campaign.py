"""A sweep in its course: an exploration whose units are fault points."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from harness.explore.campaign import Campaign
from harness.explore.units import Unit
from harness.faults.units import FaultUnits
from harness.model.batch import DONE, STOPPED, Batch
from harness.model.finding import BLOCKED, Finding
from harness.model.schedule import Schedule


@dataclass(slots=True)
class SweepCampaign(Campaign):
    """Tells the fault units what came of each batch."""

    fault_units: FaultUnits = field(kw_only=True)

    def take(self, unit: Unit, batch: Batch) -> None:
        """Add a batch to what has come so far. To wait for whom the plan has stopped for ever is no finding."""
        waiting = [seen for seen in batch.observations if seen.kind == BLOCKED]
        if waiting:
            others = tuple(seen for seen in batch.observations if seen.kind != BLOCKED)
            batch = replace(batch, observations=others)
            self.fault_units.waited(unit, waiting)
        Campaign.take(self, unit, batch)
        if batch.status in (DONE, STOPPED):
            self.fault_units.took(unit, batch)

    def died(self, unit: Unit, finding: Finding, schedule: Schedule) -> None:
        """A worker died in an execution."""
        Campaign.died(self, unit, finding, schedule)
        self.fault_units.lost(unit)
