"""What the shell knows of a method and of a world: one record each, and nothing elsewhere."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import jax
import numpy as np
from annotated_types import Interval
from gymnax.environments.environment import Environment
from jaxtyping import PRNGKeyArray, UInt8

from rlsuite.agents import AgentConfig
from rlsuite.compiling import jit
from rlsuite.curricula.curriculum import log_uniform_lifetimes
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.fields import INLINED
from rlsuite.experiments.level_design import LevelDesign
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.symptoms import Symptom
from rlsuite.experiments.trainers import LearnedBy
from rlsuite.lifetime import Task
from rlsuite.method import Method, State
from rlsuite.ranges import Count, Positive
from rlsuite.rollout import Level, OptimalReturn

if TYPE_CHECKING:
    from rlsuite.experiments.finished import Finished

Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]


@dataclass(frozen=True)
class Nothing:
    """A part of a configuration for which there is nothing to say."""


@dataclass(frozen=True)
class Run:
    """What is run: a method's own configuration, on what, for how long, and how it is tested.

    Attributes:
      seed: from which all randomness of the run follows.
      steps: steps of the method.
      tasks: a level distribution or a world, as `rlsuite list` shows them; none for a method that
        has no world.
      min_lifetime: lifetimes are drawn log-uniformly from this …
      max_lifetime: … to this number of agent updates; none takes the tasks' own.
      log_every: steps per compiled chunk, after which a line is logged.
      checkpoint_every: steps between checkpoints.
      checkpoint_minutes: minutes after which a checkpoint is saved as well, at the end of a chunk;
        none goes by steps alone.
      checkpoints_kept: how many of the newest checkpoints are kept.
      keep_every: of every so many steps, the first checkpoint is kept for good; none keeps only the
        newest.
      wandb: the project of Weights & Biases that is told the metrics as well; none leaves it out.
      method: the method's own configuration.
      evaluation: how the result is tested.
    """

    seed: Seed = 0
    steps: Count = 5000
    tasks: str | None = "all_shortlife"
    min_lifetime: Count | None = None
    max_lifetime: Count | None = None
    log_every: Count = 10
    checkpoint_every: Count = 250
    checkpoint_minutes: Positive | None = 30.0
    checkpoints_kept: Count = 2
    keep_every: Count | None = None
    wandb: str | None = None
    method: Any = field(default=Nothing(), metadata=INLINED)
    evaluation: Any = Nothing()


BOOKKEEPING = frozenset(
    {
        *("log_every", "checkpoint_every", "checkpoint_minutes", "checkpoints_kept", "keep_every"),
        "wandb",
    }
)
"""Fields of a run by which nothing else is computed, only more or less of it written down."""


class Reference(NamedTuple):
    """A return to measure others by, and what it is of, such as `the most its rules allow`."""

    value: float
    source: str


class WorldSpec(NamedTuple):
    """A world, and a distribution over tasks in it.

    Attributes:
      name: what `--tasks` calls it.
      world: sized for its levels.
      sample_task: `key -> Task`.
      lifetime_range: the shortest and the longest lifetime, in agent updates.
      agent: the field's usual agent for such a world.
      ppo: settings with which PPO learns it, or a world like it.
      optimal_return: `level -> return`, where a solver knows it.
      draw: `level -> image`, where levels can be shown.
      key: `() -> images by meaning`, what is found in such images.
      reference: a return to measure others by, where the optimal one is not known level by level.
      design: what those who design its levels need to know, where its levels can be designed.
    """

    name: str
    world: Environment
    sample_task: Callable[[PRNGKeyArray], Task]
    lifetime_range: tuple[int, int]
    agent: AgentConfig
    ppo: PPOSettings
    optimal_return: OptimalReturn | None = None
    draw: Callable[[Level], UInt8[np.ndarray, "height width 3"]] | None = None
    key: Callable[[], Mapping[str, UInt8[np.ndarray, "height width 3"]]] | None = None
    reference: Reference | None = None
    design: LevelDesign | None = None

    def living(self, min_lifetime: int | None, max_lifetime: int | None) -> "WorldSpec":
        """The same tasks with lifetimes drawn log-uniformly between two bounds.

        Args:
          min_lifetime: the shortest, in agent updates; none is that of the tasks.
          max_lifetime: the longest; likewise.

        Raises:
          ConfigError: if the shortest is above the longest.
        """
        shortest, longest = self.lifetime_range
        bounds = (
            shortest if min_lifetime is None else min_lifetime,
            longest if max_lifetime is None else max_lifetime,
        )
        if bounds[0] > bounds[1]:
            name, value, allowed = (
                ("max_lifetime", max_lifetime, f"at least {bounds[0]}")
                if min_lifetime is None
                else ("min_lifetime", min_lifetime, f"at most {bounds[1]}")
            )
            raise ConfigError(
                f"{name}: {value} is not allowed; it must be {allowed}, the other bound"
            )
        if bounds == self.lifetime_range:
            return self
        sample_task = log_uniform_lifetimes(self.sample_task, *bounds)
        return self._replace(sample_task=sample_task, lifetime_range=bounds)


class WorldFamily(NamedTuple):
    """Worlds that are made in one way.

    Attributes:
      title: what `rlsuite list` writes over their names.
      names: `() -> names` of those that are there.
      make: `(name, parameters) -> WorldSpec`, where `parameters` are what `--tasks.NAME VALUE`
        asked for, as text or as what JSON has; raises ConfigError for those it doesn't know.
      is_there: whether what they need is installed; where it isn't, `make` says what to install,
        and nothing lists them.
      word: by which all of them are called at once; none where they aren't.
    """

    title: str
    names: Callable[[], Sequence[str]]
    make: Callable[[str, Mapping[str, Any]], WorldSpec]
    is_there: Callable[[], bool] = lambda: True
    word: str | None = None


def required(world: WorldSpec | None) -> WorldSpec:
    """The world of a method that can't do without.

    Raises:
      ConfigError: if there is none.
    """
    if world is None:
        raise ConfigError("tasks: none is not allowed; this method needs a world")
    return world


def worldless(runs: Mapping[str, Run]) -> dict[str, Callable[[WorldSpec | None], Run]]:
    """Presets of runs in which there is no world to choose."""

    def preset(run: Run) -> Callable[[WorldSpec | None], Run]:
        return lambda world: run

    return {size: preset(run) for size, run in runs.items()}


class Experiment(NamedTuple):
    """A method, with what people want to see of it.

    Attributes:
      method: to be run.
      agent_updates_per_step: updates of learning agents in one step, antagonists left out.
      world_steps_per_step: steps of all worlds in one step, antagonists' among them and evaluation
        episodes left out; the most there may be, where steps differ.
      headline: the metrics a progress bar should show.
      jit: how its steps are best compiled.
      watched: metrics that are finite in every step of a healthy run, which is stopped where one
        isn't; by default losses (their names end in `loss`), from the first number on.
      learned: the part of a state that has to stay finite. The shell puts the spec's in its place.
      divisible: the number of agents, or of groups of them, that devices share if they can do so
        equally (`rlsuite.sharding`); 1 for a method that one device runs.
      symptoms: by which a run shows that it can't learn. The shell puts the spec's in their place.
      count_world_steps: `metrics -> steps of all worlds`, from means over steps to the mean number
        in one of them, where steps differ.
    """

    method: Method
    agent_updates_per_step: int
    world_steps_per_step: int
    headline: tuple[str, ...]
    jit: Callable[..., jax.stages.Wrapped] = jit
    watched: tuple[str, ...] | None = None
    learned: Callable[[State], Any] = lambda state: state
    divisible: int = 1
    symptoms: Sequence[Symptom] = ()
    count_world_steps: Callable[[Mapping[str, float]], float] | None = None

    def world_steps(self, metrics: Mapping[str, float]) -> float:
        """Steps of all worlds in one step, in the mean over those whose metrics these are."""
        if self.count_world_steps is None:
            return self.world_steps_per_step
        return self.count_world_steps(metrics)

    def watched_among(self, metrics: Iterable[str]) -> list[str]:
        """Those of some metrics that are watched."""
        if self.watched is None:
            return [name for name in metrics if name.endswith("loss")]
        return [name for name in metrics if name in self.watched]


class Drawing(NamedTuple):
    """A figure of a report.

    Attributes:
      file: its name in the run's folder.
      alternative: what it shows, in words.
      draw: writes it to a path.
    """

    file: str
    alternative: str
    draw: Callable[[Path], None]


class Section(NamedTuple):
    """A part of a report: figures, and what is said about them in Markdown."""

    title: str
    drawings: Sequence[Drawing]
    text: str = ""


class Watch(NamedTuple):
    """How a test says what it is doing.

    Attributes:
      begin: `description -> done`, to be called when that part is done.
      expect: told how many parts there will be, if the test knows.
    """

    begin: Callable[[str], Callable[[], None]]
    expect: Callable[[int], None] = lambda num_parts: None


def nothing_to_show(finished: "Finished", evaluation: Evaluation | None) -> Sequence[Section]:
    """No sections."""
    del finished, evaluation
    return ()


def nothing_to_refuse(run: Run, world: WorldSpec | None) -> None:
    """Whatever can be built may be planned."""
    del run, world


def learned_parameters(state: State) -> Any:
    """What most methods learn lies in their state's `parameters`."""
    return state.parameters


