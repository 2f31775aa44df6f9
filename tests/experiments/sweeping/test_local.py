"""How a machine is divided among processes."""

import pytest

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.sweeping.local import core_shares, device_shares


@pytest.mark.parametrize(
    ("workers", "cores", "divided"),
    [
        (None, None, [(4, 5), (6, 7), (8, 9)]),
        (2, None, [(4, 5, 6), (7, 8, 9)]),
        (4, None, [(4,), (5,), (6,), (7,)]),
        (None, 3, [(4, 5, 6), (7, 8, 9)]),
        (1, 2, [(4, 5)]),
        (None, 4, [(4, 5, 6, 7)]),
    ],
)
def test_no_two_processes_share_a_core(workers, cores, divided):
    shares = core_shares([4, 5, 6, 7, 8, 9], workers, cores)
    assert [share.core_numbers for share in shares] == divided
    assert all(share.cores == len(share.core_numbers) for share in shares)


def test_a_machine_of_one_core_has_a_process():
    assert [share.core_numbers for share in core_shares([3])] == [(3,)]


@pytest.mark.parametrize(("workers", "cores"), [(7, None), (None, 7), (3, 3)])
def test_more_than_there_is_is_refused(workers, cores):
    with pytest.raises(ConfigError, match="must be at most"):
        core_shares(range(6), workers, cores)


def test_each_process_sees_one_of_the_devices_that_are_seen_here(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    seen = [share.environment["CUDA_VISIBLE_DEVICES"] for share in device_shares("gpu", 2)]
    assert seen == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8932f937")
    seen = [share.environment["CUDA_VISIBLE_DEVICES"] for share in device_shares("gpu", 2)]
    assert seen == ["3", "GPU-8932f937"]
    assert len(device_shares("gpu", 4, workers=1)) == 1
    with pytest.raises(ConfigError, match="workers: 3 is not allowed; it must be at most 2"):
        device_shares("gpu", 2, workers=3)
