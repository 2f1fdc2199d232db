"""The leaderboard on the DRAM environments: replay, tampering, and the check of every command."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from chipgym.envs.dram_tuning.evaluation import default_outcome
from chipgym.experiments.evaluation import run_episode
from chipgym.leaderboards.dram_timing import check_commands, worst_debts
from chipgym.leaderboards.replay import RejectionError, feasibility_checker, replay
from chipgym.simulators.dram.address import default_map
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import Device, load_device
from chipgym.simulators.dram.jedec_refresh import refresh_gaps
from chipgym.simulators.dram.result import CommandTrace, DramResult
from chipgym.simulators.dram.simulate import prepare, simulate
from chipgym.simulators.dram.trace import Trace

Submitted = tuple[Path, str]
ReasonsAgainst = Callable[..., tuple[str, ...]]

DESIGN = {"env": "chipgym/DramDesign-v0", "scenario": "ddr3-mixed", "name": "design"}
TUNING = {"env": "chipgym/DramTuning-v0", "scenario": "ddr4-bursty", "name": "tuning"}
RUNTIME = {"env": "chipgym/DramRuntime-v0", "scenario": "idle-burst", "name": "runtime"}
FEW = {"n_steps": 16, "num_envs": 1, "batch_size": 16, "n_epochs": 1, "net_arch": [16]}
COMMAND = {"env": "chipgym/DramCommand-v0", "scenario": "conflicts", "name": "command"}


def task(base: dict[str, str], requests: int, **more: Any) -> dict[str, Any]:
    """A small task."""
    kwargs = {"num_requests": requests, **more.pop("kwargs", {})}
    return {**base, "instances": 2, "kwargs": kwargs, **more}


def suite(agent: dict[str, Any], *tasks: dict[str, Any]) -> dict[str, Any]:
    """A suite of one agent."""
    return {"name": "small", "tasks": list(tasks), "agents": [agent], "curve": {"points": 0}}


@pytest.fixture(scope="module")
def random_search(submit_suite: Callable[..., Submitted]) -> Submitted:
    """Random search on every id, and on a memory of two channels."""
    agent = {"name": "search", "policy": "random-search-2", "seeds": 1}
    return submit_suite(
        suite(
            agent,
            task(DESIGN, 64),
            task({**DESIGN, "name": "channels"}, 64, kwargs={"device": "hbm2-2000"}, instances=1),
            task(TUNING, 64, kwargs={"budget": 3}, instances=1),
            task(RUNTIME, 96),
            task(COMMAND, 24),
        )
    )


def test_designs_settings_and_commands_replay(
    random_search: Submitted, reasons_against: ReasonsAgainst
) -> None:
    assert reasons_against(random_search) == ()


@pytest.mark.parametrize(("policy", "base"), [("FCFS", COMMAND), ("default-settings", RUNTIME)])
def test_heuristics_replay(
    submit_suite: Callable[..., Submitted],
    reasons_against: ReasonsAgainst,
    policy: str,
    base: dict[str, str],
) -> None:
    submitted = submit_suite(suite({"name": policy, "policy": policy}, task(base, 48)))
    assert reasons_against(submitted) == ()


def test_joint_actions_replay(
    submit_suite: Callable[..., Submitted], reasons_against: ReasonsAgainst
) -> None:
    agent = {"name": "agents", "algorithm": "ippo", "steps": 1, "seeds": 1, "hyperparameters": FEW}
    submitted = submit_suite(suite(agent, task(RUNTIME, 64, instances=1)))

    def replace(records: list[Any]) -> None:
        records[0]["actions"][0][0] = 999

    assert reasons_against(submitted) == ()
    assert "is refused" in reasons_against(submitted, replace)[0]


@pytest.mark.parametrize(
    ("base", "parallel", "kwargs"),
    [(TUNING, {"agents": "group"}, {"budget": 2}), (TUNING, {}, {"budget": 2}), (RUNTIME, {}, {})],
)
def test_the_commands_of_joint_actions_are_checked(
    play_jointly: Callable[..., tuple[Any, Any]],
    monkeypatch: pytest.MonkeyPatch,
    base: dict[str, str],
    parallel: dict[str, Any],
    kwargs: dict[str, Any],
) -> None:
    env, record = play_jointly(task(base, 64, kwargs=kwargs, parallel_kwargs=parallel))
    checker = feasibility_checker(base["env"])
    metric = replay(env, record, "total_time_ns", checker).metric
    assert metric == record.metrics["total_time_ns"]
    monkeypatch.setattr("chipgym.leaderboards.dram_timing.COLUMN_COMMANDS", {"RD", "RDA"})
    with pytest.raises(RejectionError, match=r"infeasible commands: served \d+ of 64 requests"):
        replay(env, record, "total_time_ns", checker)


def record_of(records: list[Any], label: str) -> Any:
    """First record of a task."""
    return next(record for record in records if record["task"] == label)


def shift(label: str, name: str, amount: float) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        record_of(records, label)["metrics"][name] += amount

    return change


def scale(label: str, name: str, factor: float) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        record_of(records, label)["metrics"][name] *= factor

    return change


def rename(label: str) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        record_of(records, label)["instance_id"] = "other"

    return change


def alter_action(label: str) -> Callable[[list[Any]], None]:
    def change(records: list[Any]) -> None:
        actions = record_of(records, label)["actions"]
        last = actions[-1]
        if isinstance(last, int):
            actions[-1] = 0 if last else 1
        else:
            actions[-1] = [0 if value else 1 for value in last]

    return change


def out_of_range(name: str) -> Callable[[list[Any]], None]:
    """Set a knob, or choose a command, that there is not."""

    def change(records: list[Any]) -> None:
        actions = record_of(records, name)["actions"]
        if isinstance(actions[0], list):
            actions[0][0] = 999
        else:
            actions[0] = 999

    return change


DDR3_CYCLE_NS, DDR4_CYCLE_NS = 1.25, 0.833


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (shift("design", "total_time_ns", -DDR3_CYCLE_NS), "instance 0: total_time_ns"),
        (shift("tuning", "total_time_ns", -DDR4_CYCLE_NS), "instance 0: total_time_ns"),
        (shift("runtime", "settled_time_ns", -DDR3_CYCLE_NS), "instance 0: settled_time_ns"),
        (shift("command", "total_time_ns", -DDR3_CYCLE_NS), "instance 0: total_time_ns"),
        (scale("design", "mean_latency_ns", 1 - 1e-15), "instance 0: mean_latency_ns"),
        (scale("design", "energy_pj", 1 - 2e-9), "instance 0: energy_pj"),
        (scale("runtime", "energy_pj", 1 - 2e-9), "instance 0: energy_pj"),
        (shift("command", "ACT_count", -1), "instance 0: ACT_count"),
        (rename("design"), "instance_id = 'other'"),
        (rename("runtime"), "instance_id = 'other'"),
        (rename("command"), "instance_id = 'other'"),
        (out_of_range("design"), r"instance 0: action 0 = .* is refused"),
        (out_of_range("command"), r"instance 0: action 0 = .* is refused"),
        (alter_action("design"), r"instance 0: (action|episode_return|\w+ =|infeasible)"),
        (alter_action("tuning"), r"instance 0: (action|episode_return|\w+ =|the episode)"),
        (alter_action("runtime"), r"instance 0: (action|episode_return|\w+ =)"),
        (alter_action("command"), r"instance 0: (action|episode_return|\w+ =|the episode)"),
    ],
)
def test_tampered_records_are_rejected(
    random_search: Submitted,
    reasons_against: ReasonsAgainst,
    change: Callable[[list[Any]], None],
    reason: str,
) -> None:
    reasons = reasons_against(random_search, change)
    assert reasons
    assert re.search(reason, reasons[0]), reasons[0]


def test_energies_and_their_products_may_differ_in_the_last_bits(
    random_search: Submitted, reasons_against: ReasonsAgainst
) -> None:
    def change(records: list[Any]) -> None:
        scale("design", "energy_pj", 1 + 1e-12)(records)
        scale("design", "energy_delay_pj_ns", 1 - 1e-12)(records)

    assert reasons_against(random_search, change) == ()


def test_an_impossible_run_is_rejected_even_if_it_replays(
    random_search: Submitted, reasons_against: ReasonsAgainst, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chipgym.simulators.dram.jedec import Violation

    monkeypatch.setattr(
        "chipgym.leaderboards.dram_timing.violations", lambda *_: [Violation(7, "RD at 9: tRCD")]
    )
    reasons = reasons_against(random_search)
    assert "infeasible commands: timing (command 7): RD at 9: tRCD" in reasons[0]
    assert len(reasons) == 8


def test_files_that_arguments_name_must_be_the_same(
    random_search: Submitted, reasons_against: ReasonsAgainst
) -> None:
    def change(head: Any) -> None:
        head["tasks"][1]["content"] = "0" * 16

    reasons = reasons_against(random_search, change_head=change)
    assert "task channels: made on instances 0000" in reasons[0]


def test_the_command_line_verifies_in_a_fresh_process(
    submit_suite: Callable[..., Submitted],
) -> None:
    agent = {"name": "FR_FCFS", "policy": "FR_FCFS"}
    folder, path = submit_suite(suite(agent, task(COMMAND, 24)))
    command = [sys.executable, "-m", "chipgym.experiments.cli.main", "leaderboard", "verify"]
    done = subprocess.run(
        [*command, str(folder), "--suite", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "verified, 2 records" in done.stdout


def simulated(
    name: str = "ddr3-1600", requests: int = 400, span: int = 4, **settings: Any
) -> tuple[Device, Trace, DramResult]:
    """A run of random requests over some refresh intervals."""
    device = load_device(name)
    rng = np.random.default_rng(0)
    cycles = np.sort(rng.integers(0, span * device.timing.REFI, requests))
    addresses = rng.integers(0, 1 << 14, requests) * device.burst_bytes
    trace = Trace(cycles, addresses, rng.random(requests) < 0.3)
    workload = prepare(device, default_map(device), trace)
    result = simulate(workload, ControllerConfig(arbiter="Fifo", **settings), record_trace=True)
    return device, trace, result


def found(device: Device, trace: Trace, result: DramResult, commands: CommandTrace) -> list[str]:
    """What the check finds in commands."""
    return list(check_commands(device, commands, len(trace), result.total_cycles))


def without(commands: CommandTrace, rows: Any) -> CommandTrace:
    """Commands without some of them."""
    kept = np.delete(np.arange(len(commands)), rows)
    return CommandTrace(**{name: column[kept] for name, column in commands.columns().items()})


def rows_of(commands: CommandTrace, *names: str) -> list[int]:
    """Positions of commands by name."""
    return [row for row, name in enumerate(commands.names) if name in names]


def test_corrupted_commands_are_found() -> None:
    device, trace, result = simulated()
    commands = result.trace
    assert commands is not None
    assert found(device, trace, result, commands) == []

    first_act, first_read = rows_of(commands, "ACT")[0], rows_of(commands, "RD", "RDA")[0]
    cycle = commands.cycle.copy()
    cycle[first_read] -= 1
    earlier = dataclasses.replace(commands, cycle=cycle)
    assert "tRCD" in found(device, trace, result, earlier)[0]

    dropped = without(commands, [first_read])
    assert found(device, trace, result, dropped) == ["served 399 of 400 requests"]

    closed = [
        row
        for row in rows_of(commands, "PREPB")
        if "ACT" in commands.names[row:] and commands.bank[row] == commands.bank[first_act]
    ]
    to_an_open_bank = without(commands, closed[:1])
    assert "bank is open" in " ".join(found(device, trace, result, to_an_open_bank))


def test_channels_have_their_own_commands() -> None:
    device, trace, result = simulated("hbm2-2000", 600)
    commands = result.trace
    assert commands is not None
    assert device.channels == 2
    assert set(commands.channel.tolist()) == {0, 1}
    assert found(device, trace, result, commands) == []
    merged = dataclasses.replace(commands, channel=np.zeros_like(commands.channel))
    assert "timing" in found(device, trace, result, merged)[0]
    assert worst_debts(device, commands, result.total_cycles).shape == (2, 1, 16)


def test_lost_refreshes_are_found() -> None:
    device, trace, result = simulated(span=12, refresh_policy="NoRefresh")
    assert result.trace is not None
    assert "a bank is owed 12.0 intervals" in found(device, trace, result, result.trace)[0]
    kept = check_commands(device, result.trace, len(trace), result.total_cycles, refresh=False)
    assert list(kept) == []

    device, trace, result = simulated(span=12)
    assert result.trace is not None
    refreshes = rows_of(result.trace, "REFAB")
    assert found(device, trace, result, without(result.trace, refreshes[:8])) == []
    nine = found(device, trace, result, without(result.trace, refreshes[:9]))
    assert "a bank is owed 10.0 intervals of refresh, where 8" in nine[0]


def dense(
    name: str, policy: str, power_down: str = "NoPowerDown", pause: int = 0
) -> tuple[Device, Trace, DramResult]:
    """Requests as fast as they are served, after a pause of so many refresh intervals.

    The controller puts eight refreshes off, and carries eight out early, where it can.
    """
    device = load_device(name)
    rng = np.random.default_rng(1)
    size = 12_000
    cycles = np.full(size, pause * device.timing.REFI)
    cycles[0] = 0
    addresses = rng.integers(0, device.capacity_bytes // device.burst_bytes, size)
    trace = Trace(cycles, addresses * device.burst_bytes, rng.random(size) < 0.3)
    config = ControllerConfig(
        arbiter="Fifo",
        refresh_policy=policy,
        refresh_max_postponed=8,
        refresh_max_pulledin=8,
        power_down_policy=power_down,
    )
    workload = prepare(device, default_map(device), trace)
    return device, trace, simulate(workload, config, record_trace=True)


@pytest.mark.parametrize(
    ("name", "policy", "power_down"),
    [
        ("ddr3-1600", "AllBank", "NoPowerDown"),
        ("ddr3-1600", "AllBank", "Staggered"),
        ("ddr3-1600-2r-udimm", "AllBank", "NoPowerDown"),
        ("ddr5-3200", "SameBank", "Staggered"),
        ("lpddr4-3200", "PerBank", "NoPowerDown"),
        ("lpddr5-6400", "PerBank", "Staggered"),
    ],
)
def test_eight_postponed_refreshes_are_allowed_and_more_are_not(
    name: str, policy: str, power_down: str
) -> None:
    device, trace, result = dense(name, policy, power_down)
    commands = result.trace
    assert commands is not None
    assert found(device, trace, result, commands) == []
    assert worst_debts(device, commands, result.total_cycles).max() > 8.9
    lost = device.ranks if policy == "AllBank" else 2 * device.refresh_sets
    forced = rows_of(commands, "REFAB", "REFPB", "REFSB")[:lost]
    assert "is owed" in " ".join(found(device, trace, result, without(commands, forced)))


def test_what_was_pulled_in_counts_later() -> None:
    device, _, result = dense("ddr3-1600", "AllBank", pause=12)
    assert result.trace is not None
    gap = refresh_gaps(device, result.trace, result.total_cycles).max()
    assert gap > 12 * device.timing.REFI
    assert worst_debts(device, result.trace, result.total_cycles).max() < 9


def test_self_refresh_owes_nothing() -> None:
    device = load_device("ddr3-1600")
    interval = device.timing.REFI
    cycles = np.array([0, 10, 60, 61]) * interval
    trace = Trace(cycles, np.arange(4) * device.burst_bytes, np.zeros(4))
    config = ControllerConfig(power_down_policy="Staggered")
    result = simulate(prepare(device, default_map(device), trace), config, record_trace=True)
    commands = result.trace
    assert commands is not None
    assert rows_of(commands, "SREFEN")
    assert found(device, trace, result, commands) == []
    assert worst_debts(device, commands, result.total_cycles).max() < 1.1
    awake = without(commands, rows_of(commands, "SREFEN", "SREFEX"))
    assert worst_debts(device, awake, result.total_cycles).max() > 40


def test_a_design_without_refresh_is_infeasible_where_the_data_must_be_kept() -> None:
    class Fixed:
        name = "no refresh"

        def reset(self, num_envs: int, seed: int) -> None:
            pass

        def act(self, observations: Any, masks: Any, problems: Any) -> list[Any]:
            return [design]

    feasible = {}
    for scenario in ("ddr3-mixed", "archgym-stream"):
        env = gymnasium.make(
            "chipgym/DramDesign-v0",
            scenario=scenario,
            split="test",
            knobs="archgym",
            num_requests=64,
            disable_env_checker=True,
        )
        base: Any = env.unwrapped
        design = np.array(base.design_space.encode({"refresh_policy": "NoRefresh"}))
        record = run_episode(env, Fixed(), task="t", agent="a", seed=0, instance=0)
        checker = feasibility_checker("chipgym/DramDesign-v0")
        found = replay(env, record, base.primary_metric, checker)
        feasible[scenario] = found.feasible
        default = default_outcome(base.design_space, base.objective_entry, base.instance)
        worst = 148 * default.metrics[base.primary_metric]
        assert (found.metric > worst) == (not found.feasible)
    assert feasible == {"ddr3-mixed": False, "archgym-stream": True}
