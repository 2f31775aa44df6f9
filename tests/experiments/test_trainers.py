"""How agents learn by what was learned, on worlds like those of training and on others."""

import pytest

from rlsuite.agents import AgentConfig
from rlsuite.experiments.methods.learned_policy_gradient.trainers import faster

TUNED = AgentConfig("table", optimiser="sgd", policy_learning_rate=40.0)


def test_rates_that_were_tuned_multiply_those_of_agents_like_the_tuned_ones():
    agent = AgentConfig(
        "table", optimiser="sgd", policy_learning_rate=10.0, prediction_learning_rate=3.0
    )
    found = faster(agent, TUNED, 4.0)
    assert (found.policy_learning_rate, found.prediction_learning_rate) == (40.0, 3.0)
    found = faster(agent, TUNED, 4.0, 0.5)
    assert (found.policy_learning_rate, found.prediction_learning_rate) == (40.0, 1.5)


@pytest.mark.parametrize(
    "agent",
    [AgentConfig("perceptron", optimiser="sgd"), AgentConfig("table", optimiser="adam")],
)
def test_agents_of_another_kind_keep_their_rates(agent):
    assert faster(agent, TUNED, 4.0, 4.0) == agent