Test = Callable[["Finished", Sequence["Finished"], Watch], Evaluation]
"""Of what a run has learned, beside what others of its kind have."""

METHOD_NAME = r"[a-z][a-z0-9_-]*"
"""A regular expression for names of methods: they are typed in commands, and folders have them."""


class MethodSpec(NamedTuple):
    """All that the shell knows of a method.

    Attributes:
      name: the command's word for it.
      kind: what it learns: things of one kind can stand beside each other in a test.
      summary: one line.
      paper: its number on arXiv; none for a method without a paper.
      presets: configurations by name, each a function of the world: none takes the preset's own.
      build: `(run, world) -> Experiment`; what is not allowed it raises as ConfigError, or as a
        ValueError that names the field.
      check: `(run, world) -> None`, which raises a ConfigError for what can be built and yet makes
        no sense. It is asked when a run is planned, and of what is changed when it is resumed with
        more steps or tested with other settings; not when its folder is opened, so that runs of
        older versions can still be tested and reported.
      test: `(finished, rivals, watch) -> Evaluation`, of what a run has learned beside what others
        have; none for a method that isn't tested.
      pictures: `(finished, evaluation) -> sections` of the report, beside those that every run has.
      learned: `state -> what is exported`.
      learned_by: `(run, world) -> LearnedBy`, how agents learn on any world by what a run has
        learned: on the run's own world (and, where the method says so, on those like it) as the run
        says, elsewhere in the world's usual way; none for a method by whose results no agents
        learn.
      by_hand: `world -> LearnedBy`, the same for a method that is a way to learn itself, and is
        called by its name.
      panels: metrics worth a panel in the learning curves, with their titles.
      symptoms: by which a run shows that it can't learn as it is; the first time that one has shown
        for long enough, it is said in a line, and the report says so too.
      short_names: of worlds, for `--world`.
      title: what it is called in texts and pictures, if that isn't its name in capitals.
      trains_apart: whether the seeds of its tests are agents that were trained each from a key of
        its own, and share nothing: as many as that, a run counts for in a sweep's verdicts.
    """

    name: str
    kind: str
    summary: str
    paper: str | None
    presets: Mapping[str, Callable[[WorldSpec | None], Run]]
    build: Callable[[Run, WorldSpec | None], Experiment]
    check: Callable[[Run, WorldSpec | None], None] = nothing_to_refuse
    test: Test | None = None
    pictures: "Callable[[Finished, Evaluation | None], Sequence[Section]]" = nothing_to_show
    learned: Callable[[State], Any] = learned_parameters
    learned_by: Callable[[Run, WorldSpec], LearnedBy] | None = None
    by_hand: Callable[[WorldSpec], LearnedBy] | None = None
    panels: Mapping[str, str] = {}
    symptoms: Sequence[Symptom] = ()
    short_names: Mapping[str, str] = {}
    title: str = ""
    trains_apart: bool = False
