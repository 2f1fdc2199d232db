"""Rules between settings: which are broken, and what is said about them."""

import pytest

from chipgym.simulators.core.errors import InvalidValueError
from chipgym.simulators.dram.config import ControllerConfig
from chipgym.simulators.dram.device import load_device
from chipgym.simulators.dram.rules import broken_rules, check_config

WATERMARKS = {"scheduler": "GrpFrFcfsWm", "high_watermark": 6, "low_watermark": 3}
IMPOSSIBLE = [
    ({"scheduler": "GrpFrFcfsWm"}, "low_watermark above 0"),
    (WATERMARKS | {"low_watermark": 6}, "high_watermark above the low_watermark"),
    (WATERMARKS | {"low_watermark": 0}, "low_watermark above 0"),
    ({"scheduler": "GrpFrFcfs", "command_mux": "Strict"}, "never ends"),
    (WATERMARKS | {"command_mux": "Strict"}, "never ends"),
]
DEGENERATE = [
    ({"command_mux": "Strict"}, "requires the Fifo scheduler"),
    ({"command_mux": "Strict", "scheduler": "FrFcfsGrp"}, "requires the Fifo scheduler"),
    (WATERMARKS | {"scheduler_buffer": "Shared", "request_buffer_size": 6}, "below request_buffer"),
    (WATERMARKS | {"high_watermark": 64}, "what all banks buffer"),
    ({"refresh_policy": "NoRefresh"}, "loses data"),
    ({"refresh_policy": "PerBank"}, "does not have"),
    ({"refresh_max_postponed": 9}, "at most 8"),
    ({"refresh_max_pulledin": 9}, "at most 8"),
]


@pytest.mark.parametrize(("settings", "reason"), IMPOSSIBLE + DEGENERATE)
def test_broken_rules_name_fields_and_reason(settings, reason):
    broken = broken_rules(settings, load_device("ddr3-1600"))
    assert any(reason in text for _, text in broken)
    known = set(ControllerConfig().document())
    assert all(set(fields) <= known for fields, _ in broken)
    with pytest.raises(InvalidValueError) as error:
        check_config(settings, load_device("ddr3-1600"))
    assert str(error.value.allowed) == broken[0][1]


@pytest.mark.parametrize(("settings", "reason"), IMPOSSIBLE)
def test_impossible_settings_make_no_configuration(settings, reason):
    with pytest.raises(InvalidValueError, match=reason):
        ControllerConfig(**settings)


@pytest.mark.parametrize(("settings", "reason"), DEGENERATE)
def test_degenerate_settings_make_one_that_says_so(settings, reason):
    config = ControllerConfig(**settings)
    broken = broken_rules(config, load_device("ddr3-1600"))
    assert any(reason in text for _, text in broken)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        WATERMARKS,
        {"command_mux": "Strict", "scheduler": "Fifo"},
        {"high_watermark": 1, "low_watermark": 9},
        {"refresh_max_postponed": 8, "refresh_max_pulledin": 8},
        {"arbiter": "Simple", "max_active_transactions": 1},
    ],
)
def test_sound_and_ignored_settings_break_no_rule(settings):
    device = load_device("ddr3-1600")
    assert broken_rules(settings, device) == []
    check_config(ControllerConfig(**settings), device)
    assert broken_rules({"refresh_policy": "PerBank"}, load_device("lpddr4-3200")) == []
    assert broken_rules({"refresh_policy": "PerBank"}) == []
