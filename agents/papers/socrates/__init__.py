"""SoCRATES: an actor-critic chooses the processing element of every ready task.

Sung and Ryu, "SoCRATES: system-on-chip resource adaptive scheduling using deep reinforcement
learning" (ICMLA 2021).
"""
