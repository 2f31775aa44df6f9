from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from rlsuite.experiments.diagnosis import diagnose
from rlsuite.experiments.divergence import Divergence
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Method


class State(NamedTuple):
    parameters: jax.Array
    critic: jax.Array
    count: jax.Array


def start() -> State:
    return State(jnp.full(3, 2.0), jnp.full(2, 8.0), jnp.zeros((), jnp.int32))


def experiment_of(step) -> Experiment:
    method = Method(lambda key: start(), jax.jit(step, inline=True))
    return Experiment(method, 1, 1, (), learned=lambda state: state.parameters)


def halving(state: State) -> tuple[State, dict]:
    """What is learned is bad from step 4 on, a number of the state that leads there from 3 on."""
    critic = jnp.log(state.critic)  # The third logarithm of 8 is of a negative number.
    parameters = state.parameters + 0 * state.critic[1]
    metrics = {"loss": critic.sum(), "harmless": jnp.where(state.count > 9, 1.0, jnp.nan)}
    return State(parameters, critic, state.count + 1), metrics


def squaring(state: State) -> tuple[State, dict]:
    return state._replace(parameters=state.parameters**4), {"loss": jnp.zeros(())}


PARAMETERS = Divergence("parameters", "", "parameters: …")


def test_a_number_is_followed_into_earlier_steps():
    found = diagnose(experiment_of(halving), start(), 10, 20, PARAMETERS)
    # log 8 = 2.08, log 2.08 = 0.73, log 0.73 = -0.31 and then NaN.
    assert found.summary.startswith("in step 14 'log' made nan of -0.312 at ")
    assert "test_diagnosis.py" in found.summary and "(halving)" in found.summary
    assert found.summary.endswith("the largest parameter before that was 2")
    assert "  float32[2] between -0.312 and -0.312" in found.details


def test_metrics_are_followed_from_the_step_that_is_known():
    diverged = Divergence("metric", "loss", "loss: …", step=14)
    found = diagnose(experiment_of(halving), start(), 10, 20, diverged)
    assert found.summary.startswith("in step 14 'log' made nan of -0.312 at ")


def test_what_was_there_before_the_chunk_is_said_to_be():
    state = start()._replace(critic=jnp.array([1.0, jnp.inf]))
    found = diagnose(experiment_of(halving), state, 10, 20, PARAMETERS)
    assert found.summary == ".critic was not finite at step 10 already"


@pytest.mark.parametrize(
    ("last", "text"),
    [
        (3, "its numbers have grown up to 1.84e+19, and their squares overflow"),
        (5, "in step 4 'integer_pow' made inf of 1.84e+19 at "),
    ],
)
def test_growth(last, text):
    assert diagnose(experiment_of(squaring), start(), 0, last, PARAMETERS).summary.startswith(text)
