"""Unrolling a policy in a gymnax world: fixed-length rollouts and whole evaluation episodes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import distrax
import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.clocks import clock_of, reads_clock, with_clock, without_clock
from rlsuite.selection import where_each

Level = Any
"""A pytree of world parameters (gymnax `EnvParams`), so that worlds can be vmapped over levels."""

OptimalReturn = Callable[[Level], Float[Array, ""]]
"""`level -> return` of the best policy there is."""

LevelAxes = Any
"""The worker's axis of a level, as `in_axes` of `jax.vmap` takes it; none if it is shared."""


class Levels(NamedTuple):
    """The level of all workers, or one for each along the given axes."""

    level: Level
    axes: LevelAxes = None

    def map(self, function: Callable[..., Any], *arguments: PyTree) -> Any:
        """`function(*arguments, level)` for every worker, the first axis of all arguments."""
        in_axes = (*(0 for _ in arguments), self.axes)
        return jax.vmap(function, in_axes=in_axes)(*arguments, self.level)


Memory = Any
"""What a policy remembers of the episode so far: a pytree, `()` where it remembers nothing.

Every leaf has the leading axes of the observations, such as `worker`.
"""


def no_memory(num_workers: int) -> Memory:
    """The memory of whatever needs none."""
    del num_workers
    return ()


class Policy(NamedTuple):
    """How to act.

    Attributes:
      act: `(memory, observation) -> (distribution of actions, memory)`, over any leading axes.
      init_memory: `num_workers -> memory` before the first step of an episode.
      judge: `(memory, observation) -> (distribution of actions, memory, judgement)`, the same with
        what transitions are to keep as their `judgement`; none where that is nothing.
    """

    act: Callable[[Memory, PyTree], tuple[distrax.Distribution, Memory]]
    init_memory: Callable[[int], Memory] = no_memory
    judge: Callable[[Memory, PyTree], tuple[distrax.Distribution, Memory, PyTree]] | None = None


class Worlds(NamedTuple):
    """The worlds of one agent's workers, each in a state of its own.

    Every leaf has a leading `worker` axis.
    """

    state: PyTree
    observation: PyTree


class Transition(NamedTuple):
    """Steps of a world; a rollout has leading axes `[time, worker]` on every leaf.

    `next_observation` is what the action led to *before* any automatic reset, which is what a
    value at the end of a truncated episode has to be read from.

    Attributes:
      observation: what was acted on.
      action: what was done.
      log_probability: that of the action, or its log density, under the policy that chose it.
      reward: of the world.
      terminated: whether the world came to an end.
      truncated: whether a time limit cut the episode.
      next_observation: what the action led to.
      extra: what the world tells learners but not policies, a pytree that it puts under `"extra"`
        in gymnax's `info`; `()` if it doesn't.
      judgement: what the agent thought of where it was, so that it need not look again while it is
        as it was; `()` if it didn't say.
    """

    observation: PyTree
    action: Float[Array, "time worker *action"] | Int[Array, "time worker"]
    log_probability: Float[Array, "time worker"]
    reward: Float[Array, "time worker"]
    terminated: Bool[Array, "time worker"]
    truncated: Bool[Array, "time worker"]
    next_observation: PyTree
    extra: PyTree = ()
    judgement: PyTree = ()

    @property
    def ended(self) -> Bool[Array, "*time worker"]:
        """Whether the episode ended with this step, for either reason."""
        return self.terminated | self.truncated


class Experience(NamedTuple):
    """A rollout: whole sequences, for learners with memory as for those without.

    Attributes:
      transitions: with axes `[time, worker]`.
      memory: what the workers remembered before the first of them.
    """

    transitions: Transition
    memory: Memory


def memoryless(policy: Callable[[PyTree], distrax.Distribution]) -> Policy:
    """A policy that reads the observation alone."""
    return Policy(lambda memory, observation: (policy(observation), memory))


