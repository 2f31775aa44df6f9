"""Who is tested among students, and how they attempt levels."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jax.tree_util import Partial
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.actions import random_policy
from rlsuite.compiling import jit
from rlsuite.experiments.evaluation import Contender
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.role_keys import role_key
from rlsuite.lifetime import Life
from rlsuite.objectives.objective import Learner
from rlsuite.rollout import Level, episode_returns

Attempt = Callable[[PRNGKeyArray, Environment, Level, int], Float[Array, " attempt"]]
"""`(key, world, level, number) -> returns` of so many attempts at a level."""

_AT_ONCE = 64


def contenders_of(finished: Finished, rivals: Sequence[Finished]) -> dict[Contender, Attempt]:
    """Who is tested, and how each attempts levels: of any world that looks like its own."""
    world = finished.named_world.world
    objective = life_of(finished, world).objective
    untrained = jit(objective.init, program="once")(role_key("untrained"))

    # What it has learned is an argument, so that students of one run share a program.
    def of_students(run: Finished) -> Callable[[Learner], Attempt]:
        behaviour = life_of(run, world).objective.behaviour

        def attempt(learner, key, world, level, number):
            return episode_returns(key, world, level, behaviour(learner), number)

        return lambda learner: Partial(attempt, learner)

    def by_chance(key, world, level, number):
        return episode_returns(key, world, level, random_policy(world), number)

    runs = finished.beside(rivals)
    own = of_students(finished)
    return {
        **{
            who: (own if run is finished else of_students(run))(run.learned)
            for who, run in runs.items()
        },
        Contender("untrained student", "baseline"): own(untrained),
        Contender("random policy", "baseline"): Partial(by_chance),
    }


def life_of(run: Finished, world: Environment) -> Life:
    """A student's life, multiplied as JAX does it by itself, whatever training did: as any can."""
    config = run.run.method
    config = replace(config, student=replace(config.student, precision=None))
    return config.life_in(world)


def attempts_at(
    world: Environment, number: int
) -> Callable[[Attempt, Level], Float[np.ndarray, "level attempt"]]:
    """`(attempt, levels) -> returns` of so many attempts at each level, in one program."""

    def at_all(attempt, keys, levels):
        return jax.lax.map(
            lambda both: attempt(both[0], world, both[1], number),
            (keys, levels),
            batch_size=min(_AT_ONCE, len(keys)),
        )

    program = jit(at_all)

    def returns(attempt, levels):
        keys = jax.random.split(role_key("episodes"), len(jax.tree.leaves(levels)[0]))
        return np.asarray(program(attempt, keys, levels))

    return returns


def together(levels: Sequence[Level]) -> Level:
    """Sets of levels as one."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *levels)
