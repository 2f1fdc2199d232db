"""ABC-RL: tree search guided by a network trained on other circuits, trusted as they resemble.

Chowdhury, Romanelli, Tan, Karri and Garg, "Retrieval-guided reinforcement learning for Boolean
circuit minimization" (ICLR 2024).
"""
