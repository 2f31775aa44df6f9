"""Leading a sweep with an engine that only says how programs end."""

import pytest
from rich.console import Console

from rlsuite.experiments.sweeping.display import Display
from rlsuite.experiments.sweeping.engines import Ending, Program, Room
from rlsuite.experiments.sweeping.leading import RETRIES, Leader
from rlsuite.experiments.sweeping.rows import DONE, FAILED, STOPPED, Row


class FakeRunning:
    def __init__(self, engine, program, ending):
        self._engine, self._program, self._ending = engine, program, ending
        self.was_asked = False

    def stop(self):
        self.was_asked = True

    def ending(self):
        ending = Ending(130) if self.was_asked else self._ending
        if ending is not None:
            self._engine.running.remove(self)
            if ending.status == 0:
                self._engine.done.update(self._program.jobs)
        return ending


class FakeEngine:
    """Programs end as a list says for each job, one entry for each time it is started."""

    described, farewell, room = "a fake", "they are asked to stop", Room(2)

    def __init__(self, slots=2, **endings):
        self.slots, self._endings = slots, {name: list(all_) for name, all_ in endings.items()}
        self.started, self.running, self.done, self.most = [], [], set(), 0

    def start(self, program):
        self.started.append(program.jobs)
        endings = self._endings.get(program.jobs[0], [])
        one = FakeRunning(self, program, endings.pop(0) if endings else Ending(0))
        self.running.append(one)
        self.most = max(self.most, len(self.running))
        return one

    def close(self):
        pass


@pytest.fixture
def lead(tmp_path):
    def lead(engine, names, should_stop=lambda: False, pause=lambda: None):
        rows = {name: Row(name, 0, tmp_path / name, steps=4) for name in names}
        programs = [Program(tmp_path, (name,), tmp_path / f"{name}.log") for name in names]
        display = Display(Console(quiet=True), list(rows.values()))
        leader = Leader(engine, rows, engine.done.__contains__, display, should_stop, pause)
        leader.lead(programs)
        failures = {name: failure.reason for name, failure in leader.failures.items()}
        assert all(
            failure.log == tmp_path / f"{name}.log" for name, failure in leader.failures.items()
        )
        return failures, {name: row.state for name, row in rows.items()}

    return lead


def test_all_are_run_and_no_more_at_once_than_there_are_slots(lead):
    engine = FakeEngine(slots=2)
    failures, states = lead(engine, "abcde")
    assert failures == {}
    assert set(states.values()) == {DONE}
    assert engine.most == 2
    assert engine.started == [(name,) for name in "abcde"]


def test_one_that_fails_stops_no_other_and_its_last_words_are_the_reason(lead, tmp_path):
    (tmp_path / "b.log").write_text("rlsuite: of a time before\n")

    class Speaking(FakeEngine):
        def start(self, program):
            if program.jobs == ("b",):
                with program.log.open("a") as log:
                    log.write("step 2\nrlsuite: it has diverged\nand something after\n")
            return super().start(program)

    failures, states = lead(Speaking(b=[Ending(2)], c=[Ending(3)]), "abcd")
    assert failures == {"b": "it has diverged", "c": "its process ended with exit status 3"}
    assert [states[name] for name in "abcd"] == [DONE, FAILED, FAILED, DONE]


def test_the_reason_of_what_was_not_meant_to_fail_is_its_error(lead, tmp_path):
    class Raising(FakeEngine):
        def start(self, program):
            program.log.write_text(
                "rlsuite: 'a' can't be locked\nTraceback (most recent call last):\n"
                "MemoryError: there is none\n"
            )
            return super().start(program)

    failures, _ = lead(Raising(a=[Ending(1)]), "a")
    assert failures == {"a": "MemoryError: there is none"}


def test_one_that_was_killed_goes_on_but_not_for_ever(lead):
    engine = FakeEngine(a=[Ending(-9), Ending(None)], b=[Ending(-9)] * 9)
    failures, states = lead(engine, "ab")
    assert engine.started.count(("a",)) == 3
    assert engine.started.count(("b",)) == RETRIES + 1
    assert failures == {"b": "its process was ended by signal 9"}
    assert states == {"a": DONE, "b": FAILED}


def test_of_jobs_that_shared_a_killed_process_only_the_missing_go_on(tmp_path):
    engine = FakeEngine()
    rows = {name: Row(name, 0, tmp_path / name, steps=4) for name in "ab"}
    endings = {("a", "b"): Ending(-9)}
    engine.done.add("a")
    start = engine.start

    def started(program):
        one = start(program)
        one._ending = endings.pop(program.jobs, Ending(0))
        return one

    engine.start = started
    display = Display(Console(quiet=True), list(rows.values()))
    leader = Leader(engine, rows, engine.done.__contains__, display, pause=lambda: None)
    leader.lead([Program(tmp_path, ("a", "b"), tmp_path / "a.log")])
    assert engine.started == [("a", "b"), ("b",)]
    assert leader.failures == {}


def test_when_people_ask_for_an_end_what_runs_is_asked_and_nothing_starts(lead):
    engine = FakeEngine(slots=1, a=[None])
    rounds = []
    failures, states = lead(
        engine, "ab", should_stop=lambda: len(rounds) > 2, pause=lambda: rounds.append(1)
    )
    assert engine.started == [("a",)]
    assert failures == {}
    assert states == {"a": STOPPED, "b": STOPPED}
