"""Tests that an agent's life is its own: the same alone, in company, at once or in parts."""

import distrax
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.drifts import ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.objective import Objective
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo

LIFETIMES = jnp.array([1, 3, 0, 4])
KEY = jax.random.key(0)


def assert_same(first, second):
    """Integers, flags and keys exactly, floats but for rounding."""

    def check(x, y):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        if jnp.issubdtype(x.dtype, jnp.floating):
            np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(x, y)

    jax.tree.map(check, first, second)


def item(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


@pytest.fixture(scope="module")
def life(tiny_grid):
    agent = AgentConfig(policy_learning_rate=2.0, prediction_learning_rate=1.0)
    return Life(
        tiny_grid, a2c(make_agent(tiny_grid, agent), A2CConfig()), num_workers=3, rollout_length=4
    )


@pytest.fixture(scope="module")
def tasks(tiny_grid):
    level = tiny_grid.default_params
    starts = jnp.array([0, 2, 4, 6])
    levels = jax.vmap(lambda start: level.replace(start=start))(starts)
    return Task(levels, LIFETIMES)


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.key(0), len(LIFETIMES))


@pytest.fixture(scope="module")
def whole(life):
    return jax.jit(lambda key, task: life.whole(key, (), task))


@pytest.fixture(scope="module")
def together(life, keys, tasks):
    return jax.jit(jax.vmap(lambda key, task: life.whole(key, (), task)))(keys, tasks)


def test_lives_of_unequal_length_are_the_same_alone_and_side_by_side(whole, together, keys, tasks):
    np.testing.assert_array_equal(together.num_updates, LIFETIMES)
    for i in range(len(LIFETIMES)):
        assert_same(item(together, i), whole(keys[i], item(tasks, i)))


def test_updates_in_a_row_equal_updates_one_by_one(life, together):
    update = jax.jit(lambda agent: life.update((), agent))
    agent = item(together, 0)
    single, history = agent, []
    for _ in range(5):
        single, outputs = update(single)
        history.append(outputs)
    at_once, outputs = jax.jit(lambda agent: life.updates((), agent, 5))(agent)
    assert_same(at_once, single)
    assert_same(outputs, jax.tree.map(lambda *leaves: jnp.stack(leaves), *history))
    assert at_once.num_updates == agent.num_updates + 5


def test_a_whole_life_is_its_updates(life, whole, together, tasks, keys):
    task = item(tasks, 1)
    agent = jax.jit(life.init)(keys[1], task)
    assert agent.num_updates == 0
    agent, _ = jax.jit(lambda agent: life.updates((), agent, 3))(agent)
    assert_same(agent, whole(keys[1], task))


def test_agents_with_keys_of_their_own_live_differently(whole, tasks, keys):
    task = item(tasks, 3)
    first, second = whole(keys[0], task), whole(keys[1], task)
    kernels = [jax.tree.leaves(agent.learner.policy.parameters)[0] for agent in (first, second)]
    assert not np.allclose(*kernels)


def test_every_update_draws_afresh_from_the_agents_own_key(life, together):
    """Two updates from the same worlds and learner, but at different ages, act differently."""
    agent = item(together, 3)
    act = jax.jit(lambda agent: life.update((), agent)[1][0].transitions.action)
    later = agent._replace(num_updates=agent.num_updates + 1)
    assert (act(agent) != act(later)).any()
    np.testing.assert_array_equal(act(agent), act(agent))


def test_the_mean_return_is_that_of_the_agents_policy(life, tiny_grid, together):
    """An agent that walks right, then down, reaches the goal for sure; one that waits never."""
    evaluate = jax.jit(lambda agent: life.mean_return(jax.random.key(0), agent, 4))
    agent = item(together, 0)
    right, down, stay = 3, 1, 4

    def with_policy(choose):
        logits = np.full((tiny_grid.num_states + 1, 5), -1e6)
        for state in range(tiny_grid.num_states):
            logits[state, choose(state % tiny_grid.cells)] = 0.0
        logits[-1] = 0.0
        policy = agent.learner.policy._replace(
            parameters={"params": {"kernel": jnp.asarray(logits, jnp.float32)}}
        )
        return agent._replace(learner=agent.learner._replace(policy=policy))

    walks = with_policy(lambda cell: right if cell % 3 < 2 else down)
    assert evaluate(walks) == 1.0
    assert evaluate(with_policy(lambda cell: stay)) == 0.0


def test_the_mean_of_no_episodes_is_refused(life, together):
    with pytest.raises(ValueError, match="num_episodes: 0 is not allowed; it must be at least 1"):
        life.mean_return(KEY, item(together, 0), 0)