def greedy(policy: Policy) -> Policy:
    """The policy that always takes the likeliest action."""

    def act(memory, observation):
        actions, memory = policy.act(memory, observation)
        return distrax.Deterministic(actions.mode()), memory

    return policy._replace(act=act)


def forget(policy: Policy, memory: Memory, ended: Bool[Array, " worker"]) -> Memory:
    """Memory anew where an episode ended."""
    return where_each(ended, policy.init_memory(ended.shape[0]), memory)


def memories(policy: Policy, experience: Experience) -> Memory:
    """What the policy remembers before each step of a rollout, with axes `[time, worker]`.

    That is how a policy, or whatever shares its memory, is asked about all steps at once:
    `policy.act(memories(policy, experience), experience.transitions.observation)`.
    """
    if not jax.tree.leaves(experience.memory):
        return experience.memory

    def step(memory, inputs):
        observation, ended = inputs
        _, after = policy.act(memory, observation)
        return forget(policy, after, ended), memory

    transitions = experience.transitions
    inputs = transitions.observation, transitions.ended
    return jax.lax.scan(step, experience.memory, inputs)[1]


def reset_worlds(key: PRNGKeyArray, world: Environment, levels: Levels, num_workers: int) -> Worlds:
    """Starts `num_workers` worlds."""
    observation, state = levels.map(world.reset, jax.random.split(key, num_workers))
    return Worlds(state=state, observation=observation)


def stagger(key: PRNGKeyArray, world: Environment, levels: Levels, worlds: Worlds) -> Worlds:
    """Sets the clock of each worker's state at random, in [0, `max_steps_in_episode`).

    So episodes that the time limit cuts don't end in step. The first ones are shorter for it, and
    else as they would be: worlds stay as they are where their clock feeds anything but the time
    limit (an observation, a reward, an end that is no truncation, the rest of a state), which is
    read off the program of their step; where a state has no clock, a number called `time`; and
    where the limit is not positive, or there is none (infinity, or more than a clock counts).
    """
    clock = clock_of(worlds.state)
    if clock is None or not clock_only_limits(world, levels, worlds.state):
        return worlds
    limits = levels.map(lambda clock, level: level.max_steps_in_episode, clock)
    is_reached = (limits > 0) & (limits < 2.0**31)
    limits = jnp.where(is_reached, jnp.ceil(limits), 0).astype(jnp.int32)
    clocks = jax.random.randint(key, clock.shape, 0, jnp.maximum(limits, 1))
    return worlds._replace(state=with_clock(worlds.state, clocks.astype(clock.dtype)))


def clock_only_limits(world: Environment, levels: Levels, state: PyTree) -> bool:
    """Whether the clock cuts episodes, and does nothing else in the world."""
    if clock_of(state) is None or not hasattr(levels.level, "max_steps_in_episode"):
        return False
    num_workers = jax.tree.leaves(state)[0].shape[0]
    keys = jax.eval_shape(lambda: jax.random.split(jax.random.key(0), num_workers))
    actions = jax.eval_shape(jax.vmap(world.action_space(world.default_params).sample), keys)

    def truncated(state, level):
        return Levels(level, levels.axes).map(world.is_truncated, state)

    def rules(state, keys, actions, level):
        observation, after, reward, terminated, info = Levels(level, levels.axes).map(
            world.step_env, keys, state, actions
        )
        return observation, without_clock(after), reward, terminated, info.get("extra", ())

    return reads_clock(truncated, state, levels.level) and not reads_clock(
        rules, state, keys, actions, levels.level
    )


