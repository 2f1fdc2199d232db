"""Lets these tests import the toy simulation that they share with others."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