def test_objectives_are_told_how_old_the_agent_is_and_how_old_it_gets(counting_world):
    """A learner that writes down the clock of each of its updates."""

    def update(key, parameters, learner, experience, clock):
        return learner.at[clock.num_updates].set(clock.lifetime * parameters), {}

    objective = Objective(
        init_parameters=lambda key: jnp.array(1),
        init=lambda key: jnp.zeros(5, jnp.int32),
        policy=lambda learner, memory, observation: (
            distrax.Categorical(jnp.zeros_like(observation)),
            memory,
        ),
        update=update,
    )
    life = Life(counting_world, objective, num_workers=1, rollout_length=1)
    task = Task(counting_world.default_params, jnp.array(3))
    agent = jax.jit(life.whole)(jax.random.key(0), jnp.array(7), task)
    np.testing.assert_array_equal(agent.learner, [21, 21, 21, 0, 0])


def test_clocks_are_staggered_where_life_says_so(hidden_clock_world, life, tasks, keys):
    # In the grid, whose observations show the time, clocks stay as they are.
    seen = life._replace(staggered=True).init(keys[0], item(tasks, 0))
    assert_same(seen, life.init(keys[0], item(tasks, 0)))
    life = coin_life(hidden_clock_world)._replace(num_workers=50)
    task = Task(jax.tree.map(jnp.asarray, hidden_clock_world.default_params), jnp.array(3))
    assert (life.init(keys[0], task).worlds.state.time == 0).all()
    staggered = life._replace(staggered=True).init(keys[0], task)
    clocks = staggered.worlds.state.time
    assert len(np.unique(clocks)) > 25
    assert clocks.min() >= 0
    assert clocks.max() < task.level.max_steps_in_episode
    together = life.init(keys[0], task)
    assert_same(staggered.learner, together.learner)
    clocks_alike = staggered.worlds.state.replace(time=together.worlds.state.time)
    assert_same(clocks_alike, together.worlds.state)


def test_workers_with_a_level_each_live_as_those_who_share_it(life, tasks, keys):
    """Where all of the levels are the same one, and where they differ each in its own."""
    task = item(tasks, 1)
    each = life._replace(level_axes=0)
    repeated = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (3, *jnp.shape(leaf))), task.level)

    @jax.jit
    def both(key):
        own = each.whole(key, (), Task(repeated, task.lifetime))
        return life.whole(key, (), task)._replace(task=()), own._replace(task=())

    assert_same(*both(keys[1]))


def test_each_worker_is_in_its_own_level_and_all_are_evaluated(hidden_clock_world):
    starts, limits = jnp.array([0, 10, 20]), jnp.array([2, 3, 4])

    class FixedStart(type(hidden_clock_world)):
        def reset_env(self, key, params):
            _, state = super().reset_env(key, params)
            state = state.replace(count=params.highest_start)
            return self.get_obs(state), state

    level = hidden_clock_world.default_params.replace(goal=jnp.int32(1000))
    levels = jax.vmap(
        lambda start, limit: level.replace(highest_start=start, max_steps_in_episode=limit)
    )(starts, limits)

    def policy(learner, memory, observation):
        return distrax.Categorical(0 * observation + jnp.array([0, 1e6])), memory

    objective = Objective(
        init_parameters=lambda key: (),
        init=lambda key: (),
        policy=policy,
        update=lambda key, parameters, learner, experience, clock: (learner, {}),
    )
    life = Life(FixedStart(), objective, num_workers=3, rollout_length=4, level_axes=0)
    key, task = jax.random.key(0), Task(levels, jnp.array(1))
    many = jax.vmap(life._replace(staggered=True).init, (0, None))(jax.random.split(key, 50), task)
    np.testing.assert_array_equal(many.worlds.state.time.max(0), limits - 1)
    agent, (experience, _) = jax.jit(life.update)((), life.init(key, task))
    lengths, firsts = np.asarray(limits), np.asarray(starts)
    time = np.arange(4)[:, None]
    np.testing.assert_array_equal(experience.transitions.reward, firsts + time % lengths + 1)
    by_hand = (firsts * lengths + lengths * (lengths + 1) / 2).mean()
    np.testing.assert_allclose(life.mean_return(key, agent, 2), by_hand)


# --- The return over a life ---------------------------------------------------------------------


def coin_life(world, **options):
    """Agents that learn nothing and toss a coin for each action."""
    objective = Objective(
        init_parameters=lambda key: (),
        init=lambda key: (),
        policy=lambda learner, memory, observation: (
            distrax.Categorical(jnp.zeros((*observation.shape[:-1], 2))),
            memory,
        ),
        update=lambda key, parameters, learner, experience, clock: (learner, {}),
    )
    return Life(world, objective, num_workers=3, rollout_length=4, **options)


