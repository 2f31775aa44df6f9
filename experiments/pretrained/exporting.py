"""Writing what a run has learned into one file that others can load."""

import re
from pathlib import Path

import jax

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.files import replacing, write_text, writing
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.pretrained.cards import card_of, card_to_json, in_markdown
from rlsuite.experiments.pretrained.loading import SUFFIX
from rlsuite.experiments.pretrained.packing import PackingError, pack
from rlsuite.experiments.specs import METHOD_NAME


def export(run: Finished, name: str, out: Path, *, overwrite: bool = False) -> Path:
    """Writes `NAME.safetensors` and its card, `NAME.md`; returns the path of the first.

    The card has what the run's folder says, with the scores of its evaluation if that is of the
    state which is exported. The file has it as well.

    Args:
      run: with a checkpoint.
      name: what it is called.
      out: the folder to write to.
      overwrite: whether files that are there may be replaced.

    Raises:
      UserError: if the name is not allowed, no agents learn by what the run has learned, or the
        files are there or can't be written.
    """
    if not re.fullmatch(METHOD_NAME, name):
        raise UserError(f"name: {name!r} is not allowed; it must be a lower-case word")
    if run.spec.learned_by is None or run.spec.by_hand is not None:
        raise UserError(
            f"'{run.directory}': no agents learn by what runs of {run.spec.name} have learned"
        )
    path = out / f"{name}{SUFFIX}"
    for file in (path, path.with_suffix(".md")):
        if file.exists() and not overwrite:
            raise UserError(f"'{file}' is there; replace it with '--overwrite'")
    card = card_of(run, name)
    try:
        content = pack(jax.device_get(run.learned), card_to_json(card))
    except PackingError as error:
        raise UserError(f"'{run.directory}': what was learned {error}") from error
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    write_text(path.with_suffix(".md"), in_markdown(card))
    return path
