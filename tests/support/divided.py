"""Traces a chunk of each method that devices can share for all of them, and names it.

`python -m tests.support.divided METHOD...`
"""

import sys

import jax

from rlsuite.experiments.devices import choose_mesh
from rlsuite.experiments.programs import abstract_state, trace_chunk, under
from tests.experiments.running import plan_of

for method in sys.argv[1:]:
    experiment = plan_of(method).experiment
    if experiment.divisible == 1:  # A single student, rather than many agents or lives.
        continue
    mesh = choose_mesh(experiment.divisible)
    assert mesh is not None and jax.device_count() == 8
    with under(mesh):
        program = trace_chunk(experiment, abstract_state(experiment.method), 1)
    assert "shard_map" in str(program.jaxpr), method
    print(method)
