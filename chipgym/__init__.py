"""ChipGym: reinforcement-learning environments for designing chips.

Importing this package registers every environment id with Gymnasium and PettingZoo through string
entry points; simulators, agents and plotting are imported where they are first used.
"""

from chipgym.envs.registration import register_all

__version__ = "0.1.0"

__all__ = ["__version__"]

register_all()
