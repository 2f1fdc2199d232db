"""What is particular to logic synthesis: recipes, circuits, actions, faults, snapshots."""

import os
import signal

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chipgym.envs.logic_synthesis.env import LogicSynthesisEnv
from chipgym.envs.logic_synthesis.presets import ACTION_SETS, RIGID, SCENARIOS
from chipgym.envs.logic_synthesis.response import THRESHOLD, main, response
from chipgym.experiments.environments import instance_hash
from chipgym.simulators.core.errors import (
    ChipGymError,
    FileFormatError,
    InvalidValueError,
    UnknownNameError,
)
from chipgym.simulators.logic.circuits import Circuit, circuit_names
from chipgym.simulators.logic.epfl import EPFL_FILES, epfl_circuit
from chipgym.simulators.logic.errors import AbcCommandError
from chipgym.simulators.logic.recipes import RECIPES, recipe_from_digits
from chipgym.simulators.logic.session import AbcSession
from chipgym.simulators.logic.simulate import run_recipe

ID = "chipgym/LogicSynthesis-v0"
RECIPE_ID = "chipgym/LogicRecipe-v0"
RESYN2 = [int(digit) for digit in "6206236136"]
SMALL = "priority-encoder-32"


def make(**kwargs):
    return LogicSynthesisEnv(**{"circuit": SMALL, **kwargs})


def follow(env, actions, seed=0):
    env.reset(seed=seed)
    return [env.step(action) for action in actions]


def alike(first, second):
    """Compare two steps' results bit for bit."""
    same = np.array_equal(first[0], second[0]) and first[1:4] == second[1:4]
    metrics = first[4].get("metrics") == second[4].get("metrics")
    return same and metrics and first[4]["reward_terms"] == second[4]["reward_terms"]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=10, max_size=10))
def test_an_episode_is_what_the_simulator_makes_of_its_recipe(sessions, actions):
    results = follow(make(), actions)
    info = results[-1][4]
    commands = recipe_from_digits("".join(map(str, actions)))
    with sessions.session() as session:
        final = run_recipe(Circuit.named(SMALL).body, commands, session).final
        mapping = session.map(final)
    assert info["metrics"]["nodes"] == final.nodes
    assert info["metrics"]["levels"] == final.levels
    assert info["metrics"]["area_delay_product"] == mapping.area_delay_product
    assert info["recipe"] == "; ".join(commands)
    assert (info["evaluations"], info["commands"]) == (1, 10)
    assert [result[4]["evaluations"] for result in results[:-1]] == [0] * 9


@pytest.mark.parametrize(
    ("objective", "expected"),
    [("adp", -1.0), ("abc-rl", 0.0), ("nodes", 0.0), ("nodes-levels", 0.0), ("lut6", -2.0)],
)
def test_resyn2_earns_what_its_definition_says(objective, expected):
    results = follow(make(objective=objective), RESYN2)
    assert sum(result[1] for result in results) == pytest.approx(expected, abs=1e-12)


def test_the_whole_recipe_at_once_is_the_same_episode():
    single = follow(make(objective="log-adp"), RESYN2)
    env = gym.make(RECIPE_ID, circuit=SMALL, objective="log-adp")
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(np.array(RESYN2))
    assert (terminated, truncated) == (True, False)
    assert reward == pytest.approx(sum(result[1] for result in single), abs=1e-12)
    assert info["metrics"] == single[-1][4]["metrics"]
    assert info["evaluations"] == 1


def test_stopping_ends_the_recipe_and_is_masked_at_first():
    env = make(stop_action=True, objective="nodes")
    _, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [True] * 7 + [False]
    with pytest.raises(InvalidValueError, match="unmasked"):
        env.step(7)
    first = env.step(6)
    assert first[4]["action_mask"].all()
    *_, terminated, _, info = env.step(7)
    assert terminated
    assert info["recipe"] == "balance"
    assert (info["commands"], info["metrics"]["commands"]) == (1, 1.0)
    assert not info["action_mask"].any()
    baselines = env.instance.baselines
    lead = (baselines.pace.nodes - info["metrics"]["nodes"]) / baselines.initial.nodes
    assert first[1] + info["reward_terms"]["nodes"] + info["reward_terms"]["pace"] == pytest.approx(
        lead
    )


def test_stop_in_a_whole_recipe_cuts_the_rest():
    env = gym.make(RECIPE_ID, circuit=SMALL, stop_action=True)
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.array([6, 2, 7, 3, 3, 3, 3, 3, 3, 3]))
    assert info["recipe"] == "balance; rewrite"
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.full(10, 7))
    assert info["metrics"]["area_delay_product_vs_initial"] == 1.0
    assert reward == -info["metrics"]["area_delay_product_vs_resyn2"]


