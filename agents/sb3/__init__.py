"""Stable-Baselines3 and sb3-contrib on ChipGym: training, saving and exact replay."""
