"""Rewrite golden_trajectories.json. Only after raising SIMULATOR_VERSION, or for a new scenario."""

from __future__ import annotations

import sys
from pathlib import Path

from chipgym.envs.core.testing import write_golden

sys.path.insert(0, str(Path(__file__).parent))

from cases import GOLDEN, golden_cases

if __name__ == "__main__":
    write_golden(GOLDEN, golden_cases())
    print(f"wrote {GOLDEN}")
