"""Kills runs and damages checkpoints on purpose, and counts what comes of it.

`python -m tests.chaos [--kills N] [--damages N] [--seed N]`
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.programs import abstract_state

METHODS = ("groove", "ta-lpg", "act-train")
STEPS, KILLS_OF_A_RUN = 12, 4
COMMAND = "from rlsuite.experiments.cli import main; raise SystemExit(main())"


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """The command in a process of its own, which finds what others have compiled in the folder."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "JAX_ENABLE_COMPILATION_CACHE": "true",
            "JAX_COMPILATION_CACHE_DIR": str(folder / "cache"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def train(folder: Path, method: str, out: str) -> subprocess.Popen:
    """A short run that logs each step and saves each second one."""
    every = ["--log_every", "1", "--checkpoint_every", "2"]
    return start(
        folder, "train", method, "smoke", "--steps", str(STEPS), *every, "--out", out, "--overwrite"
    )


def kills(
    methods: Sequence[str], num_kills: int, folder: Path, chance: random.Random
) -> Counter[str]:
    """Kills runs at moments drawn by chance, resumes them, and compares them with one left alone.

    Args:
      methods: whose smoke presets run, in turns.
      num_kills: kills in all.
      folder: where they run.
      chance: draws the moments.

    Returns:
      How many processes were killed, runs came to an end, and of those how many were `identical`
      bit for bit, or `different`; and lines of metrics that were lost or doubled.
    """
    found: Counter[str] = Counter()
    for method in methods:
        _finish(train(folder, method, f"{method}-alone"))
    while found["killed"] < num_kills:
        method = methods[found["finished"] % len(methods)]
        out = f"{method}-killed"
        wanted = min(KILLS_OF_A_RUN, num_kills - found["killed"])
        found["killed"] += _run_with_kills(folder, method, out, wanted, chance)
        found["finished"] += 1
        same = _bits(folder / out) == _bits(folder / f"{method}-alone")
        found["identical" if same else "different"] += 1
        steps = [line["step"] for line in read_metrics(folder / out)]
        found["lines lost"] += len(set(range(1, STEPS + 1)) - set(steps))
        found["lines doubled"] += len(steps) - len(set(steps))
        print("kills:", dict(found), flush=True)
    return found


def _run_with_kills(folder: Path, method: str, out: str, wanted: int, chance: random.Random) -> int:
    """A run that was killed up to so often, and then let to its end; how often it was."""
    process, num_kills = train(folder, method, out), 0
    while num_kills < wanted:
        if not _kill(process, folder / out, chance):
            break
        num_kills += 1
        is_there = (folder / out / "config.json").exists()
        process = start(folder, "resume", out) if is_there else train(folder, method, out)
    _finish(process)
    return num_kills


def _kill(process: subprocess.Popen, run: Path, chance: random.Random) -> bool:
    """Kills a process early on, or soon after another step; whether it was still there."""
    if chance.random() < 0.25:
        time.sleep(chance.uniform(0, 8))
    else:
        lines, wanted = run / "metrics.jsonl", chance.randint(1, 4)
        before = _size(lines)
        while process.poll() is None and wanted:
            time.sleep(0.002)
            if _size(lines) != before:
                before, wanted = _size(lines), wanted - 1
        time.sleep(chance.uniform(0, 0.2))
    if process.poll() is not None:
        return False
    process.kill()
    process.communicate()
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _finish(process: subprocess.Popen) -> None:
    _, error = process.communicate()
    # What was killed after its last step is resumed to say that there is nothing left to do.
    assert process.returncode == 0, error


def _bits(run: Path) -> list[Any]:
    """All that must be the same however often a run was killed."""
    finished = open_run(run)
    lines = [
        {name: value for name, value in line.items() if "second" not in name}
        for line in finished.metrics
    ]
    return [json.dumps(lines), *map(_bytes, jax.tree.leaves(finished.state))]


def _bytes(leaf: jax.Array) -> bytes:
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()


def damages(run: Path, num_damages: int, folder: Path, chance: random.Random) -> Counter[str]:
    """Damages checkpoints of a run, and restores what is left.

    Args:
      run: with two checkpoints.
      num_damages: how many copies are damaged.
      folder: for the copies.
      chance: draws what is damaged, where and how; in one of eight both checkpoints are.

    Returns:
      How many were restored from the older checkpoint, how many refused since none was whole, and
      how many were `silently wrong` or ended in a `traceback`.
    """
    abstract = abstract_state(open_run(run).experiment.method)
    older, newest = sorted(int(path.name) for path in (run / "checkpoints").iterdir())
    expected = _older_state(run, folder, abstract, newest)
    found: Counter[str] = Counter()
    for index in range(num_damages):
        copy = folder / f"damaged-{index}"
        shutil.copytree(run, copy)
        both = chance.random() < 1 / 8
        for step in (newest, older) if both else (newest,):
            _damage(copy / "checkpoints" / str(step), chance)
        found[_outcome(copy, abstract, expected, both)] += 1
        shutil.rmtree(copy)
    return found


def _older_state(run: Path, folder: Path, abstract: Any, newest: int) -> list[bytes]:
    copy = folder / "older"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "checkpoints" / str(newest))
    with Checkpoints(copy) as checkpoints:
        older = list(map(_bytes, jax.tree.leaves(checkpoints.restore(abstract))))
    shutil.rmtree(copy)
    return older


