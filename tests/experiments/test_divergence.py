from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rlsuite.experiments.divergence import Signs, divergence, finite_optimisers, signs, stopped
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Method


class State(NamedTuple):
    parameters: dict
    inner: dict
    key: jax.Array


def state_with(weights=1.0, moments=0.0, best=np.inf) -> State:
    """Parameters, and the states of two optimisers, one of which begins with infinity."""
    parameters = {"kernel": jnp.full((2, 3), weights), "bias": jnp.zeros(3), "count": jnp.array(1)}
    adam = optax.adam(0.1).init(parameters["kernel"])
    adam = (adam[0]._replace(nu=adam[0].nu.at[1, 2].set(moments)), *adam[1:])
    plateau = optax.contrib.reduce_on_plateau().init(parameters)._replace(best_value=best)
    inner = {"agents": [adam, jax.tree.map(jnp.asarray, plateau)], "score": jnp.full(2, jnp.nan)}
    return State(parameters, inner, jax.random.key(0))


def found_in(state: State, before: State | None = None, metrics=None) -> Signs:
    method = Method(lambda key: state, lambda state: (state, {}))
    experiment = Experiment(method, 1, 1, (), learned=lambda state: state.parameters)

    def chunk(before, state, metrics):
        return signs(experiment, finite_optimisers(before), state, metrics)

    return jax.jit(chunk)(state if before is None else before, state, metrics or {})


def message(found: Signs, reported=frozenset()) -> str:
    return str(stopped(divergence(10, found, set(reported)), 5))


def test_a_healthy_state_goes_on_whatever_is_not_watched():
    assert divergence(10, found_in(state_with()), set()) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e20])
def test_leaves_of_what_is_learned_without_a_norm_are_named(value):
    text = message(found_in(state_with(weights=value)))
    assert text.startswith("parameters: the norm of ['kernel'] at step 10 is not finite, so")
    assert "bias" not in text and "the last checkpoint is of step 5;" in text


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_states_of_optimisers_are_found_wherever_they_are(value):
    text = message(found_in(state_with(moments=value), before=state_with()))
    assert text.startswith("optimiser: .inner['agents'][0][0].nu at step 10 is not finite")


def test_squares_of_large_gradients_are_no_divergence():
    assert divergence(10, found_in(state_with(moments=1e30), before=state_with()), set()) is None


def test_what_an_optimiser_began_with_is_left_alone_until_it_is_a_number():
    assert divergence(10, found_in(state_with(best=1.0), before=state_with()), set()) is None
    text = message(found_in(state_with(), before=state_with(best=1.0)))
    assert text.startswith("optimiser: .inner['agents'][1].best_value at step 10 is not finite")


def test_only_the_first_of_many_leaves_are_named():
    layers = {f"layer{number}": jnp.full(2, jnp.nan) for number in range(9)}
    found = found_in(state_with()._replace(parameters=layers))
    assert "['layer0'], ['layer1'], ['layer2'] and 6 more at step 10" in message(found)


def test_parameters_that_are_one_array_need_no_name():
    found = found_in(state_with()._replace(parameters=jnp.full(3, jnp.nan)))
    assert message(found).startswith("parameters: the norm of the array at step 10 is not finite")


@pytest.mark.parametrize(
    ("losses", "reported", "text"),
    [
        ([np.nan, 1, np.nan], [], "loss: nan at step 10 is not finite"),
        ([np.nan, np.nan, 1], ["loss"], "loss: nan at step 10 (since step 8) is not finite"),
        ([1, -np.inf, 1], [], "loss: -inf at step 10 (since step 9) is not finite"),
        ([np.nan, np.nan, 1], [], None),
    ],
)
def test_a_metric_that_was_a_number_has_to_stay_one(losses, reported, text):
    metrics = {"loss": jnp.array(losses), "return": jnp.array([1, np.nan, np.nan])}
    found = found_in(state_with(), metrics=metrics)
    if text is None:
        assert divergence(10, found, set(reported)) is None
    else:
        assert message(found, reported).startswith(text)
