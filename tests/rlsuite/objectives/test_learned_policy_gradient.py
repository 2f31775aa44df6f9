"""Tests of the learned policy gradient: its network and the update it makes."""

from dataclasses import replace
from functools import partial

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.agents import ActorPredictor, AgentConfig, TrainState, make_agent
from rlsuite.objectives.learned_policy_gradient import (
    LPGConfig,
    LPGInputs,
    LPGNetwork,
    lpg,
)
from rlsuite.objectives.objective import Clock
from rlsuite.rollout import Experience

KEY = jax.random.key(5)
CLOCK = Clock(jnp.array(0), jnp.array(10))
CONFIG = LPGConfig(
    recurrent_width=8, embedding_width=4, num_predictions=3, prediction_coefficient=0.6
)
POLICY_RATE, PREDICTION_RATE = 3.0, 2.0
LENGTH, WORKERS = 6, 4


def lived(steps):
    """What an agent without memory experienced."""
    return Experience(steps, ActorPredictor())


def random_inputs(seed, length=LENGTH):
    """Arguments of the network, with an episode end here and there."""
    random = np.random.default_rng(seed)
    shape = (length, WORKERS)
    terminated = random.random(shape) < 0.2
    return {
        "reward": jnp.asarray(random.normal(size=shape), jnp.float32),
        "terminated": jnp.asarray(terminated),
        "ended": jnp.asarray(terminated | (random.random(shape) < 0.2)),
        "action_probability": jnp.asarray(random.random(shape), jnp.float32),
        "prediction": jnp.asarray(random.dirichlet(np.ones(3), shape), jnp.float32),
        "next_prediction": jnp.asarray(random.dirichlet(np.ones(3), shape), jnp.float32),
        "known_time": jnp.zeros((*shape, 0)),
    }


def spread(parameters, seed=0):
    """Random parameters in place of initial ones, many of which are zero."""
    leaves, structure = jax.tree.flatten(parameters)
    random = np.random.default_rng(seed)
    values = [jnp.asarray(random.normal(size=leaf.shape), jnp.float32) for leaf in leaves]
    return jax.tree.unflatten(structure, values)


@pytest.fixture(scope="module")
def network():
    """The network's function of its inputs, with parameters of some size."""
    network, inputs = LPGNetwork(CONFIG), random_inputs(0)
    variables = spread(jax.jit(network.init)(jax.random.key(0), LPGInputs(**inputs)))
    return jax.jit(lambda inputs: network.apply(variables, LPGInputs(**inputs)))


def changed_targets(network, before, after):
    """Which `[time, worker]` targets differ between two inputs, bit for bit."""
    first, second = network(before), network(after)
    return np.asarray(
        (first.policy != second.policy)
        | (first.prediction_logits != second.prediction_logits).any(-1)
    )


