"""Facts measured on the public reference simulators, small enough to be kept here."""

import numpy as np
import pytest

from chipgym.simulators.core.errors import InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.tick_engine import run_tick
from chipgym.simulators.soc.workload import Workload

# Makespan of one job under MET, EFT, ETF, STF (public DS3 implementation).
MAKESPANS_US = {
    "wifi-tx": (71, 71, 71, 165),
    "wifi-rx": (389, 301, 301, 641),
    "range-detection": (177, 177, 177, 177),
    "single-carrier-tx": (56, 56, 56, 56),
    "single-carrier-rx": (154, 154, 154, 154),
    "temporal-mitigation": (81, 81, 81, 95),
    "canonical": (80, 80, 80, 80),
}

# SoCRATES, ten graphs, three jobs at a time, seed 0: gaps in the order drawn, graph of each job,
# arrival and finish of the first fourteen jobs.
DAGS = (6, 8, 7, 6, 5, 7, 5, 9, 10, 4, 8, 6, 6, 10)
SOCRATES = {
    "ETF": (
        "46 101 7 0 31 51 42 12 5 5 16 64 23 32 42 23 81 26 2 111 33 8 25 6 52 20 15 186 8 49",
        (0, 0, 0, 148, 155, 155, 281, 293, 298, 409, 441, 483, 588, 614),
        (117, 110, 131, 254, 280, 273, 400, 415, 407, 512, 538, 591, 669, 725),
    ),
    "HEFT_RT": (
        "46 35 57 40 43 85 22 5 23 52 74 46 42 19 11 5 3 69 2 111 15 17 20 8 10 24 10 20 27 1 4 18"
        " 17 41 31 96 12 15 3 10 0 1 28 31 0 4 31 100 13 16 30 63 7 37 3 12 73 17 10 42 31 1 6 1",
        (0, 0, 0, 140, 180, 223, 308, 330, 359, 486, 532, 574, 611, 684),
        (152, 110, 127, 241, 308, 349, 419, 448, 502, 607, 650, 704, 749, 801),
    ),
}


def single(app, scheduler, **options):
    name = "canonical-3pe" if app == "canonical" else "ds3-16pe"
    workload = Workload(np.array([0]), np.array([0.0]))
    application = Application.named(app)
    options = SocOptions(order="ds3", **options)
    return run_tick(Platform.named(name), [application], workload, scheduler, options, True)


@pytest.mark.parametrize("app", MAKESPANS_US)
def test_single_jobs_take_what_ds3_says(app):
    schedulers = ("MET", "EFT", "ETF", "STF")
    assert tuple(single(app, s).makespan_us for s in schedulers) == MAKESPANS_US[app]


def test_energy_of_a_task_alone_at_full_speed():
    """(3.32 W - 4 L)/1 + L for 10 µs, with L = 0.01825 W a core at 1.362 V and 42 °C."""
    trace = single("wifi-tx", "MET").trace
    assert (trace.pe[0], trace.finish_us[0]) == (4, 10)
    assert trace.energy_j[0] == pytest.approx(3.265228024444364e-05, rel=1e-12)


def test_run_energy():
    assert single("wifi-tx", "MET").energy_j == pytest.approx(0.00027202850000708733, rel=1e-12)


def test_powersave_stretches_execution_and_truncates_records():
    result = single("range-detection", "MET", governor="powersave")
    assert result.makespan_us == pytest.approx(357 + 2 / 3)
    assert result.finish_us[0] == 357
    assert result.mean_latency_ds3_us == pytest.approx(357 + 2 / 3)


def test_zero_length_tasks_cost_a_tick():
    """The head of range detection takes no time, yet its successors start at the next tick."""
    trace = single("range-detection", "MET").trace
    assert trace.start_us[:2].tolist() == [0, 1]


