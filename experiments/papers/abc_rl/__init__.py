"""ABC-RL and what it is compared with, at equal numbers of evaluated recipes."""
