"""The single checks behind `chipgym.envs.core.testing`, by theme."""
