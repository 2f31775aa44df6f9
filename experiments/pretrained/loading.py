"""Reading what was learned elsewhere: what is shipped, and files that others have exported."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from gymnax.environments.environment import Environment
from jaxtyping import PyTree

from rlsuite.experiments.errors import UserError, nearest
from rlsuite.experiments.fields import from_json
from rlsuite.experiments.files import read_file
from rlsuite.experiments.plans import default_run
from rlsuite.experiments.pretrained.cards import Card, card_from_json
from rlsuite.experiments.pretrained.packing import PackingError, unpack
from rlsuite.experiments.registry import Methods, find_world
from rlsuite.experiments.specs import MethodSpec, Run, WorldSpec
from rlsuite.experiments.trainers import Trainer
from rlsuite.experiments.worlds.gymnax_worlds import world_spec

SUFFIX = ".safetensors"
_SHIPPED = files("rlsuite.experiments.pretrained")


class PretrainedError(UserError, ValueError):
    """What can't be loaded: one line that says why."""


@dataclass(frozen=True)
class Pretrained:
    """Something learned by which agents can learn, such as an objective.

    Attributes:
      parameters: a pytree, that which was learned.
      run: the configuration of the training.
      spec: of the method that learned it.
      card: how it was trained, and how it did on what it was not trained on.
    """

    parameters: PyTree
    run: Run
    spec: MethodSpec
    card: Card

    @property
    def config(self) -> Any:
        """The method's own configuration."""
        return self.run.method

    def on(self, world: Environment | WorldSpec | str) -> Trainer:
        """How agents learn by it on a world.

        On the world it was trained on agents are as they were in training. Elsewhere they are the
        usual ones for such a world, which a `WorldSpec` says; for an environment of one's own they
        have small perceptrons.

        Args:
          world: an environment with gymnax's interface, whose level are then its parameters; what
            the suite knows of a world; or the name of one, as `rlsuite list` shows them.

        Raises:
          ValueError: if it has no use for the world's actions or observations.
          ConfigError: if the name is unknown.
        """
        if isinstance(world, str):
            world = find_world(world)
        if isinstance(world, Environment):
            world = world_spec(world.name, world, world.default_params)
        assert self.spec.learned_by is not None, "else it could not have been loaded"
        return self.spec.learned_by(self.run, world)(world.world, self.parameters)


def names() -> list[str]:
    """Of what is shipped."""
    return sorted(
        entry.name.removesuffix(SUFFIX)
        for entry in _SHIPPED.iterdir()
        if entry.name.endswith(SUFFIX)
    )


def load(name: str | Path, spec: MethodSpec | None = None) -> Pretrained:
    """Something learned, by its name or from a file.

    `load("lpo")` is what is shipped by that name, and `load("mine.safetensors")` what
    `rlsuite export` wrote. No code of the file's is run, nor is any module imported that it names.

    Args:
      name: one of `names()`, or the path of a file, which ends in `.safetensors`.
      spec: of the method that learned it, if that is neither one of the suite's nor of an installed
        package's entry points.

    Raises:
      PretrainedError: a ValueError in one line, if there is no such name or file, or the file is
        damaged, of another format version or of a method that isn't there.
    """
    content = _content(name)
    try:
        parameters, document = unpack(content)
        card = card_from_json(document)
    except PackingError as error:
        raise PretrainedError(f"'{name}' {error}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise PretrainedError(f"'{name}' is damaged: its card is not whole ({error})") from error
    spec = spec or _known(card, name)
    if spec.learned_by is None:
        raise PretrainedError(f"'{name}' is of {spec.name}, by whose results no agents learn")
    try:
        run = from_json(default_run(spec, card.preset), card.config)
    except UserError as error:
        raise PretrainedError(f"'{name}': {error}") from error
    return Pretrained(parameters, run, spec, card)


def is_file(name: str | Path) -> bool:
    """Whether a name is that of a file rather than of what is shipped."""
    return isinstance(name, Path) or name.endswith(SUFFIX)


def _content(name: str | Path) -> bytes:
    if not is_file(name):
        if name not in names():
            raise PretrainedError(nearest("pretrained objective", str(name), names()))
        return (_SHIPPED / f"{name}{SUFFIX}").read_bytes()
    path = Path(name)
    try:
        content = read_file(path)
    except UserError as error:
        raise PretrainedError(str(error)) from error
    if content is None:
        raise PretrainedError(f"'{name}': there is no such file")
    return content


def _known(card: Card, name: str | Path) -> MethodSpec:
    """The method of a card, which is only looked for among those that are there anyway."""
    methods = Methods()
    for known in methods.names:
        if methods.reference(known) == card.method:
            return methods.find(known)
    raise PretrainedError(
        f"'{name}' is of the method '{card.method}', which is not known here; hand its MethodSpec "
        "over to load"
    )