class TestNetwork:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(0, 10_000), st.integers(0, LENGTH - 1), st.integers(0, WORKERS - 1))
    def test_a_reward_tells_earlier_steps_of_its_episode_and_no_others(
        self, network, seed, time, worker
    ):
        inputs = random_inputs(seed)
        altered = inputs | {"reward": inputs["reward"].at[time, worker].add(1.5)}
        changed = changed_targets(network, inputs, altered)
        ends = np.flatnonzero(inputs["ended"][:time, worker])
        first = ends[-1] + 1 if ends.size else 0
        may_change = np.zeros((LENGTH, WORKERS), bool)
        may_change[first : time + 1, worker] = True
        assert not (changed & ~may_change).any()

    def test_a_reward_reaches_the_start_of_a_long_episode(self, network):
        inputs = random_inputs(1)
        none = jnp.zeros((LENGTH, WORKERS), bool)
        inputs |= {"terminated": none, "ended": none}
        altered = inputs | {"reward": inputs["reward"].at[-1].add(1.5)}
        assert changed_targets(network, inputs, altered).mean() > 0.9

    def test_what_follows_a_termination_is_not_read_but_what_follows_a_truncation_is(self, network):
        inputs = random_inputs(2)
        terminated = jnp.zeros((LENGTH, WORKERS), bool).at[3, 0].set(True)
        truncated = jnp.zeros((LENGTH, WORKERS), bool).at[3, 1].set(True)
        inputs |= {"terminated": terminated, "ended": terminated | truncated}
        other = inputs["next_prediction"].at[3].set(jnp.array([0.8, 0.1, 0.1]))
        changed = changed_targets(network, inputs, inputs | {"next_prediction": other})
        assert not changed[:, 0].any()
        assert changed[3, 1]
        assert not changed[4:].any()

    def test_every_input_matters(self, network):
        inputs = random_inputs(3)
        for name in ("reward", "action_probability", "prediction", "next_prediction"):
            altered = inputs | {name: inputs[name][::-1]}
            assert changed_targets(network, inputs, altered).any(), name
        terminated = inputs | {"terminated": inputs["ended"]}
        assert changed_targets(network, inputs, terminated).any()

    def test_predictions_now_and_next_share_an_embedding(self):
        inputs = LPGInputs(**random_inputs(0))
        variables = jax.eval_shape(LPGNetwork(CONFIG).init, jax.random.key(0), inputs)
        # Embedding, recurrence and two heads: were there two embeddings, these would be 3 + 2.
        dense = [name for name in variables["params"] if name.startswith("Dense")]
        assert len(dense) == 4

    def test_sizes_are_those_of_the_config(self, network):
        targets = network(random_inputs(0))
        assert targets.policy.shape == (LENGTH, WORKERS)
        assert targets.prediction_logits.shape == (LENGTH, WORKERS, CONFIG.num_predictions)


def entropy(probabilities):
    return -(probabilities * np.log(probabilities)).sum(-1)


def table_learner(seed=0):
    """A learner of plain gradient descent whose tables are random numbers of some size."""
    random = np.random.default_rng(seed)

    def head(num_outputs):
        kernel = jnp.asarray(random.normal(size=(19, num_outputs)), jnp.float32)
        states = (optax.EmptyState(), (optax.EmptyState(), optax.EmptyState()))
        return TrainState({"params": {"kernel": kernel}}, states)

    return ActorPredictor(head(5), head(CONFIG.num_predictions))


def make_objective(world, max_gradient_norm=100.0):
    agent = AgentConfig(
        policy_learning_rate=POLICY_RATE,
        prediction_learning_rate=PREDICTION_RATE,
        max_gradient_norm=max_gradient_norm,
    )
    return lpg(make_agent(world, agent, CONFIG.num_predictions), CONFIG)


@pytest.fixture(scope="module")
def parameters(tiny_grid):
    return spread(jax.jit(make_objective(tiny_grid).init_parameters)(jax.random.key(0)))