def test_killing_abc_in_mid_episode_changes_nothing():
    wanted = follow(make(cache=False), RESYN2)
    env = make(cache=False)
    env.reset(seed=0)
    for number, action in enumerate(RESYN2):
        with env.sessions.session() as session:
            for pid in session.pids:
                os.kill(pid, signal.SIGKILL)
        assert alike(env.step(action), wanted[number])
    env.close()


def test_results_do_not_depend_on_the_cache(tmp_path):
    wanted = follow(make(cache=False, objective="log-adp"), RESYN2)
    for cache in (True, str(tmp_path / "results.sqlite")):
        for _ in range(2):
            found = follow(make(cache=cache, objective="log-adp"), RESYN2)
            assert all(alike(a, b) for a, b in zip(found, wanted, strict=True))


def test_a_snapshot_branches():
    env = make()
    follow(env, RESYN2[:4])
    state = env.get_state()
    branches = {}
    for action in range(7):
        env.set_state(state)
        branches[action] = env.step(action)
    for action in range(7):
        other = make()
        assert alike(follow(other, [*RESYN2[:4], action])[-1], branches[action])


def test_a_snapshot_needs_neither_the_cache_nor_the_circuit_at_hand():
    env = make(cache=False)
    follow(env, RESYN2[:4])
    state = env.get_state()
    wanted = env.step(2)
    other = make(circuit="crc16-16", cache=False)
    other.set_state(state)
    assert other.instance_id == SMALL
    assert alike(other.step(2), wanted)


def test_a_snapshot_of_another_task_is_refused():
    env = make()
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="state"):
        make(steps=20).set_state(env.get_state())


def test_a_command_that_abc_refuses_changes_nothing():
    env = make(action_set=["balance", "resub -K 99"])
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(AbcCommandError):
        env.step(1)
    assert env.get_state() == before
    env.step(0)


@pytest.mark.parametrize("action", [7, -1, 0.5, "balance", None, [0], np.array([1, 2])])
def test_actions_out_of_range_are_refused(action):
    env = make()
    env.reset(seed=0)
    with pytest.raises(InvalidValueError, match="action"):
        env.step(action)


def test_no_step_before_reset_and_none_after_the_end():
    env = make(steps=1)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    env.step(0)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(0)


@pytest.mark.parametrize(
    ("kwargs", "error", "words"),
    [
        ({"scenario": "own-smal"}, UnknownNameError, "did you mean 'own-small'"),
        ({"objective": "apd"}, UnknownNameError, "did you mean 'adp'"),
        ({"action_set": "boils"}, UnknownNameError, "boils-11"),
        ({"action_set": ["balance", "quit"]}, UnknownNameError, "quit"),
        ({"action_set": []}, InvalidValueError, "commands"),
        ({"action_set": ["balance", "balance"]}, InvalidValueError, "different"),
        ({"mapper": "amap"}, UnknownNameError, "map, nf"),
        ({"steps": 0}, InvalidValueError, "steps"),
        ({"steps": 2.5}, InvalidValueError, "steps"),
        ({"clock_ps": 100.0}, InvalidValueError, "drills"),
        ({"objective": "drills", "clock_ps": 0.0}, InvalidValueError, "clock_ps"),
        ({"circuit": "alu-9"}, UnknownNameError, "did you mean 'alu-8'"),
        ({"circuit": []}, InvalidValueError, "at least one"),
        ({"circuit": "/nowhere/x.aig"}, FileFormatError, "x.aig"),
        ({"library": "/nowhere/x.lib"}, FileFormatError, "x.lib"),
        ({"split": "validation"}, UnknownNameError, "split"),
        ({"render_mode": "human"}, UnknownNameError, "ansi"),
        ({"abc": "/nowhere/abc"}, ChipGymError, "abc"),
    ],
)
def test_mistakes_are_named(kwargs, error, words):
    with pytest.raises(error, match=words):
        make(**kwargs).reset(seed=0)


def test_unfetched_benchmarks_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPGYM_DATA", str(tmp_path))
    env = LogicSynthesisEnv(scenario="epfl-abc-rl")
    with pytest.raises(FileFormatError, match="chipgym data fetch epfl"):
        env.reset(seed=0)


def test_reset_takes_any_circuit(tmp_path):
    path = tmp_path / "mine.aig"
    path.write_bytes(Circuit.named("crc16-16").body)
    env = make()
    for circuit in (str(path), path, Circuit.load(path)):
        _, info = env.reset(options={"circuit": circuit})
        assert info["instance"] == "mine"
    by_path = make(circuit=str(path))
    by_path.reset(seed=0)
    by_name = make(circuit="crc16-16")
    by_name.reset(seed=0)
    # The same circuit under another name is the same instance.
    assert by_path.instance.content_hash == by_name.instance.content_hash


