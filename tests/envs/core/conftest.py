"""Make `queue_env` importable by its bare name, also in child processes and from EnvSpecs."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
