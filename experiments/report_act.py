"""The part of a report that shows what cheap talk does to those who hear it."""

from pathlib import Path
from typing import Any

from rlsuite.experiments.plots_act import goals_reached, message_slices, victim_curves


def what_talk_does(directory: Path, evaluation: dict[str, Any] | None) -> str:
    """Draws how victims fare and what they hear; markdown, empty where there is nothing."""
    parts = []
    if evaluation is not None and "curves" in evaluation:
        victim_curves(directory / "victims.png", evaluation["curves"])
        parts.append(
            "![Returns of victims over their lives](victims.png)\n\n"
            "Fresh victims learn under the channel, without one, with zeros in its place, and each "
            "under a random channel of its own."
        )
    if evaluation is not None and evaluation.get("messages"):
        message_slices(directory / "messages.png", evaluation["messages"])
        parts.append(
            "![What the channel says](messages.png)\n\n"
            "The message as one input of the observation varies over what victims saw (two "
            "deviations to either side), the others at their means."
        )
    if evaluation is not None and "goals" in evaluation:
        goals_reached(directory / "goals.png", evaluation["goals"])
        parts.append(
            "![Goals reached over goals asked for](goals.png)\n\n"
            "An episode a point, a colour for each number of the goal. The random shaper has a "
            "random channel, and a messenger trained by PPO against each victim."
        )
    return "\n\n".join(["## Victims", *parts]) if parts else ""
