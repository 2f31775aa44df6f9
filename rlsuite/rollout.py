"""Unrolling a policy in a gymnax world: fixed-length rollouts and whole evaluation episodes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import distrax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

Level = Any
"""A pytree of world parameters (gymnax `EnvParams`), so that worlds can be vmapped over levels."""

Policy = Callable[[PyTree], distrax.Distribution]
"""From a batch of observations to the distribution of their actions."""


class Worlds(NamedTuple):
    """The worlds of one agent's workers: the same level, each in a state of its own.

    Every leaf has a leading `worker` axis.
    """

    state: PyTree
    observation: PyTree


class Transition(NamedTuple):
    """Steps of a world; a rollout has leading axes `[time, worker]` on every leaf.

    `next_observation` is what the action led to *before* any automatic reset, which is what a
    value at the end of a truncated episode has to be read from.
    """

    observation: PyTree
    action: Float[Array, "time worker *action"] | Int[Array, "time worker"]
    reward: Float[Array, "time worker"]
    terminated: Bool[Array, "time worker"]
    truncated: Bool[Array, "time worker"]
    next_observation: PyTree

    @property
    def ended(self) -> Bool[Array, "time worker"]:
        """Whether the episode ended with this step, for either reason."""
        return self.terminated | self.truncated


def greedy(policy: Policy) -> Policy:
    """The policy that always takes the likeliest action."""
    return lambda observation: distrax.Deterministic(policy(observation).mode())


def reset_worlds(key: PRNGKeyArray, world: Environment, level: Level, num_workers: int) -> Worlds:
    """Starts `num_workers` worlds of one level."""
    keys = jax.random.split(key, num_workers)
    observation, state = jax.vmap(world.reset, in_axes=(0, None))(keys, level)
    return Worlds(state=state, observation=observation)


def stagger(key: PRNGKeyArray, world: Environment, level: Level, worlds: Worlds) -> Worlds:
    """Sets the clock of each worker's state at random, in [0, `max_steps_in_episode`).

    So episodes that the time limit cuts don't end in step. The first ones are shorter for it.
    """
    time = worlds.state.time
    clocks = jax.random.randint(key, time.shape, 0, level.max_steps_in_episode)
    state = worlds.state.replace(time=clocks.astype(time.dtype))
    observation = jax.vmap(lambda state: world.get_obs(state, params=level))(state)
    return Worlds(state=state, observation=observation)


def step_worlds(
    keys: PRNGKeyArray, world: Environment, level: Level, policy: Policy, worlds: Worlds
) -> tuple[Worlds, Transition]:
    """One step of every worker's world, with an action sampled from the policy.

    `keys` holds one key for each worker and one more, the first, for the actions.
    """
    action = policy(worlds.observation).sample(seed=keys[0])
    observation, state, reward, terminated, truncated, info = jax.vmap(
        world.step, in_axes=(0, 0, 0, None)
    )(keys[1:], worlds.state, action, level)
    transition = Transition(
        observation=worlds.observation,
        action=action,
        reward=jnp.asarray(reward, jnp.float32),
        terminated=terminated,
        truncated=truncated,
        next_observation=info["final_observation"],
    )
    return Worlds(state=state, observation=observation), transition


def rollout(
    key: PRNGKeyArray,
    world: Environment,
    level: Level,
    policy: Policy,
    worlds: Worlds,
    length: int,
) -> tuple[Worlds, Transition]:
    """Acts for `length` steps in each worker's world, which restart themselves as episodes end.

    Nothing here is differentiated: sampled actions and worlds have no gradient, so the results
    come back with gradients stopped even where the policy depends on something being learned.

    Returns:
      The worlds after the last step, and transitions with axes `[time, worker]`.
    """

    def step(worlds, step_keys):
        return step_worlds(step_keys, world, level, policy, worlds)

    num_workers = jax.tree.leaves(worlds.observation)[0].shape[0]
    result = jax.lax.scan(step, worlds, jax.random.split(key, (length, num_workers + 1)))
    return jax.lax.stop_gradient(result)


def episode_returns(
    key: PRNGKeyArray,
    world: Environment,
    level: Level,
    policy: Policy,
    num_episodes: int,
) -> Float[Array, " episode"]:
    """Undiscounted returns of fresh episodes of the stochastic policy, one per parallel world.

    Runs until the last of the episodes has ended, so its cost is the longest episode's; the world
    must therefore end every episode sooner or later (all gymnax worlds have a step limit).
    """
    reset_key, step_key = jax.random.split(key)
    worlds = reset_worlds(reset_key, world, level, num_episodes)

    def unfinished(carry):
        _, _, _, finished = carry
        return ~finished.all()

    def step(carry):
        time, worlds, returns, finished = carry
        keys = jax.random.split(jax.random.fold_in(step_key, time), num_episodes + 1)
        worlds, transition = step_worlds(keys, world, level, policy, worlds)
        returns = returns + jnp.where(finished, 0.0, transition.reward)
        return time + 1, worlds, returns, finished | transition.ended

    start = (0, worlds, jnp.zeros(num_episodes), jnp.zeros(num_episodes, bool))
    return jax.lax.while_loop(unfinished, step, start)[2]
