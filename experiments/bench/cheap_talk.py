"""The speed of adversarial cheap talk: victims that live their whole lives, side by side."""

from dataclasses import replace

from rlsuite.experiments.bench import Figures
from rlsuite.experiments.bench.evolution import temporary_megabytes
from rlsuite.experiments.bench.meta_step import stepper
from rlsuite.experiments.bench.timing import alternate_seconds, matrix_product, median
from rlsuite.experiments.configs import ACTTrainRun
from rlsuite.experiments.presets import preset


def sized(population_size: int, candidates_at_once: int, size: str = "paper") -> ACTTrainRun:
    """The train-time attack's preset on CartPole with another population.

    Args:
      population_size: candidates in a generation.
      candidates_at_once: of them, side by side.
      size: the preset's name.
    """
    config = preset("act-train", size)
    assert isinstance(config, ACTTrainRun)
    meta = replace(
        config.meta,
        population_size=population_size,
        num_mini_batches=population_size // candidates_at_once,
    )
    return replace(config, meta=meta)


def victim_flop(config: ACTTrainRun) -> float:
    """Operations of the networks' products as a victim on CartPole learns, forwards and backwards.

    A product of matrices takes two operations for each weight and sample, its gradients twice as
    many; policy and critic read four observed numbers and a message.
    """
    first, second = config.networks.hidden_widths
    num_inputs, num_actions = 4 + config.channel.message_size, 2
    weights = 2 * (num_inputs * first + first * second) + second * (num_actions + 1)
    samples = config.life.num_workers * config.life.rollout_length
    assert config.max_lifetime is not None
    return 6.0 * weights * samples * config.ppo.num_epochs * config.max_lifetime


def act(
    num_victims: int = 32, size: str = "paper", population_size: int = 1024, repeats: int = 3
) -> Figures:
    """A generation of the train-time attack on CartPole, beside the machine's matrix products.

    Args:
      num_victims: victims side by side, one for each candidate.
      size: the preset's name; the paper's sizes are what others have published.
      population_size: candidates of the generation that is compiled for its memory alone.
      repeats: timed generations.
    """
    config = sized(num_victims, num_victims, size)
    product = matrix_product()
    seconds, product_seconds = alternate_seconds(stepper(config), product.run, repeats=repeats)
    rate = product.amount / product_seconds
    figures = {
        "victims side by side": float(num_victims),
        "victims per second": median(num_victims / seconds),
        "matrix-product GFLOP/s": median(rate) / 1e9,
        "fraction of the matrix-product rate": median(
            num_victims * victim_flop(config) / seconds / rate
        ),
    }
    megabytes = temporary_megabytes(sized(population_size, num_victims, size))
    if megabytes is not None:
        figures[f"temporary megabytes, {population_size} candidates"] = megabytes
    return figures
