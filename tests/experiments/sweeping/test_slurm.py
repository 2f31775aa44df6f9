"""What is made of what submitit says of its jobs; SLURM itself is not there."""

from importlib.util import find_spec

import pytest

from rlsuite.experiments.sweeping.engines import Ending, Program
from rlsuite.experiments.sweeping.slurm import FOLDER, SlurmRunning, Work, slurm_engine

pytestmark = pytest.mark.skipif(find_spec("submitit") is None, reason="submitit is not installed")


class Job:
    """A job of submitit, over or not, with what it returned or raised."""

    job_id = "17"

    def __init__(self, result=None, *, state="COMPLETED"):
        self._result, self.state = result, state
        self.is_cancelled = False

    def done(self):
        return self._result is not None

    def result(self):
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    def cancel(self):
        self.is_cancelled = True

    def get_info(self, mode):
        assert mode == "force"
        return {"State": self.state}


def errors():
    from submitit.core import utils

    return utils


def test_one_that_is_preempted_before_it_has_begun_is_put_back(tmp_path):
    work = Work(Program(tmp_path, ("a",), tmp_path / "a.log"), {}, str(tmp_path))
    assert work.checkpoint().function is work


@pytest.mark.parametrize(
    ("result", "state", "ending"),
    [
        (None, "RUNNING", None),
        (0, "COMPLETED", Ending(0)),
        (2, "COMPLETED", Ending(2)),
        ("UncompletedJobError", "NODE_FAIL", Ending(None, "its SLURM job has died (NODE_FAIL)")),
        ("UncompletedJobError", "CANCELLED by 0", Ending(1, "its SLURM job was cancelled")),
        ("FailedJobError", "FAILED", Ending(1, "ImportError: no module")),
    ],
)
def test_how_a_job_ended(result, state, ending):
    if isinstance(result, str):
        result = getattr(errors(), result)("Traceback\n\nImportError: no module\n")
    assert SlurmRunning(Job(result, state=state), survives=True).ending() == ending


def test_jobs_of_slurm_are_left_to_themselves_and_those_in_their_place_are_cancelled():
    for survives in (True, False):
        job = Job()
        running = SlurmRunning(job, survives=survives)
        running.stop()
        assert job.is_cancelled is not survives
        assert running.ending() == (Ending(130) if survives else None)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """An engine that takes SLURM to be there, and what it has submitted."""
    import submitit

    made = slurm_engine(tmp_path, {"cluster": "local"})
    made._survives, submitted = True, []

    def submit(work):
        submitted.append(work)
        return Job()

    monkeypatch.setattr(made._executor, "submit", submit)
    states = {}
    monkeypatch.setattr(
        submitit, "SlurmJob", lambda folder, number: Job(0, state=states.get(number, ""))
    )
    return made, submitted, states


def program(tmp_path, *names):
    return Program(tmp_path, names, tmp_path / "log")


def test_the_same_command_finds_jobs_again_that_slurm_still_has(engine, tmp_path):
    made, submitted, states = engine
    made.start(program(tmp_path, "a", "b"))
    assert (tmp_path / FOLDER / "b.job").read_text() == "17 a b\n"
    states["17"] = "RUNNING"
    assert made.start(program(tmp_path, "b")).ending() == Ending(0)
    # It has had one of these seeds only: the others are given to SLURM when it has ended.
    assert made.start(program(tmp_path, "b", "c")).ending().was_killed
    assert len(submitted) == 1
    states["17"] = "COMPLETED"
    made.start(program(tmp_path, "b"))
    assert len(submitted) == 2
