"""Static plans of streams: HEFT for one job, executed as planned without noise, brittle with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import applications, platforms

from chipgym.leaderboards.feasibility import check_schedule
from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.engine import Run, build_static
from chipgym.simulators.soc.options import SocOptions
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.static import heft
from chipgym.simulators.soc.static_plan import StreamPlan, plan_stream, run_plan
from chipgym.simulators.soc.workload import Workload

OPEN = SocOptions(max_in_flight=64)
NAMES = ("wifi-tx", "wifi-rx", "range-detection", "temporal-mitigation")


def stream(num_jobs: int, gap_us: float, seed: int = 0, apps: int = len(NAMES)) -> Workload:
    rng = np.random.default_rng(seed)
    gaps = np.floor(rng.exponential(gap_us, num_jobs))
    return Workload(rng.integers(apps, size=num_jobs), gaps, seed)


def execute(
    platform: Platform, apps: tuple[Application, ...], workload: Workload, options: SocOptions
) -> tuple[StreamPlan, Run]:
    ki, kf = build_static(platform, apps, options)
    plan = plan_stream(ki, kf, workload)
    run = Run(ki, kf, workload, record_trace=True)
    run_plan(run, plan)
    return plan, run


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_of_one_job_is_heft(name: str):
    platform, app = Platform.named("ds3-16pe"), Application.named(name)
    expected = heft(platform, app)
    plan, run = execute(platform, (app,), stream(1, 1.0, apps=1), OPEN)
    assert plan.pe[0].tolist() == expected.pe.tolist()
    assert plan.start_us[0].tolist() == expected.start_us.tolist()
    assert run.result().makespan_us == expected.makespan_us


@given(platforms(), applications())
@settings(max_examples=25, deadline=None)
def test_the_plan_of_any_job_is_heft(platform: Platform, app: Application):
    expected = heft(platform, app)
    plan = plan_stream(*build_static(platform, (app,), OPEN), stream(1, 1.0, apps=1))
    assert plan.finish_us[0].tolist() == expected.finish_us.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_without_noise_streams_go_as_planned(seed: int):
    platform = Platform.named("ds3-16pe")
    # No task of length zero, which a task bound before it arrives can keep waiting.
    names = ("wifi-rx", "single-carrier-tx", "single-carrier-rx")
    apps = tuple(Application.named(name) for name in names)
    workload = stream(20, 40.0, seed, len(apps))
    plan, run = execute(platform, apps, workload, OPEN)
    trace = run.result().trace
    assert trace is not None
    assert trace.pe.tolist() == plan.pe[trace.job, trace.task].tolist()
    assert trace.finish_us.tolist() == plan.finish_us[trace.job, trace.task].tolist()


@pytest.mark.parametrize("options", [SocOptions(max_in_flight=3, noise_std=0.5), SocOptions()])
def test_noise_and_the_cap_keep_the_order_on_every_pe(options: SocOptions):
    platform = Platform.named("ds3-16pe")
    apps = tuple(Application.named(name) for name in NAMES)
    workload = stream(24, 20.0, 5)
    plan, run = execute(platform, apps, workload, options)
    trace = run.result().trace
    assert trace is not None
    assert run.result().completed == 24
    columns = ("job", "app", "task", "pe", "start_us", "finish_us")
    schedule = {name: getattr(trace, name) for name in columns}
    assert check_schedule(platform, apps, workload, schedule, options) == []
    arrived = run.jobs[trace.job, 0]
    places = plan.place[trace.job, trace.task]
    takes_time = trace.finish_us > trace.start_us
    for pe in range(platform.num_pes):
        here = np.flatnonzero((trace.pe == pe) & takes_time)
        for a in here:
            # Whatever started before this, though planned after it, was ready before it arrived.
            early = here[(trace.start_us[here] < trace.start_us[a]) & (places[here] > places[a])]
            assert (trace.ready_us[early] <= arrived[a]).all()


def test_what_is_not_planned_is_refused():
    platform, app = Platform.named("canonical-3pe"), Application.named("canonical")
    for options in (
        replace(OPEN, communication="shared_memory"),
        replace(OPEN, mtbf_us=1000.0, mttr_us=10.0),
    ):
        static = build_static(platform, (app,), options)
        with pytest.raises(InvalidValueError):
            plan_stream(*static, stream(2, 1.0, apps=1))
