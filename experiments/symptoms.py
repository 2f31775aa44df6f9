"""Signs that a run cannot learn as it is, which is said once, in a line, while it goes on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Symptom(NamedTuple):
    """Something that a metric shows where nothing can be learned.

    Attributes:
      metric: a metric of the method.
      shows: whether a value of it, the mean over a few steps, is such a sign.
      steps: in so many steps in a row it has to be one.
      meaning: what it is a sign of, as the first half of a sentence.
    """

    metric: str
    shows: Callable[[float], bool]
    steps: int
    meaning: str


class Noticed(NamedTuple):
    """A symptom that has shown long enough.

    Attributes:
      symptom: which one.
      step: the last one of those in which it has shown.
      value: of its metric there.
    """

    symptom: Symptom
    step: int
    value: float

    def __str__(self) -> str:
        """As in `at step 30: no pair … has a winner (tied_pairs 1 over 10 steps), so …`."""
        metric, steps = self.symptom.metric, self.symptom.steps
        return (
            f"at step {self.step}: {self.symptom.meaning} ({metric} {self.value:.3g} over {steps} "
            "steps), so nothing can be learned as it is"
        )


class Examination:
    """Looks at the logged lines of a run, one after the other.

    Args:
      symptoms: what is looked for.
    """

    def __init__(self, symptoms: Sequence[Symptom]):
        self._streaks = dict.fromkeys(range(len(symptoms)), 0)
        self._symptoms = symptoms

    def look(self, step: int, length: int, metrics: Mapping[str, Any]) -> list[Noticed]:
        """What has shown long enough by this line, and not by the one before it.

        A metric without a value leaves things as they are: there was nothing to report.

        Args:
          step: the line's.
          length: of how many steps it has the means.
          metrics: by name.
        """
        noticed = []
        for index, symptom in enumerate(self._symptoms):
            value = metrics.get(symptom.metric)
            if value is None or value != value:
                continue
            before = self._streaks[index]
            self._streaks[index] = before + length if symptom.shows(value) else 0
            if before < symptom.steps <= self._streaks[index]:
                noticed.append(Noticed(symptom, step, value))
        return noticed


def examined(symptoms: Sequence[Symptom], lines: Iterable[Mapping[str, Any]]) -> list[Noticed]:
    """What has shown in the logged lines of a run, oldest first."""
    examination, last, noticed = Examination(symptoms), 0, []
    for line in lines:
        noticed += examination.look(line["step"], line["step"] - last, line)
        last = line["step"]
    return noticed