@pytest.mark.parametrize("scheduler", SOCRATES)
def test_socrates_arrivals_and_finishes(scheduler):
    gaps, arrival_us, finish_us = SOCRATES[scheduler]
    applications = [Application.named("canonical")]
    applications += [Application.named(f"canonical-{k}") for k in range(2, 11)]
    gap_us = np.array([float(gap) for gap in gaps.split()])
    app_index = np.resize(np.array(DAGS) - 1, len(gap_us))
    options = SocOptions(order="ds3gym", max_in_flight=3, horizon_us=5000.0, steady_state_fill=True)
    result = run_tick(
        Platform.named("canonical-3pe"),
        applications,
        Workload(app_index, gap_us),
        scheduler,
        options,
    )
    assert result.arrival_us[: len(DAGS)].tolist() == list(arrival_us)
    # Later jobs depend on gaps beyond the listed ones, and can hold up the last of these.
    assert result.finish_us[: len(DAGS) - 3].tolist() == list(finish_us[:-3])


def test_the_cap_delays_arrivals_and_drops_nothing():
    application = Application.named("wifi-tx")
    workload = Workload(np.zeros(6, np.int64), np.zeros(6))
    options = SocOptions(order="ds3", max_in_flight=1)
    result = run_tick(Platform.named("ds3-16pe"), [application], workload, "ETF", options)
    assert result.completed == 6
    assert (result.arrival_us[1:] >= result.finish_us[:-1]).all()
    assert result.mean_in_flight == 1


def test_the_horizon_cuts_the_run():
    application = Application.named("wifi-tx")
    workload = Workload(np.zeros(50, np.int64), np.full(50, 100.0))
    options = SocOptions(order="ds3", horizon_us=1000.0, warmup_us=500.0)
    result = run_tick(Platform.named("ds3-16pe"), [application], workload, "ETF", options)
    assert result.injected == 10
    assert result.completed == 10
    assert result.mean_latency_us == 71
    assert np.nanmax(result.finish_us) < 1000


def test_noise_is_whole_positive_and_a_function_of_the_key():
    application = Application.named("canonical")
    options = SocOptions(order="ds3gym", horizon_us=3000.0, noise_std=0.5, max_in_flight=3)

    def times(key, scheduler):
        workload = Workload(np.zeros(20, np.int64), np.full(20, 40.0), key)
        platform = Platform.named("canonical-3pe")
        trace = run_tick(platform, [application], workload, scheduler, options, True).trace
        return {
            (int(j), int(t), int(p)): e - s
            for j, t, p, s, e in zip(
                trace.job, trace.task, trace.pe, trace.start_us, trace.finish_us, strict=True
            )
        }

    first = times(1, "MET")
    assert all(value >= 1 and value == int(value) for value in first.values())
    assert first == times(1, "MET")
    assert first != times(2, "MET")
    other = times(1, "ETF")
    shared = first.keys() & other.keys()
    assert shared
    assert all(first[key] == other[key] for key in shared)


def test_a_table_is_followed():
    application = Application.named("canonical")
    workload = Workload(np.array([0]), np.array([0.0]))
    table = [[0, 1, 2, 0, 1, 2, 0, 1, 2, 0]]
    options = SocOptions(order="ds3")
    platform = Platform.named("canonical-3pe")
    trace = run_tick(platform, [application], workload, "table", options, True, table).trace
    assert trace.pe[np.argsort(trace.task)].tolist() == table[0]


def test_bad_input_is_named():
    application = Application.named("canonical")
    platform = Platform.named("canonical-3pe")
    workload = Workload(np.array([1]), np.array([0.0]))
    with pytest.raises(InvalidValueError, match="app_index"):
        run_tick(platform, [application], workload)
    workload = Workload(np.array([0]), np.array([0.0]))
    with pytest.raises(UnknownNameError, match="did you mean 'ETF'"):
        run_tick(platform, [application], workload, "ETFF")
    with pytest.raises(InvalidValueError, match="table"):
        run_tick(platform, [application], workload, "table", table=[[0, 1]])
