"""Environments for the tests of this room."""

import gymnasium
import numba
import numpy as np

import autoscaling_rl.environments  # noqa: F401 - registers AutoScaling-v0
from autoscaling_rl.controller.observation import HISTORY

COMPILED = not numba.config.DISABLE_JIT  # else kernels run as plain Python: keep sizes tiny

FORMS = [
    {},
    {"profile": "sample"},
    {"levels": (-1, 0, 1)},
    {"actions": "desired"},
]


def vector(count, **settings):
    """Return `count` fleets, made as a user makes them."""
    return gymnasium.make_vec(
        "AutoScaling-v0", num_envs=count, vectorization_mode="vector_entry_point", **settings
    )


def begin_plain(plain, simulation, column=0):
    """Begin the readable environment as a fleet that has just been reset."""
    minutes = simulation.minute - simulation.lead + np.arange(simulation.rows)
    load = simulation.load[minutes % simulation.rows, column]
    minute_of_week = int(simulation.minute_of_week[column]) - HISTORY  # where the load begins
    return plain.begin(load, minute_of_week, int(simulation.clocks[column]) + simulation.minute)
