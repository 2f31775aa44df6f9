"""What is said of something learned wherever it goes: how it was trained, and how it did."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from rlsuite.experiments.evaluation import Evaluation, Table
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import leaves, to_json
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.options import typed
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.words import table_in_markdown


class Score(NamedTuple):
    """The interquartile mean of what a contender came to in a test, and its 95 % interval."""

    contender: str
    value: float
    low: float
    high: float


class HeldOut(NamedTuple):
    """A table of a test on what was not trained on.

    Attributes:
      name: what it is called.
      unit: of its scores.
      scores: those of what the card is of, and of what is the same for all that are tested alike.
    """

    name: str
    unit: str
    scores: Sequence[Score]


@dataclass(frozen=True)
class Card:
    """How something was learned, and how it did on what it was not trained on.

    Attributes:
      name: what it is called.
      method: what finds the method that learned it.
      kind: what it is.
      summary: of the method.
      paper: the method's number on arXiv; none for a method without a paper.
      preset: of the method that the training started from.
      config: of the run, in terms of JSON.
      world_parameters: those of the training world that were set.
      command: the command that trains it.
      steps: of the method that it was trained for.
      created: when the training began.
      commit: of the code that trained it, where that is known.
      device: that trained it.
      versions: of the libraries by which it was trained.
      tested_by: the command that tested it; none if it wasn't tested.
      held_out: what the test found.
      notes: what else belongs to the test.
    """

    name: str
    method: str
    kind: str
    summary: str
    paper: str | None
    preset: str
    config: Mapping[str, Any]
    world_parameters: Mapping[str, Any]
    command: str
    steps: int
    created: str
    commit: str | None
    device: Mapping[str, Any]
    versions: Mapping[str, str]
    tested_by: str | None
    held_out: Sequence[HeldOut]
    notes: Sequence[str]


def card_of(run: Finished, name: str) -> Card:
    """What a run's folder says of what it has learned.

    Raises:
      UserError: if there is no checkpoint, or the evaluation can't be read.
    """
    evaluation, document = run.evaluation, run.document
    tested = None if evaluation is None or evaluation.step != run.state_step else evaluation
    return Card(
        name=name,
        method=run.reference,
        kind=run.spec.kind,
        summary=run.spec.summary,
        paper=run.spec.paper,
        preset=run.preset,
        config=to_json(run.run),
        world_parameters=dict(run.world_parameters),
        command=command(run),
        steps=run.state_step,
        created=document["created"],
        commit=document.get("commit"),
        device=document["device"],
        versions=document["versions"],
        tested_by=None if tested is None else _test_command(tested),
        held_out=[] if tested is None else [_held_out(tested, table) for table in tested.tables],
        notes=[] if tested is None else list(tested.notes),
    )


def _test_command(evaluation: Evaluation) -> str:
    settings = evaluation.settings.items()
    return typed(
        "evaluate", "RUN", *(word for name, text in settings for word in (f"--{name}", text))
    )


def command(plan: Plan) -> str:
    """The command that trains what is planned, with the fields that aren't its preset's."""
    words = ["train", plan.reference, plan.preset]
    world = {f"tasks.{name}": value for name, value in plan.world_parameters.items()}
    if plan.run.tasks is not None and (world or plan.run.tasks != _own_tasks(plan)):
        world = {"tasks": plan.run.tasks, **world}
    usual = leaves(plan.preset_run)
    changed = {
        name: leaf.value
        for name, leaf in leaves(plan.run).items()
        if name != "tasks" and leaf.value != usual[name].value
    }
    for name, value in {**world, "seed": plan.run.seed, **changed}.items():
        words += [f"--{name}", to_text(value)]
    return typed(*words)


def _own_tasks(plan: Plan) -> str | None:
    return plan.spec.presets[plan.preset](None).tasks


def _held_out(evaluation: Evaluation, table: Table) -> HeldOut:
    # Rivals are other people's runs, and of no meaning elsewhere.
    names = [name for name in evaluation.of_role("own", "baseline") if name in table.results]
    return HeldOut(
        table.name, table.shown_unit, [Score(name, *table.estimates[name]) for name in names]
    )


def card_to_json(card: Card) -> dict[str, Any]:
    """A card in terms of JSON."""
    held_out = [
        {**table._asdict(), "scores": [score._asdict() for score in table.scores]}
        for table in card.held_out
    ]
    return {**asdict(card), "held_out": held_out}


def card_from_json(document: Mapping[str, Any]) -> Card:
    """The inverse of `card_to_json`.

    Raises:
      KeyError: if a part of it is missing.
      TypeError: if it is no card's document.
    """
    tables = [
        HeldOut(table["name"], table["unit"], [Score(**score) for score in table["scores"]])
        for table in document["held_out"]
    ]
    parts = {field.name: document[field.name] for field in fields(Card)}
    return Card(**{**parts, "held_out": tables})


def in_markdown(card: Card) -> str:
    """A card for people."""
    paper = f", [{card.paper}](https://arxiv.org/abs/{card.paper})" if card.paper else ""
    versions = ", ".join(f"{name} {number}" for name, number in card.versions.items())
    parts = [
        f"# {card.name}",
        f"{card.kind[:1].upper()}{card.kind[1:]}: {card.summary}{paper}.",
        "## How it was trained",
        f"```\n{card.command}\n```",
        f"{card.steps} steps, begun {card.created} on {card.device['count']} × "
        f"{card.device['kind']}, commit {card.commit or 'not known'}; {versions}.",
        "## How it did on what it was not trained on",
        *_tested(card),
    ]
    return "\n\n".join(parts) + "\n"


def _tested(card: Card) -> list[str]:
    if card.tested_by is None:
        return ["It was not tested."]
    contenders = dict.fromkeys(score.contender for table in card.held_out for score in table.scores)
    rows = [[table.name, table.unit, *_cells(table, contenders)] for table in card.held_out]
    return [
        table_in_markdown(["tested on", "unit", *contenders], rows),
        " ".join(
            [
                f"By `{card.tested_by}`: interquartile mean and 95 % stratified bootstrap interval "
                "over levels and fresh agents, of this one training.",
                *card.notes,
            ]
        ),
    ]


def _cells(table: HeldOut, contenders: Sequence[str] | Mapping[str, None]) -> list[str]:
    found = {
        score.contender: f"{score.value:.2f} [{score.low:.2f}, {score.high:.2f}]"
        for score in table.scores
    }
    return [found.get(name, "") for name in contenders]
