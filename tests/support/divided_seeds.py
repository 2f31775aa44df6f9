"""Makes four seeds of a run side by side on 4 × 2 devices, beside the same on one device."""

import jax
import jax.numpy as jnp
import numpy as np

import rlsuite
from rlsuite.experiments.devices import choose_mesh
from rlsuite.experiments.programs import Programs, under
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Method


def descent(num_agents: int) -> Method:
    """Agents that descend side by side; devices share them."""

    def init(key):
        return jax.random.normal(key, (num_agents, 3)), jax.random.fold_in(key, 1)

    def step(state):
        agents, key = state
        key, noise_key = jax.random.split(key)
        noise = jax.random.normal(noise_key, agents.shape)
        agents = rlsuite.sharding.apart(jax.vmap(lambda one, other: 0.9 * one + other))(
            agents, noise
        )
        return (agents, key), {"loss": jnp.square(agents).mean()}

    return Method(init, step)


experiment = Experiment(descent(2), 2, 2, ("loss",), learned=lambda state: state[0], divisible=2)
mesh = choose_mesh(experiment.divisible, num_seeds=4)
assert mesh is not None and dict(mesh.shape) == {"seeds": 4, "agents": 2}
learned = []
for devices in (mesh, None):
    with under(devices):
        programs = Programs(experiment, [0, 1, 5, 7])
        state = programs.start([None] * 4)
        # As after a checkpoint: each by itself, then together again.
        state = programs.start([programs.one(state, index) for index in range(4)])
        state, _ = programs.chunk(state, 3)(state)
        if devices is not None:
            assert state[0].sharding.spec[0] == "seeds", state[0].sharding
        learned.append(jax.device_get(state[0]))
np.testing.assert_allclose(*learned, rtol=1e-5)
print("the same")
