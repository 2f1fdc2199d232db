"""Families of environments: the longest prefix of an id decides."""

from chipgym.envs.dram_tuning import command_presets, presets, runtime_presets
from chipgym.experiments.environments import probe, scenarios
from chipgym.experiments.suite import TaskSpec


def test_scenarios_of_each_dram_id() -> None:
    assert list(scenarios("chipgym/DramRuntime-v0")) == list(runtime_presets.SCENARIOS)
    assert list(scenarios("chipgym/DramCommand-v0")) == list(command_presets.SCENARIOS)
    assert list(scenarios("chipgym/DramTuning-v0")) == list(presets.SCENARIOS)
    assert scenarios("chipgym/Nothing-v0") == {}


def test_what_the_dram_run_time_forms_say_of_themselves() -> None:
    runtime = probe(TaskSpec(env="chipgym/DramRuntime-v0", scenario="idle-burst"))
    assert runtime.metric == "cost_vs_default"
    assert runtime.reference_policy == "default-settings"
    command = probe(TaskSpec(env="chipgym/DramCommand-v0", scenario="phases"))
    assert command.metric == "mean_trace_latency_ns"
    assert command.reference_policy == "FR_FCFS"
    assert runtime.lower_is_better
    assert runtime.num_instances == command.num_instances == 50
