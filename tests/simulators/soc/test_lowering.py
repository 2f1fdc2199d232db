"""Lowered tables agree with the descriptions, entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import applications, platforms

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application, Task
from chipgym.simulators.soc.lowering import (
    execution_times,
    lower,
    lower_power,
    mean_costs,
    upward_ranks,
)
from chipgym.simulators.soc.platform import Platform

CHIP = Platform.named("ds3-16pe")


@settings(max_examples=60, deadline=None)
@given(platforms(), applications(name="first"), applications(name="second"))
def test_tables_of_two_applications(platform: Platform, first: Application, second: Application):
    tables = lower(platform, (first, second))
    assert tables.task_ptr.tolist() == [0, len(first.tasks), len(first.tasks) + len(second.tasks)]
    for number, application in enumerate((first, second)):
        for task in range(len(application.tasks)):
            row = tables.task_ptr[number] + task
            before = slice(tables.pred_ptr[row], tables.pred_ptr[row + 1])
            incoming = [(e.src, e.volume) for e in application.edges if e.dst == task]
            pairs = zip(tables.pred_task[before], tables.pred_volume[before], strict=True)
            assert list(pairs) == incoming
            after = tables.succ_task[tables.succ_ptr[row] : tables.succ_ptr[row + 1]]
            assert after.tolist() == [e.dst for e in application.edges if e.src == task]
            kind = application.tasks[task].kind
            for pe, c in enumerate(platform.pe_cluster):
                expected = platform.clusters[c].exec_us.get(kind, np.inf)
                assert tables.exec_us[row, pe] == expected


@settings(max_examples=60, deadline=None)
@given(platforms(), applications())
def test_delays_are_whole_and_rounded_down(platform: Platform, application: Application):
    tables = lower(platform, (application,))
    bandwidth = platform.bandwidth
    for edge, volume in enumerate(tables.pred_volume):
        assert tables.comm_same_us[edge] == int(volume / bandwidth.same_pe)
        for c in range(len(platform.clusters)):
            assert tables.comm_to_memory_us[edge, c] == int(volume / bandwidth.to_memory[c])
            assert tables.comm_from_memory_us[edge, c] == int(volume / bandwidth.from_memory[c])
            for d in range(len(platform.clusters)):
                rate = bandwidth.between_clusters[c][d]
                assert tables.comm_us[edge, c, d] == int(volume / rate)


@settings(max_examples=60, deadline=None)
@given(platforms(), applications())
def test_upward_ranks_by_their_definition(platform: Platform, application: Application):
    mean_exec, mean_comm = mean_costs(platform, application)

    def rank(task: int) -> float:
        below = [mean_comm[task, e.dst] + rank(e.dst) for e in application.edges if e.src == task]
        return mean_exec[task] + max(below, default=0.0)

    expected = [rank(task) for task in range(len(application.tasks))]
    assert upward_ranks(platform, application).tolist() == pytest.approx(expected)


def test_a_task_may_override_times_by_cluster():
    task = Task(name="t", kind="fft", exec_us={"A15": 7.0})
    times = execution_times(CHIP, Application(name="a", tasks=(task,)))
    assert times[0, 4:8].tolist() == [7.0] * 4
    assert times[0, 0] == 289.0
    assert times[0, 10] == 12.0


def test_a_kind_without_time_is_named():
    application = Application(name="odd", tasks=(Task(name="t", kind="warp"),))
    with pytest.raises(InvalidValueError, match=r"applications\.odd\.tasks\.0\.kind = 'warp'"):
        lower(CHIP, (application,))


def test_an_unknown_cluster_is_named():
    task = Task(name="t", kind="warp", exec_us={"A16": 7.0})
    with pytest.raises(UnknownNameError, match=r"'A16' is not a cluster.*did you mean 'A15'"):
        lower(CHIP, (Application(name="odd", tasks=(task,)),))


def test_no_application_is_refused():
    with pytest.raises(InvalidValueError, match="at least one application"):
        lower(CHIP, ())


def test_volumes_below_the_bandwidth_are_free():
    # The volume of 10 units over the slow link of 10 takes 1 µs; 80 take 8, or none on a fast link.
    tables = lower(CHIP, (Application.named("wifi-tx"),))
    names = [c.name for c in CHIP.clusters]
    to_fft = int(np.flatnonzero(tables.pred_volume == 10.0)[0])
    assert tables.comm_us[to_fft, names.index("A15"), names.index("FFT")] == 1
    from_fft = int(np.flatnonzero(tables.pred_volume == 80.0)[0])
    assert tables.comm_us[from_fft, names.index("FFT"), names.index("A15")] == 8
    assert tables.comm_us[from_fft, names.index("A7"), names.index("A15")] == 0


def test_governors_select_operating_points():
    assert lower_power(CHIP, "performance").initial_opp.tolist() == [4, 7, 0, 0, 0]
    assert lower_power(CHIP, "powersave").initial_opp.tolist() == [0, 0, 0, 0, 0]
    assert lower_power(CHIP, "constant-1000").initial_opp.tolist() == [2, 2, 0, 0, 0]
    assert lower_power(CHIP, "ondemand").governor.all()
    with pytest.raises(InvalidValueError, match="constant-700"):
        lower_power(CHIP, "constant-700")


def test_the_first_profile_at_or_above_a_frequency_applies():
    tables = lower_power(CHIP, "performance")
    a15 = [c.name for c in CHIP.clusters].index("A15")
    used = tables.profile_frequency_mhz[a15, : tables.num_opps[a15]]
    assert used.tolist() == [1000.0] * 3 + [2000.0] * 5
    assert tables.profile_w[a15, 7, :4].tolist() == [3.32, 5.05, 6.15, 6.91]
