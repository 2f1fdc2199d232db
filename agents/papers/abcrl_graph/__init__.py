"""abcRL: REINFORCE with a graph network over the present circuit.

Zhu, Liu, Chen, Zhao and Pan, "Exploring logic optimizations with reinforcement learning and graph
convolutional network" (MLCAD 2020).
"""
