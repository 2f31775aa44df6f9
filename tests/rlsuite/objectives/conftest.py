"""A table agent's outputs and gradients, computed by hand."""

from types import SimpleNamespace

import numpy as np
import pytest


def outputs(kernel, observation):
    time = np.asarray(observation.time)[..., None]
    return kernel[np.asarray(observation.index)] + time * kernel[-1]


def gradient(output_gradient, observation, kernel):
    """The gradient of a table's kernel from that of its outputs."""
    result = np.zeros(kernel.shape)
    for t, w in np.ndindex(*output_gradient.shape[:2]):
        result[int(observation.index[t, w])] += output_gradient[t, w]
        result[-1] += float(observation.time[t, w]) * output_gradient[t, w]
    return result


def softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def scaled_down(gradient, largest):
    return gradient * min(1.0, largest / np.linalg.norm(gradient))


def kernel_of(head_state):
    return np.asarray(head_state.parameters["params"]["kernel"], np.float64)


@pytest.fixture(scope="session")
def by_hand():
    return SimpleNamespace(
        outputs=outputs,
        gradient=gradient,
        softmax=softmax,
        scaled_down=scaled_down,
        kernel_of=kernel_of,
    )
