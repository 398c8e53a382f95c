"""Schedule: one run of a scenario under a plan of faults."""

from collections import Counter
from dataclasses import dataclass
from random import Random

from tests.simulation.drawing import random_scenario
from tests.simulation.faults import ExactPlan, Fault, Plan, Planned, RandomPlan
from tests.simulation.invariants import Invariants, ViolationError
from tests.simulation.kernel import SimulationStuckError
from tests.simulation.scenario import Scenario
from tests.simulation.world import World


@dataclass(frozen=True)
class Result:
    """What a schedule came to.

    Attributes:
        calls: Every call of a port, in order; the faults of an `ExactPlan` are counted along it.
        undecided: Conversations that were left to a person.
        unseen: Conversations with a message that was adopted without its text.
        violation: How the promise was broken, if it was.
    """

    seed: int
    calls: tuple[str, ...]
    planned: tuple[Planned, ...]
    faults: Counter[Fault]
    undecided: int
    unseen: int
    violation: str | None
    trace: tuple[str, ...]


def run_schedule(seed: int, scenario: Scenario | None = None, plan: Plan | None = None) -> Result:
    """Run one schedule to its end, or to its first violation."""
    random = Random(seed)
    scenario = scenario or random_scenario(random)
    world = World(Random(random.getrandbits(64)), scenario, plan or RandomPlan(Random(random.getrandbits(64))))
    invariants = Invariants(world)
    violation = None
    try:
        with world.running():
            world.kernel.run()
        invariants.check_end()
    except (ViolationError, SimulationStuckError) as exc:
        violation = str(exc)
        world.kernel.after_event = lambda: None
    return Result(
        seed=seed,
        calls=tuple(world.injector.calls),
        planned=tuple(planned for planned, _ in world.injector.injected),
        faults=world.injector.counts(),
        undecided=len(invariants.undecided),
        unseen=len(invariants.unseen),
        violation=violation,
        trace=tuple(world.kernel.trace),
    )


def rerun_with(seed: int, planned: tuple[Planned, ...]) -> Result:
    """Run the scenario of a random schedule with exactly these faults."""
    return run_schedule(seed, plan=ExactPlan(*planned))


def simplest(result: Result) -> Result:
    """Leave out one fault after another until each that is left is needed to break the promise."""
    for fault in result.planned:
        fewer = rerun_with(result.seed, tuple(other for other in result.planned if other != fault))
        if fewer.violation is not None:
            return simplest(fewer)
    return result
