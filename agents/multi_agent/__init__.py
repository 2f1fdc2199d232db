"""PPO for many agents: independent learners, shared parameters, and MAPPO's central critic."""
