"""Agents that simply learn, from training to the report."""

import jax
import numpy as np
import pytest

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.finished import load
from rlsuite.experiments.plans import plan
from rlsuite.experiments.report import report
from rlsuite.lifetime import LifeConfig
from tests.experiments.running import METHODS, plan_of, train


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of PPO and one of A2C."""
    parts = {"life": LifeConfig(2, 8), "num_agents": 3, "num_episodes": 2}
    return {
        method: train(
            plan_of(method, steps=3, parts=parts), tmp_path_factory.mktemp(method) / "run"
        )
        for method in ("ppo", "a2c")
    }


def test_lives_are_as_long_as_the_run(runs):
    for run in runs.values():
        agents = run.state.slots.agent
        np.testing.assert_array_equal(agents.num_updates, [3, 3, 3])
        np.testing.assert_array_equal(agents.task.lifetime, [3, 3, 3])
        assert [line["lifetimes_ended"] for line in run.metrics] == [0, 0, 3]
        assert run.metrics[-1]["agent_return"] > 0


def test_what_is_learned_are_the_agents(runs):
    learned = load(runs["a2c"].directory)
    assert all(leaf.shape[0] == 3 for leaf in jax.tree.leaves(learned))


def test_agents_of_different_methods_stand_beside_each_other(runs, quiet):
    ppo, a2c = runs["ppo"], runs["a2c"]
    evaluation = evaluate(ppo, [a2c], console=quiet)
    names = [name for name, _ in evaluation.contenders]
    assert names == ["PPO", f"A2C ({a2c.directory})", "untrained agents"]
    (table,) = evaluation.tables
    assert all(np.shape(found) == (1, 3) for found in table.results.values())
    text = report(ppo).read_text()
    assert "| untrained agents |" in text and "(learning_curve.png)" in text


def test_agents_that_remember_are_taken_whole():
    memory = {"networks.recurrent_width": "8"}
    with pytest.raises(ConfigError, match=r"ppo.num_mini_batches: 3 .* divisor of the 8 workers"):
        plan(METHODS, "ppo", "smoke", {**memory, "ppo.num_mini_batches": "3"})
    planned = plan(METHODS, "ppo", "smoke", {**memory, "ppo.num_mini_batches": "4"})
    jax.eval_shape(
        lambda key: planned.experiment.method.step(planned.experiment.method.init(key)),
        jax.random.key(0),
    )


def test_worlds_that_networks_cannot_read_are_refused():
    with pytest.raises(ConfigError, match=r"networks.architecture: 'convolution' can't read"):
        plan(METHODS, "ppo", "smoke", {"networks.architecture": "convolution"}, tasks="small")
    assert plan(METHODS, "ppo", "smoke", {}, tasks="small").run.tasks == "small"
    assert plan(METHODS, "a2c", "smoke", {}, tasks="small").run.method.agent.architecture == "table"
    assert plan(METHODS, "a2c", "smoke", {}, tasks="Pendulum-v1").run.tasks == "Pendulum-v1"
