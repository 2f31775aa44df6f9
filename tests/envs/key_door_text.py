"""The rooms with keys and doors as a search of their text in Python."""

from functools import cache

import jax.numpy as jnp
import numpy as np

from rlsuite.envs.key_doors import ROOMS, State

ROWS = ROOMS.strip().splitlines()
KEY_OF = {"d": "k", "D": "K"}
MOVES = [(-1, 0), (0, 1), (1, 0), (0, -1)]
START = ((1, 1), frozenset(), frozenset())


def states_of(situations):
    """States of the world, at time 0."""
    return State(
        time=jnp.zeros(len(situations), jnp.int32),
        position=jnp.array([13 * row + column for (row, column), _, _ in situations], jnp.int32),
        held=jnp.array([[key in held for key in "kK"] for _, held, _ in situations]),
        opened=jnp.array([[door in opened for door in "dD"] for _, _, opened in situations]),
    )


def number_of(situation):
    """The world's number of a situation."""
    (row, column), held, opened = situation
    of_keys = [(key in held) + 2 * (door in opened) for door, key in KEY_OF.items()]
    return 9 * (13 * row + column) + of_keys[0] + 3 * of_keys[1]


def by_text(situation, action):
    """A step by the text of the level: `(situation, reward, terminated)`."""
    (row, column), held, opened = situation
    row, column = row + MOVES[action][0], column + MOVES[action][1]
    sign, used = ROWS[row][column], {KEY_OF[door] for door in opened}
    reward = 0.0
    if sign == "#" or (sign in KEY_OF and sign not in opened and KEY_OF[sign] not in held):
        return situation, 0.0, False
    if sign in "kK" and sign not in held | used:
        held, reward = held | {sign}, 1.0
    if sign in KEY_OF and sign not in opened:
        held, opened, reward = held - {KEY_OF[sign]}, opened | {sign}, 3.0
    if sign == "T":
        reward = 10.0
    return ((row, column), held, opened), reward, sign in "XT"


@cache
def distances():
    """Of each situation that is not an end, from the start; and of each reward that there is."""
    known, rewarded, frontier = {START: 0}, {}, [START]
    while frontier:
        after = []
        for situation in frontier:
            for action in range(4):
                found, reward, terminated = by_text(situation, action)
                if reward:
                    rewarded.setdefault((found, reward), known[situation] + 1)
                if not terminated and found not in known:
                    known[found] = known[situation] + 1
                    after.append(found)
        frontier = after
    return known, rewarded


def by_chance(is_end, num_steps=200):
    """How likely a uniform policy makes a step of some kind within the limit, by forward DP.

    Args:
        is_end: `(found, reward) -> whether` the step is of that kind.
        num_steps: The limit.
    """
    known = list(distances()[0])
    place = {situation: number for number, situation in enumerate(known)}
    goes_on, arrives = np.zeros((len(known), len(known))), np.zeros(len(known))
    for situation, number in place.items():
        for action in range(4):
            found, reward, terminated = by_text(situation, action)
            if is_end(found, reward):
                arrives[number] += 1 / 4
            elif not terminated:
                goes_on[number, place[found]] += 1 / 4
    probability = np.zeros(len(known))
    for _ in range(num_steps):
        probability = arrives + goes_on @ probability
    return probability[place[START]]
