"""Reports of adversarial cheap talk: how victims fare, and what they hear."""

from collections.abc import Sequence

from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.cheap_talk.plots import goals_reached, message_slices
from rlsuite.experiments.specs import Drawing, Section


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """What the channel says, or goals asked for and reached."""
    del finished
    sections = []
    extras = {} if evaluation is None else evaluation.extras
    if extras.get("messages"):
        drawing = Drawing(
            "messages.png",
            "What the channel says",
            lambda path: message_slices(path, extras["messages"]),
        )
        text = (
            "The message as one input of the observation varies over what victims saw (two "
            "deviations to either side), the others at their means."
        )
        sections.append(Section("Messages", [drawing], text))
    if "goals" in extras:
        drawing = Drawing(
            "goals.png",
            "Goals reached over goals asked for",
            lambda path: goals_reached(path, extras["goals"]),
        )
        text = (
            "An episode a point, a colour for each number of the goal. The random shaper has a "
            "random channel, and a messenger trained by PPO against each victim."
        )
        sections.append(Section("Goals", [drawing], text))
    return sections