def _outcome(run: Path, abstract: Any, expected: list[bytes], both: bool) -> str:
    try:
        with Checkpoints(run) as checkpoints:
            state = checkpoints.restore(abstract)
    except UserError:
        return "refused, none was whole" if both else "refused, although the older was whole"
    except Exception as error:
        print(f"damage: {type(error).__name__}: {error}", flush=True)
        return "traceback"
    same = list(map(_bytes, jax.tree.leaves(state))) == expected
    return "restored from the older" if same and not both else "silently wrong"


def _damage(checkpoint: Path, chance: random.Random) -> None:
    """Flips bits of a file, cuts, empties, fills or deletes it."""
    file = chance.choice(sorted(path for path in checkpoint.rglob("*") if path.is_file()))
    content = bytearray(file.read_bytes())
    kind = chance.choice(("flip", "flip", "flip", "cut", "empty", "noise", "zeros", "delete"))
    if kind == "delete" or not content:
        return file.unlink()
    if kind == "flip":
        for place in chance.sample(range(len(content)), min(chance.randint(1, 4), len(content))):
            content[place] ^= 1 << chance.randrange(8)
    place = chance.randrange(len(content))
    if kind == "cut":
        del content[place:]
    if kind == "noise":
        content[place:] = chance.randbytes(len(content) - place)
    if kind == "zeros":
        content[place:] = bytes(len(content) - place)
    if bytes(content) == file.read_bytes():
        content += b"\0"
    file.write_bytes(b"" if kind == "empty" else content)
    return None


def main() -> int:
    """Does it all, and prints the counts; 1 if any of them should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--damages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance, began = random.Random(asked.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        killed = kills(METHODS, asked.kills, folder, chance)
        print(f"kills, in {time.monotonic() - began:.0f} s: {dict(killed)}")
        found: Counter[str] = Counter()
        for method in METHODS:
            run = folder / f"{method}-alone"
            found += damages(run, asked.damages // len(METHODS) + 1, folder, chance)
            print(f"damages, in {time.monotonic() - began:.0f} s: {dict(found)}", flush=True)
    return int(bool(wrong(killed) or wrong(found)))


def wrong(found: Counter[str]) -> dict[str, int]:
    """Of some counts those that should be 0 and aren't."""
    right = (
        "killed",
        "finished",
        "identical",
        "restored from the older",
        "refused, none was whole",
    )
    return {name: count for name, count in found.items() if count and name not in right}


if __name__ == "__main__":
    sys.exit(main())
