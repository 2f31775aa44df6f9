from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.gridworld import GridWorld, Params, level_distribution, optimal_return

WORLD = GridWorld(max_side=3, max_objects=3, max_types=3)
LEVELS = 12


def brute_force(world, level):
    """Enumerate every transition of every state, one step of the horizon after another."""
    side, kinds = int(level.side), level.object_type
    walls = level.walls.reshape(world.max_side, world.max_side)
    free = [cell for cell in product(range(side), repeat=2) if not walls[cell]]
    places = [divmod(int(cell), world.max_side) for cell in level.object_position]
    presences = list(product(*[(False, True) if kind >= 0 else (False,) for kind in kinds]))

    def outcomes(cell, present, move):
        target = (cell[0] + move[0], cell[1] + move[1])
        target = target if target in free else cell
        here = [j for j, exists in enumerate(present) if exists and places[j] == target]
        reward = sum(level.type_reward[kinds[j]] for j in here)
        ending = min(1.0, sum(level.type_termination_probability[kinds[j]] for j in here))
        absent = [j for j, exists in enumerate(present) if not exists and kinds[j] >= 0]
        for back in product((False, True), repeat=len(absent)):
            chance, after = 1.0 - ending, list(present)
            for j in here:
                after[j] = False
            for j, returns in zip(absent, back, strict=True):
                respawn = level.type_respawn_probability[kinds[j]]
                chance *= respawn if returns else 1 - respawn
                after[j] = returns
            yield chance, reward, target, tuple(after)

    moves = [(-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)]
    values = dict.fromkeys(product(free, presences), 0.0)
    for _ in range(int(level.max_steps_in_episode)):
        previous = values
        values = {}
        for cell, present in previous:
            best = -np.inf
            for move in moves:
                branches = list(outcomes(cell, present, move))
                expected = sum(chance * previous[to, after] for chance, _, to, after in branches)
                best = max(best, branches[0][1] + expected)
            values[cell, present] = best
    return values[divmod(int(level.start), world.max_side), tuple(kinds >= 0)]


def random_level(generator):
    """A tiny level, on purpose without care for reachability or distinct cells."""
    side = generator.integers(2, 4)
    walls = generator.random((3, 3)) < 0.25
    row, column = generator.integers(side, size=2)
    walls[row, column] = False
    objects = generator.integers(1, 4)
    places = generator.integers(side, size=(3, 2)) @ [3, 1]
    return Params(
        max_steps_in_episode=np.int32(generator.integers(1, 9)),
        side=np.int32(side),
        walls=walls.ravel(),
        start=np.int32(row * 3 + column),
        object_type=np.where(np.arange(3) < objects, generator.integers(3, size=3), -1),
        object_position=places.astype(np.int32),
        type_reward=generator.uniform(-1, 1, 3).astype(np.float32),
        type_termination_probability=generator.choice([0.0, 0.3, 0.8], 3).astype(np.float32),
        type_respawn_probability=generator.choice([0.0, 0.2, 0.7, 1.0], 3).astype(np.float32),
    )


def test_against_enumeration_of_all_transitions():
    levels = [random_level(np.random.default_rng(seed)) for seed in range(LEVELS)]
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
    solved = jax.jit(jax.vmap(lambda level: optimal_return(WORLD, level)))(batch)
    expected = [brute_force(WORLD, level) for level in levels]
    assert np.ptp(expected) > 0.5
    np.testing.assert_allclose(solved, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("drawing", "options", "expected"),
    [
        ("@.0 ... ...", {}, 1.0),
        ("@.0 ... ...", {"max_steps": 1}, 0.0),
        ("@#0 ##. ...", {}, 0.0),
        ("@00 ... ..0", {"max_steps": 3}, 2.0),
        ("@0. ... ...", {"respawn": (1.0,), "max_steps": 6}, 3.0),
        ("@0. ... ...", {"respawn": (1.0,), "termination": (1.0,), "max_steps": 6}, 1.0),
        # Passing the loss is worth it, once; going round it is better if there is time.
        ("@10 ### ...", {"max_steps": 2}, 0.75),
        ("@10 ... ...", {"max_steps": 4}, 1.0),
        # Each visit pays 1 and goes on with probability 1/2: 1 + 1/2 + 1/4.
        ("@0. ... ...", {"respawn": (1.0,), "termination": (0.5,), "max_steps": 6}, 1.75),
    ],
)
def test_levels_solved_by_hand(draw_level, drawing, options, expected):
    level = draw_level(WORLD, drawing, rewards=(1.0, -0.25), **options)
    assert float(solve(level)) == pytest.approx(expected, abs=1e-6)


solve = jax.jit(lambda level: optimal_return(WORLD, level))


def test_the_world_pays_what_the_solver_promises(draw_level):
    """In a corridor the best policy is plain: stand on the object."""
    options = {"respawn": (0.3,), "termination": (0.1,), "max_steps": 12}
    level = draw_level(WORLD, "@0# ### ###", rewards=(1.0,), **options)

    def episode(key):
        def body(carry, key):
            state, alive = carry
            _, state, reward, terminated, _ = WORLD.step_env(key, state, 3, level)
            return (state, alive & ~terminated), reward * alive

        _, state = WORLD.reset(key, level)
        _, rewards = jax.lax.scan(body, (state, jnp.array(True)), jax.random.split(key, 12))
        return rewards.sum()

    returns = jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), 20_000))
    error = float(returns.std()) / np.sqrt(len(returns))
    assert abs(float(returns.mean()) - float(solve(level))) < 5 * error


def test_a_drawn_world_is_refused():
    distribution = level_distribution("rand_sparse")
    level, _ = distribution.sample(jax.random.key(0))
    with pytest.raises(ValueError, match="needs one with tabular=True"):
        optimal_return(distribution.world, level)