def test_the_hash_of_an_instance_names_all_that_results_depend_on(tmp_path):
    library = tmp_path / "other.lib"
    library.write_bytes(make().task.library.content + b"\n")
    variants = [
        {},
        {"mapper": "map"},
        {"library": str(library)},
        {"steps": 11},
        {"objective": "abc-rl"},
        {"action_set": "abcrl-5"},
        {"buffered": True},
        {"circuit": "crc16-16"},
    ]
    hashes = set()
    for kwargs in variants:
        env = make(**kwargs)
        env.reset(seed=0)
        hashes.add(instance_hash(env))
    assert len(hashes) == len(variants)


def test_problem_view_tells_what_policies_need():
    env = make(stop_action=True, objective="log-adp")
    follow(env, [6, 2])
    problem = env.problem
    assert problem.commands == ACTION_SETS["abc-rl"]
    assert problem.recipe == (6, 2)
    assert (problem.stop_action, problem.num_steps, problem.steps_left) == (7, 10, 8)
    assert (problem.nodes, problem.levels) == (env.aig.num_ands, env.aig.depth)
    assert problem.initial_nodes == problem.initial_aig.num_ands
    assert problem.encode("balance") == 6
    assert problem.encode("fraig") == -1
    assert problem.area > 0
    with pytest.raises(AttributeError):
        problem.nodes = 0


def test_observation_describes_circuit_and_recipe():
    env = make()
    *_, (observation, _, _, _, _) = follow(env, [6, 2])
    parts = env.observation_layout.split(observation)
    marks = env.episode.marks
    statistics = parts["statistics"]
    assert statistics[0] == np.float32(marks[2].nodes / marks[0].nodes)
    assert statistics[2] == np.float32(marks[1].nodes / marks[0].nodes)
    assert parts["recipe"].sum() == 2
    assert parts["recipe"][0, 6] == parts["recipe"][1, 2] == 1
    assert parts["steps_left"][0] == np.float32(0.8)
    for name in ("levels", "fanouts"):
        assert parts[name].sum() == pytest.approx(1.0)
    assert parts["measured"][0] == 0


def test_scenarios_keep_training_and_test_apart():
    shipped = set(circuit_names())
    # By content: two names could be one circuit.
    digests = {name: Circuit.named(name).digest for name in shipped}
    digests |= {f"epfl-{name}": file.sha256 for name, file in EPFL_FILES.items()}
    for scenario in SCENARIOS.values():
        if scenario.name != "single":
            train, test = ({digests[n] for n in names} for names in (scenario.train, scenario.test))
            assert not train & test, scenario.name
        for name in (*scenario.train, *scenario.test):
            assert name.startswith("epfl-") or name in shipped
            assert name not in RIGID
        assert len(set(scenario.train)) == len(scenario.train)


def test_rigid_benchmarks_do_not_respond(shared_folder, monkeypatch, capsys):
    monkeypatch.setattr(
        "chipgym.envs.logic_synthesis.generator.epfl_circuit",
        lambda name: epfl_circuit(name, shared_folder / "data" / "logic" / "epfl"),
    )
    main(["epfl-adder", "epfl-ctrl"])
    assert capsys.readouterr().out.endswith("rigid: epfl-adder\n")


@pytest.mark.parametrize("name", ["barrel-16", "decoder-5"])
def test_rigid_circuits_do_not_respond(name):
    with AbcSession() as session:
        assert response(Circuit.named(name), session) < THRESHOLD
        assert response(Circuit.named("crc16-16"), session) > THRESHOLD


def test_circuits_without_gates_can_be_played():
    wire = Circuit("wire", b"aig 1 1 0 1 0\n2\n")
    for objective in ("adp", "log-adp", "nodes", "lut6"):
        results = follow(make(circuit=wire, objective=objective, steps=2), [6, 3])
        assert np.isfinite([result[1] for result in results]).all()
        assert all(env_obs.shape == results[0][0].shape for env_obs, *_ in results)


def test_other_action_sets_and_horizons():
    env = make(action_set="boils-11", steps=20, objective="lut6")
    assert env.action_space.n == 11
    results = follow(env, [0, 8, 9, 10, *[6] * 16])
    assert results[-1][4]["metrics"]["commands"] == 20
    own = make(action_set=["balance", "dc2"], steps=3)
    assert own.action_space.n == 2
    assert follow(own, [1, 0, 1])[-1][4]["recipe"] == "dc2; balance; dc2"


def test_map_and_nf_give_what_the_simulator_says():
    for mapper, buffered in (("map", False), ("nf", True)):
        env = make(mapper=mapper, buffered=buffered)
        info = follow(env, RESYN2)[-1][4]
        with AbcSession(cache=None) as session:
            final = run_recipe(Circuit.named(SMALL).body, RECIPES["resyn2"], session).final
            mapping = session.map(final, mapper=mapper, buffered=buffered)
            assert info["abc_build"] == session.build
        assert info["metrics"]["area"] == mapping.area
        assert (info["mapper"], info["library"]) == (mapper, "logical-effort")
        assert info["metrics"]["delay_ps"] == mapping.delay_ps
