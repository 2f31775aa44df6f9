"""Whether a world draws anything at random, as far as some episodes show it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, PRNGKeyArray, PyTree, Shaped


class Determinism(NamedTuple):
    """What was the same under two keys.

    Attributes:
        starts: The states that episodes begin in.
        steps: From one start on, what some random actions led to and paid.
    """

    starts: Bool[Array, ""]
    steps: Bool[Array, ""]


def shown_determinism(
    key: PRNGKeyArray, world: Environment, level: Any, *, num_episodes: int, num_steps: int
) -> Determinism:
    """Whether episodes come out the same under two keys, bit for bit.

    What is drawn only in states that no random actions lead to is not seen.

    Args:
        key: Of the actions and of the two worlds.
        world: Of discrete actions.
        level: Its parameters.
        num_episodes: Side by side.
        num_steps: Of each, at most: what comes after its end is not looked at.
    """
    action_key, step_key, *keys = jax.random.split(key, 4)
    shape = num_steps, num_episodes
    action = jax.random.randint(action_key, shape, 0, world.num_actions)
    step = jax.vmap(world.step_env, (0, 0, 0, None))

    def began(key):
        return jax.tree.map(jnp.asarray, world.reset_env(key, level)[1])

    first, other = map(began, keys)
    start = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_episodes, *leaf.shape)), first)

    def both(carry, now):
        courses, is_over, same = carry
        action, key = now
        made = [
            step(jax.random.split(one, num_episodes), state, action, level)
            for one, state in zip(jax.random.split(key), courses, strict=True)
        ]
        after = tuple(state for _, state, *_ in made)
        outcomes = [(state, reward, ended) for _, state, reward, ended, _ in made]
        same &= is_over | _same(*outcomes)
        return (after, is_over | outcomes[0][2], same), None

    nobody = jnp.zeros(num_episodes, bool)
    now = action, jax.random.split(step_key, num_steps)
    (*_, same), _ = jax.lax.scan(both, ((start, start), nobody, ~nobody), now)
    alike = _same(*jax.tree.map(lambda leaf: leaf[None], (first, other)))
    return Determinism(alike[0], same.all())


def _same(
    first: PyTree[Shaped[Array, "episode ..."]], second: PyTree[Shaped[Array, "episode ..."]]
) -> Bool[Array, " episode"]:
    def same(one, other):
        equal = (one == other) | ((one != one) & (other != other))
        return equal.reshape(len(one), -1).all(axis=1)

    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return jnp.stack([same(*pair) for pair in pairs]).all(axis=0)