class TestUpdate:
    @pytest.mark.parametrize("max_gradient_norm", [100.0, 0.05])
    def test_equals_the_derivation_by_hand(
        self, tiny_grid, parameters, random_grid_rollout, by_hand, max_gradient_norm
    ):
        objective = make_objective(tiny_grid, max_gradient_norm)
        learner, steps = table_learner(), random_grid_rollout(1)
        updated, metrics = jax.jit(objective.update)(KEY, parameters, learner, lived(steps), CLOCK)

        policy, prediction = (
            by_hand.kernel_of(learner.policy),
            by_hand.kernel_of(learner.prediction),
        )
        probabilities = by_hand.softmax(by_hand.outputs(policy, steps.observation))
        predictions = by_hand.softmax(by_hand.outputs(prediction, steps.observation))
        chosen = np.eye(5)[np.asarray(steps.action)]
        targets = LPGNetwork(CONFIG).apply(
            parameters,
            LPGInputs(
                steps.reward,
                steps.terminated,
                steps.terminated | steps.truncated,
                (probabilities * chosen).sum(-1).astype(np.float32),
                predictions.astype(np.float32),
                by_hand.softmax(by_hand.outputs(prediction, steps.next_observation)).astype(
                    np.float32
                ),
                np.zeros((*chosen.shape[:2], 0), np.float32),
            ),
        )
        policy_target = np.asarray(targets.policy, np.float64)
        prediction_target = by_hand.softmax(np.asarray(targets.prediction_logits, np.float64))

        # Ascent on log π(a) π̂: d log π(a) / d logits = 1[a] - π.
        gain = (chosen - probabilities) * policy_target[..., None]
        policy_gradient = by_hand.gradient(-gain / gain[..., 0].size, steps.observation, policy)
        # d KL(y || ŷ) / d logit_i = y_i (log(y_i / ŷ_i) - KL).
        log_ratio = np.log(predictions / prediction_target)
        divergence = (predictions * log_ratio).sum(-1, keepdims=True)
        loss = CONFIG.prediction_coefficient * predictions * (log_ratio - divergence)
        prediction_gradient = by_hand.gradient(
            loss / loss[..., 0].size, steps.observation, prediction
        )

        new_policy = policy - POLICY_RATE * by_hand.scaled_down(policy_gradient, max_gradient_norm)
        new_prediction = prediction - PREDICTION_RATE * by_hand.scaled_down(
            prediction_gradient, max_gradient_norm
        )
        close = partial(np.testing.assert_allclose, rtol=2e-4, atol=2e-5)
        close(by_hand.kernel_of(updated.policy), new_policy)
        close(by_hand.kernel_of(updated.prediction), new_prediction)

        new_probabilities = by_hand.softmax(by_hand.outputs(new_policy, steps.observation))
        new_predictions = by_hand.softmax(by_hand.outputs(new_prediction, steps.observation))
        close(metrics["policy_entropy"], entropy(new_probabilities).mean())
        close(metrics["prediction_entropy"], entropy(new_predictions).mean())
        close(metrics["policy_target_norm"], np.square(policy_target).mean())
        close(metrics["prediction_target_norm"], np.square(prediction_target).sum(-1).mean())

    def test_agents_updated_together_are_agents_updated_alone(
        self, tiny_grid, parameters, random_grid_rollout
    ):
        objective = make_objective(tiny_grid)
        alone = objective._replace(update_together=None)
        stack = partial(jax.tree.map, lambda *leaves: jnp.stack(leaves))
        rollouts = stack(*(random_grid_rollout(seed) for seed in range(3)))
        learners = stack(*(table_learner() for _ in range(3)))
        clocks = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, 3), CLOCK)
        keys = jax.random.split(KEY, 3)

        def value_and_gradient(objective):
            def loss(parameters):
                updated, metrics = objective.update_agents(
                    keys, parameters, learners, lived(rollouts), clocks
                )
                policies = updated.policy.parameters["params"]["kernel"]
                return jnp.square(policies).sum(), (updated, metrics)

            return jax.jit(jax.value_and_grad(loss, has_aux=True))(parameters)

        close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
        jax.tree.map(close, value_and_gradient(objective), value_and_gradient(alone))

    def test_the_clock_plays_no_part(self, tiny_grid, parameters, random_grid_rollout):
        update = jax.jit(make_objective(tiny_grid).update)
        learner, steps = table_learner(), random_grid_rollout(1)
        first, _ = update(KEY, parameters, learner, lived(steps), CLOCK)
        second, _ = update(
            KEY,
            parameters,
            learner,
            lived(steps),
            Clock(jnp.array(5), jnp.array(7)),
        )
        jax.tree.map(np.testing.assert_array_equal, first, second)

    def test_an_objective_that_knows_time_reads_progress_and_log_lifetime(
        self, tiny_grid, random_grid_rollout
    ):
        config = replace(CONFIG, time="progress_and_lifetime")
        agent = make_agent(tiny_grid, AgentConfig(max_gradient_norm=100.0), config.num_predictions)
        objective = lpg(agent, config)
        parameters = spread(jax.jit(objective.init_parameters)(jax.random.key(0)))
        gru = parameters["params"]["BackwardGRU_0"]
        assert gru["input_kernel"].shape[0] == 5 + 2
        learner, steps = table_learner(), random_grid_rollout(1)
        update = jax.jit(objective.update)

        def updated(num_updates, lifetime):
            clock = Clock(jnp.array(num_updates), jnp.array(lifetime))
            return update(KEY, parameters, learner, lived(steps), clock)[0]

        # Progress n/N enters as the bias that its weights make of it, and so does log N.
        bias = gru["bias"] + 0.4 * gru["input_kernel"][5] + np.log(20) * gru["input_kernel"][6]
        plain = {
            "params": parameters["params"]
            | {"BackwardGRU_0": gru | {"input_kernel": gru["input_kernel"][:5], "bias": bias}}
        }
        without = lpg(agent, CONFIG)
        expected, _ = jax.jit(without.update)(KEY, plain, learner, lived(steps), CLOCK)
        close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
        jax.tree.map(close, updated(8, 20), expected)
        assert not np.allclose(
            updated(8, 20).policy.parameters["params"]["kernel"],
            updated(16, 40).policy.parameters["params"]["kernel"],
            atol=1e-4,
        )

    def test_the_policy_is_the_softmax_of_its_table(self, tiny_grid, random_grid_rollout, by_hand):
        learner, observation = table_learner(), random_grid_rollout(1).observation
        policy, _ = make_objective(tiny_grid).policy(learner, ActorPredictor(), observation)
        expected = by_hand.softmax(by_hand.outputs(by_hand.kernel_of(learner.policy), observation))
        np.testing.assert_allclose(policy.probs, expected, rtol=1e-5, atol=1e-6)


