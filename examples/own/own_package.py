"""Another package that adds to ChipGym: what its entry points lead to.

In its ``pyproject.toml`` stands

.. code-block:: toml

    [project.entry-points."chipgym.environments"]
    own = "own_package:ENVIRONMENTS"

    [project.entry-points."chipgym.agents"]
    fair-share = "own_package:FairShare"

    [project.entry-points."chipgym.searchers"]
    best-neighbour = "own_agent:BestNeighbour"

    [project.entry-points."chipgym.suites"]
    own-cache = "own_package:SUITE"

Once it is installed, ``chipgym list`` names all of this, and ``chipgym benchmark own-cache`` runs.
"""

from pathlib import Path

import numpy as np

from chipgym.envs.registration import EnvironmentEntry

ENVIRONMENTS = (
    EnvironmentEntry(
        id="own/CachePartition-v1",
        entry_point="own_environment:CachePartitionEnv",
        vector_entry_point=None,
        multi_agent=None,
        summary="ways of a shared cache for three applications",
    ),
)

SUITE = Path(__file__).with_name("own_suite.yaml")


class FairShare:
    """Gives the next way to the allowed application that has the fewest."""

    name = "fair-share"

    def reset(self, num_envs, seed):
        """Nothing is remembered."""

    def act(self, observations, masks, problems):
        """Choose for a batch; the second half of the observation are the ways given so far."""
        ways = observations[:, observations.shape[1] // 2 :]
        return np.where(masks, ways, np.inf).argmin(axis=1)
