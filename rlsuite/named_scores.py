"""Scores by their names, for methods that have some of their own beside those that all have."""

from collections.abc import Callable, Mapping

from rlsuite.requirements import named
from rlsuite.rollout import OptimalReturn
from rlsuite.scores import Score, exact_regret, l1_value_loss, positive_value_loss


def named_score(
    name: str, own: Mapping[str, Callable[[], Score]], optimal_return: OptimalReturn | None
) -> Score:
    """The score of a name.

    Args:
      name: one of the method's own, or `positive_value_loss`, `l1_value_loss` or `exact_regret`.
      own: makers of those that need what only the method knows.
      optimal_return: of a level, where it is known.

    Raises:
      ValueError: if there is none of the name, or it needs an optimal return and there is none.
    """

    def regret() -> Score:
        if optimal_return is None:
            raise ValueError("score: exact_regret needs worlds whose optimal return is known")
        return exact_regret(optimal_return)

    known = {
        **own,
        "positive_value_loss": positive_value_loss,
        "l1_value_loss": l1_value_loss,
        "exact_regret": regret,
    }
    return named("score", name, known)()