def final_loss(learner, steps):
    """Something to differentiate: a policy-gradient loss of the learner on a fixed rollout."""
    kernel = learner.policy.parameters["params"]["kernel"]
    logits = kernel[steps.observation.index] + steps.observation.time[..., None] * kernel[-1]
    return -(distrax.Categorical(logits).log_prob(steps.action) * steps.reward).mean()


def flat_gradient(gradients):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradients)])


class TestMetaGradient:
    """The map from the objective's parameters, through K updates on fixed rollouts, to a loss."""

    def loss_after(self, objective, learner, rollouts):
        def loss(parameters):
            updated = learner
            for steps in rollouts[:-1]:
                updated, _ = objective.update(KEY, parameters, updated, lived(steps), CLOCK)
            return final_loss(updated, rollouts[-1])

        return loss

    @pytest.fixture
    def rollouts(self, random_grid_rollout):
        return [random_grid_rollout(seed) for seed in (1, 2, 3)]

    @pytest.mark.parametrize("max_gradient_norm", [100.0, 0.05])
    def test_equals_finite_differences(self, tiny_grid, parameters, rollouts, max_gradient_norm):
        objective = make_objective(tiny_grid, max_gradient_norm)
        with jax.enable_x64(True):
            doubled = jax.tree.map(
                lambda leaf: leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf,
                (parameters, table_learner(), rollouts),
            )
            loss = self.loss_after(objective, *doubled[1:])
            value_and_gradient = jax.jit(jax.value_and_grad(loss))
            _, gradient = value_and_gradient(doubled[0])
            for seed in range(3):
                direction = jax.tree.map(
                    lambda leaf: leaf.astype(jnp.float64), spread(parameters, seed=seed + 1)
                )
                ahead, behind = (
                    value_and_gradient(
                        jax.tree.map(lambda p, d, step=step: p + step * d, doubled[0], direction)
                    )[0]
                    for step in (1e-6, -1e-6)
                )
                slope = flat_gradient(gradient) @ flat_gradient(direction)
                assert abs(slope) > 1e-4
                np.testing.assert_allclose((ahead - behind) / 2e-6, slope, rtol=1e-5)

    def test_flows_through_the_networks_inputs(self, tiny_grid, parameters, rollouts):
        """With one update the inputs don't depend on the parameters; with two they do."""
        objective = make_objective(tiny_grid)

        def stopped_update(key, parameters, learner, experience, clock):
            """The same step written out, with the network's inputs held fixed for good."""
            steps = experience.transitions
            fixed = jax.lax.stop_gradient(learner)

            def distribution(head, observation):
                return distrax.Categorical(table(head["params"]["kernel"], observation))

            def table(kernel, observation):
                return kernel[observation.index] + observation.time[..., None] * kernel[-1]

            targets = LPGNetwork(CONFIG).apply(
                parameters,
                LPGInputs(
                    steps.reward,
                    steps.terminated,
                    steps.ended,
                    distribution(fixed.policy.parameters, steps.observation).prob(steps.action),
                    distribution(fixed.prediction.parameters, steps.observation).probs,
                    distribution(fixed.prediction.parameters, steps.next_observation).probs,
                    jnp.zeros((*steps.action.shape, 0)),
                ),
            )

            def loss(policy, prediction):
                log_probability = distribution(policy, steps.observation).log_prob(steps.action)
                divergence = distribution(prediction, steps.observation).kl_divergence(
                    distrax.Categorical(targets.prediction_logits)
                )
                weighted = CONFIG.prediction_coefficient * divergence
                return (weighted - log_probability * targets.policy).mean()

            heads = learner.policy.parameters, learner.prediction.parameters
            gradients = jax.grad(loss, argnums=(0, 1))(*heads)
            policy, prediction = (
                jax.tree.map(lambda p, g, rate=rate: p - rate * g, head, gradient)
                for head, gradient, rate in zip(
                    heads, gradients, (POLICY_RATE, PREDICTION_RATE), strict=True
                )
            )
            return ActorPredictor(
                learner.policy._replace(parameters=policy),
                learner.prediction._replace(parameters=prediction),
            ), {}

        stopped = objective._replace(update=stopped_update)
        for num_updates, is_same in ((1, True), (2, False)):
            gradients = [
                flat_gradient(
                    jax.jit(
                        jax.grad(self.loss_after(o, table_learner(), rollouts[-num_updates - 1 :]))
                    )(parameters)
                )
                for o in (objective, stopped)
            ]
            scale = np.abs(gradients[0]).max()
            assert np.allclose(*gradients, rtol=1e-3, atol=1e-4 * scale) == is_same

    def test_is_finite_where_an_agent_is_certain_and_has_nothing_to_learn(
        self, tiny_grid, parameters, rollouts
    ):
        """A policy certain of every action it took has a gradient of exactly zero."""
        objective, learner = make_objective(tiny_grid), table_learner()
        certain = jnp.zeros((19, 5)).at[:, 2].set(1000.0)
        learner = learner._replace(
            policy=learner.policy._replace(parameters={"params": {"kernel": certain}})
        )
        steps = rollouts[0]._replace(action=jnp.full((LENGTH, WORKERS), 2))
        loss = self.loss_after(objective, learner, [steps, rollouts[1]])
        gradient = flat_gradient(jax.jit(jax.grad(loss))(parameters))
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_positive_policy_target_makes_the_action_likelier(
    tiny_grid, parameters, random_grid_rollout, sign
):
    # With all weights zero, π̂ is the bias of its head.
    biases = jax.tree.map(
        lambda leaf: jnp.full_like(leaf, sign if leaf.shape == (1,) else 0.0), parameters
    )
    objective, learner = make_objective(tiny_grid, 0.01), table_learner()
    steps = random_grid_rollout(1, length=1, num_workers=1)
    updated, metrics = jax.jit(objective.update)(KEY, biases, learner, lived(steps), CLOCK)
    np.testing.assert_allclose(metrics["policy_target_norm"], 1.0)
    before, after = (
        objective.policy(state, ActorPredictor(), steps.observation)[0].prob(steps.action)[0, 0]
        for state in (learner, updated)
    )
    assert (after - before) * sign > 0