@pytest.mark.parametrize("staggered", [False, True])
def test_the_return_over_life_is_that_of_the_whole_episodes_that_ended(
    hidden_clock_world, staggered
):
    """Brute force over the same steps, for lives that are and that are no multiple of episodes.

    An episode ends at a count of 4 or after 6 steps; a life of 6 updates has 24 steps a worker.
    """
    life = coin_life(hidden_clock_world, staggered=staggered)
    level = hidden_clock_world.default_params.replace(goal=4, max_steps_in_episode=6)
    level = jax.tree.map(jnp.asarray, level)
    over_life = jax.jit(jax.vmap(lambda key, task: life.whole_with_return(key, (), task)[1]))
    lifetimes = jnp.arange(7)
    levels = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (7,)), level)
    unfinished = partial = 0
    for seed in range(4):
        key = jax.random.key(seed)
        returns = over_life(jnp.broadcast_to(key, 7), Task(levels, lifetimes))
        agent = jax.jit(life.init)(key, Task(level, jnp.array(6)))
        clocks = np.asarray(agent.worlds.state.time)
        _, (rollouts, _) = jax.jit(lambda agent: life.updates((), agent, 6))(agent)
        rewards = np.asarray(rollouts.transitions.reward).reshape(24, 3)
        ended = np.asarray(rollouts.transitions.ended).reshape(24, 3)
        for lifetime, mean in zip(lifetimes, returns, strict=True):
            whole, lasting = [], []
            for worker in range(3):
                begin, is_whole = 0, clocks[worker] == 0
                for time in range(4 * int(lifetime)):
                    if ended[time, worker]:
                        whole += [rewards[begin : time + 1, worker].sum()] if is_whole else []
                        partial += not is_whole
                        begin, is_whole = time + 1, True
                if begin == 0 and is_whole:
                    lasting.append(rewards[: 4 * int(lifetime), worker].sum())
            unfinished += not whole
            whole += lasting
            so_far = rewards[: 4 * int(lifetime)].sum() / 3
            np.testing.assert_allclose(mean, np.mean(whole) if whole else so_far, rtol=1e-6)
    assert unfinished >= 4
    assert bool(partial) == staggered


def test_a_reward_that_is_no_number_does_not_hide_in_the_return_over_life(counting_world):
    class Broken(type(counting_world)):
        def step_env(self, key, state, action, params):
            observation, state, reward, *rest = super().step_env(key, state, action, params)
            return observation, state, jnp.where(state.time == 3, jnp.nan, reward), *rest

    task = Task(counting_world.default_params.replace(max_steps_in_episode=2), jnp.array(3))
    over_life = jax.jit(lambda task: coin_life(Broken()).whole_with_return(KEY, (), task)[1])
    assert np.isfinite(over_life(task))
    longer = task._replace(level=task.level.replace(max_steps_in_episode=4))
    assert np.isnan(over_life(longer))


@pytest.mark.parametrize("staggered", [False, True])
def test_every_episode_of_mountain_car_is_minus_200_however_long_the_life(staggered):
    """4 workers × 200 steps an update, as long as the time limit."""
    world, level = gymnax.make("MountainCar-v0")
    objective = ppo(world, NetworkConfig("perceptron", (8,)), PPOConfig(), ppo_clip(0.2), 4)
    life = Life(world, objective, num_workers=4, rollout_length=200, staggered=staggered)
    over_life = jax.jit(lambda key, task: life.whole_with_return(key, (), task)[1])
    level = jax.tree.map(jnp.asarray, level)
    # The first update of staggered workers ends no whole episode: each receives −200 in it.
    for lifetime in (1, 2, 4):
        assert over_life(KEY, Task(level, jnp.array(lifetime))) == -200


@pytest.mark.parametrize(("share", "expected"), [(0.0, 40.0), (1.0, 10.0)])
def test_workers_that_go_on_count_beside_one_that_failed(share, expected, hidden_clock_world):
    """Episodes of a worker last 10 steps or longer than the life; a reward of 1 a step."""

    class Fragile(type(hidden_clock_world)):
        def step_env(self, key, state, action, params):
            fails = (params.goal == 1) & (state.time + 1 == 10)
            after = state.replace(time=state.time + 1)
            observation = self.get_obs(after, params)
            return observation, after, jnp.ones(()), fails, {}

    def over_life(fails):
        level = hidden_clock_world.default_params.replace(max_steps_in_episode=500)
        level = level.replace(goal=jnp.asarray(fails, jnp.int32))
        axes = jax.tree.map(lambda leaf: None, level).replace(goal=0)
        life = coin_life(Fragile(), level_axes=axes)
        return life.whole_with_return(KEY, (), Task(level, jnp.array(10)))[1]

    assert over_life([share == 1.0] * 3) == expected
    # Four episodes of 10 steps, and two of 40 that go on.
    np.testing.assert_allclose(over_life([1, 0, 0]), (4 * 10 + 2 * 40) / 6)
