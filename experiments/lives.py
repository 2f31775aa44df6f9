"""The part of a report that shows how lives by what was learned go."""

from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.plots_learned import life_courses
from rlsuite.experiments.specs import Drawing, Section


def life_sections(evaluation: Evaluation | None) -> list[Section]:
    """Entropy, policy change and prediction change over lives, where a test watched some."""
    if evaluation is None or not evaluation.extras.get("courses"):
        return []
    courses = evaluation.extras["courses"]
    drawing = Drawing(
        "life_courses.png",
        "Entropy, policy change and prediction change over a life",
        lambda path: life_courses(path, courses),
    )
    text = (
        "Means over fresh agents that learn by what was learned, for several horizons: the "
        "policy's entropy, the divergence of the policy from the one before each update, and how "
        "far the agent's predictions moved."
    )
    return [Section("How lives go", [drawing], text)]
