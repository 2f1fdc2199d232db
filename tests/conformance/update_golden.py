"""Rewrite golden_trajectories.json. Only after raising SIMULATOR_VERSION, or for a new scenario."""

from __future__ import annotations

import sys
from pathlib import Path

from chipgym.envs.core.testing import write_golden

sys.path.insert(0, str(Path(__file__).parent))

from cases import GOLDEN, golden_cases
from codesign_cases import CODESIGN_GOLDEN, codesign_golden_cases
from logic_cases import LOGIC_GOLDEN, PINNED_PACKAGE, abc_package, logic_golden_cases

if __name__ == "__main__":
    write_golden(GOLDEN, golden_cases())
    print(f"wrote {GOLDEN}")
    write_golden(CODESIGN_GOLDEN, codesign_golden_cases())
    print(f"wrote {CODESIGN_GOLDEN}")
    if abc_package() == PINNED_PACKAGE:
        write_golden(LOGIC_GOLDEN, logic_golden_cases())
        print(f"wrote {LOGIC_GOLDEN}")
    else:
        print(f"kept {LOGIC_GOLDEN}: it takes the ABC of {PINNED_PACKAGE}")