def step_worlds(
    keys: Shaped[Array, "worker *key"],
    world: Environment,
    levels: Levels,
    policy: Policy,
    worlds: Worlds,
    memory: Memory,
) -> tuple[Worlds, Memory, Transition]:
    """One step of every worker's world, with an action sampled from the policy.

    `keys` holds one key for each worker and one more, the first, for the actions. Worlds restart
    and memory is lost as episodes end.
    """
    if policy.judge is None:
        (actions, memory), judgement = policy.act(memory, worlds.observation), ()
    else:
        actions, memory, judgement = policy.judge(memory, worlds.observation)
    action, log_probability = actions.sample_and_log_prob(seed=keys[0])
    observation, state, reward, terminated, truncated, info = levels.map(
        world.step, keys[1:], worlds.state, action
    )
    transition = Transition(
        observation=worlds.observation,
        action=action,
        log_probability=log_probability,
        reward=jnp.asarray(reward, jnp.float32),
        terminated=terminated,
        truncated=truncated,
        next_observation=info["final_observation"],
        extra=info.get("extra", ()),
        judgement=judgement,
    )
    worlds = Worlds(state=state, observation=observation)
    return worlds, forget(policy, memory, transition.ended), transition


def rollout(
    key: PRNGKeyArray,
    world: Environment,
    levels: Levels,
    policy: Policy,
    worlds: Worlds,
    memory: Memory,
    length: int,
) -> tuple[Worlds, Memory, Experience]:
    """Acts for `length` steps in each worker's world, which restart themselves as episodes end.

    Nothing here is differentiated: sampled actions and worlds have no gradient, so the results
    come back with gradients stopped even where the policy depends on something being learned.

    Returns:
      The worlds and the memory after the last step, and what was experienced.
    """

    def step(carry, step_keys):
        worlds, memory, transition = step_worlds(step_keys, world, levels, policy, *carry)
        return (worlds, memory), transition

    num_workers = jax.tree.leaves(worlds.observation)[0].shape[0]
    keys = jax.random.split(key, (length, num_workers + 1))
    (worlds, after), transitions = jax.lax.scan(step, (worlds, memory), keys)
    return jax.lax.stop_gradient((worlds, after, Experience(transitions, memory)))


def add_reward(
    running: Float[Array, " worker"], reward: Float[Array, " worker"], ended: Bool[Array, " worker"]
) -> tuple[Float[Array, " worker"], Float[Array, " worker"]]:
    """Returns of episodes after one more step.

    Args:
      running: undiscounted returns so far, NaN where they are not known.
      reward: of the step.
      ended: whether it ended the episode.

    Returns:
      Those of the episodes that go on, zero where one begins, and of those that ended the return,
      NaN of all others.
    """
    running = running + reward
    return jnp.where(ended, 0.0, running), jnp.where(ended, running, jnp.nan)


def finished_returns(
    running: Float[Array, " worker"], transitions: Transition
) -> tuple[Float[Array, " worker"], Float[Array, "time worker"]]:
    """Undiscounted returns of the episodes that end in a rollout.

    Args:
      running: returns so far of the episodes that it goes on with, NaN where they are not known.
      transitions: with axes `[time, worker]`.

    Returns:
      Those of the episodes that go on after it, and at each step that ended an episode its return,
      NaN at all others and where it is not known.
    """
    steps = transitions.reward, transitions.ended
    return jax.lax.scan(lambda running, step: add_reward(running, *step), running, steps)


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
    levels = Levels(level)
    worlds = reset_worlds(reset_key, world, levels, num_episodes)

    def unfinished(carry):
        return ~carry[-1].all()

    def step(carry):
        time, worlds, memory, returns, finished = carry
        keys = jax.random.split(jax.random.fold_in(step_key, time), num_episodes + 1)
        worlds, memory, transition = step_worlds(keys, world, levels, policy, worlds, memory)
        returns = returns + jnp.where(finished, 0.0, transition.reward)
        return time + 1, worlds, memory, returns, finished | transition.ended

    zeros = jnp.zeros(num_episodes)
    start = (0, worlds, policy.init_memory(num_episodes), zeros, zeros.astype(bool))
    return jax.lax.while_loop(unfinished, step, start)[3]
