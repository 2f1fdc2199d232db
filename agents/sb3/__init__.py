"""Stable-Baselines3 and sb3-contrib on ChipGym: training, saving and exact replay.

Agents import torch here and in `agents/multi_agent` only.
"""
