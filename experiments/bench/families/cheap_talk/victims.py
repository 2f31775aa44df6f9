"""The speed of adversarial cheap talk: victims that live their whole lives, side by side."""

from dataclasses import replace

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.programs import preset_plan, stepper, temporary_megabytes
from rlsuite.experiments.bench.timing import alternate_seconds, matrix_product, median
from rlsuite.experiments.methods.cheap_talk import ACT_TRAIN
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.specs import Run


def sized(population_size: int, candidates_at_once: int, size: str = "paper") -> Plan:
    """The train-time attack's preset on CartPole with another population.

    Args:
      population_size: candidates in a generation.
      candidates_at_once: of them, side by side.
      size: the preset's name.
    """
    plan = preset_plan(ACT_TRAIN, size)
    method = plan.run.method
    meta = replace(
        method.meta,
        population_size=population_size,
        num_mini_batches=population_size // candidates_at_once,
    )
    return replace(plan, run=replace(plan.run, method=replace(method, meta=meta)))


def victim_flop(run: Run) -> float:
    """Operations of the networks' products as a victim on CartPole learns, forwards and backwards.

    A product of matrices takes two operations for each weight and sample, its gradients twice as
    many; policy and critic read four observed numbers and a message.
    """
    config = run.method
    first, second = config.networks.hidden_widths
    num_inputs, num_actions = 4 + config.channel.message_size, 2
    weights = 2 * (num_inputs * first + first * second) + second * (num_actions + 1)
    samples = config.life.num_workers * config.life.rollout_length
    return 6.0 * weights * samples * config.ppo.num_epochs * run.max_lifetime


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
    plan = sized(num_victims, num_victims, size)
    product = matrix_product()
    seconds, product_seconds = alternate_seconds(stepper(plan), product.run, repeats=repeats)
    rate = product.amount / product_seconds
    figures = {
        "victims_side_by_side": float(num_victims),
        "victims_per_second": median(num_victims / seconds),
        "matrix_product_gflop_per_second": median(rate) / 1e9,
        "fraction_of_matrix_product_rate": median(
            num_victims * victim_flop(plan.run) / seconds / rate
        ),
    }
    megabytes = temporary_megabytes(sized(population_size, num_victims, size))
    if megabytes is not None:
        figures[f"temporary_megabytes_at_{population_size}_candidates"] = megabytes
    return figures
