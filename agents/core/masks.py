"""Valid actions for those that do not know the mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from chipgym.agents.core.policy import Actions, Masks

__all__ = ["repair_actions"]


def repair_actions(
    actions: npt.NDArray[np.integer], masks: Masks, options: Sequence[int] | None = None
) -> Actions:
    """Replace each masked action by the next valid one, counting upwards and around.

    Algorithms that know no masks (PPO, A2C, DQN) train and act through this fixed rule, so to them
    the environment simply has several names for one action.

    Parameters
    ----------
    actions : int array, shape (N,), or (N, H) of H choices
        Chosen actions.
    masks : bool array, shape (N, A)
        True where an action is valid; at least one in each row, and of each choice.
    options : sequence of int, optional
        Number of options of each of the H choices, whose masks stand side by side.

    Returns
    -------
    int64 array, shape as `actions`
        Valid actions; a new array.
    """
    if options is not None:
        parts = np.split(masks, np.cumsum(options)[:-1], axis=1)
        columns = [repair_actions(actions[:, i], part) for i, part in enumerate(parts)]
        return np.stack(columns, axis=1)
    repaired = np.array(actions, dtype=np.int64)
    num_actions = masks.shape[1]
    for row in np.flatnonzero(~masks[np.arange(len(repaired)), repaired]):
        forward = np.roll(masks[row], -int(repaired[row]))
        repaired[row] = (repaired[row] + int(forward.argmax())) % num_actions
    return repaired
