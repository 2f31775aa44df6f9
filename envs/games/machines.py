"""Players by a plan of few states: tit for tat and its kin, as tables that can be passed around."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from rlsuite.envs.games.game import COOPERATE, DEFECT, View


class Machine(NamedTuple):
    """A finite-state machine that plays. It starts in state 0.

    Attributes:
      chances: of action 1 in each state; all others take action 0.
      successors: of each state, by one's own action and the other's.
    """

    chances: Float[Array, "*batch state"]
    successors: Int[Array, "*batch state own=2 other=2"]

    def widened(self, num_states: int) -> "Machine":
        """The same with so many states, of which the new ones are never reached."""
        missing = num_states - self.chances.shape[-1]
        before = [(0, 0)] * (self.chances.ndim - 1)
        return Machine(
            jnp.pad(self.chances, [*before, (0, missing)]),
            jnp.pad(self.successors, [*before, (0, missing), (0, 0), (0, 0)]),
        )


class Script(NamedTuple):
    """How somebody plays any game.

    Attributes:
      machine: `view -> machine`.
      is_random: whether its chances may be other than 0 and 1.
    """

    machine: Callable[[View], Machine]
    is_random: bool = False


def by_label(make: Callable[..., Machine], *arguments: Any, **named: Any) -> Script:
    """Who plays all games alike, whatever actions pay: by `make(*arguments, **named)`."""
    return Script(lambda view: make(*arguments, **named))


def machine(chances: ArrayLike | list, successors: ArrayLike | list) -> Machine:
    """A machine by its tables."""
    return Machine(jnp.asarray(chances, jnp.float32), jnp.asarray(successors, jnp.int32))


def always(action: ArrayLike) -> Machine:
    """Plays one action."""
    return machine(jnp.asarray(action)[None], np.zeros((1, 2, 2)))


def in_turn(*actions: ArrayLike, repeat_from: int = 0) -> Machine:
    """Plays actions in turn, and from the last of them goes back to the one at `repeat_from`."""
    following = np.append(np.arange(1, len(actions)), repeat_from)
    successors = np.broadcast_to(following[:, None, None], (len(actions), 2, 2))
    return machine(jnp.stack([jnp.asarray(action) for action in actions]), successors)


def copying(first: int, *, opposite: bool = False) -> Machine:
    """Plays `first`, and then what the other has just played, or the opposite of it."""
    # In state s it plays first xor s.
    other = np.array([0, 1])
    following = other ^ int(opposite) ^ first
    return machine([first, 1 - first], np.broadcast_to(following, (2, 2, 2)))


def forgiving(num_provocations: int) -> Machine:
    """Defects while the other has defected so many times in a row: tit for two tats, and so on."""
    states = np.arange(num_provocations + 1)
    following = np.stack([0 * states, np.minimum(states + 1, num_provocations)], axis=1)
    return machine(states == num_provocations, np.repeat(following[:, None], 2, axis=1))


def resentful(num_rounds: int) -> Machine:
    """Cooperates first, and defects where the other has in any of the last so many rounds."""
    states = np.arange(num_rounds + 1)  # How many rounds of defection are left.
    following = np.stack([np.maximum(states - 1, 0), 0 * states + num_rounds], axis=1)
    return machine(states > 0, np.repeat(following[:, None], 2, axis=1))


def grim_trigger() -> Machine:
    """Cooperates until the other defects, and then defects for ever."""
    return machine([COOPERATE, DEFECT], [[[0, 1], [0, 1]], [[1, 1], [1, 1]]])


def naive_prober(chance: float) -> Machine:
    """Tit for tat that defects now and then with a chance where it would cooperate."""
    return copying(COOPERATE)._replace(chances=jnp.array([chance, 1.0], jnp.float32))


def memory_one(chances: Float[Array, "*batch 5"]) -> Machine:
    """Any plan that looks at the last round alone.

    Args:
      chances: of action 1 in the first round and after the rounds (0, 0), (0, 1), (1, 0) and (1, 1)
        of one's own action and the other's.
    """
    following = np.broadcast_to(1 + np.arange(4).reshape(2, 2), (*chances.shape, 2, 2))
    return Machine(chances, jnp.asarray(following, jnp.int32))


def win_stay_lose_shift(view: View) -> Machine:
    """Starts with action 0, and changes it after a round that paid less than the game's average.

    What is a win is this suite's choice where there are more than two payoffs: at least the mean of
    one's own four.
    """
    wins = view.own >= view.own.mean()
    own = jnp.array([[0, 0], [1, 1]])
    following = jnp.where(wins, own, 1 - own)
    return machine([0, 1], jnp.broadcast_to(following, (2, 2, 2)))


def maximin(view: View) -> Machine:
    """Always the action whose worst payoff is the better one."""
    return always(jnp.argmax(view.own.min(axis=1)))


def stubborn(view: View) -> Machine:
    """Always the action that may lead to what it likes best."""
    return always(jnp.argmax(view.own.max(axis=1)))


def turn_taker(view: View) -> Machine:
    """Plays for what the first player likes best, then for what the second does, and so on."""
    own, others = stubborn(view).chances[0], jnp.argmax(view.others.max(axis=1))
    is_first = view.seat == 0
    return in_turn(jnp.where(is_first, own, others), jnp.where(is_first, others, own))


def replying(view: View) -> Machine:
    """Best response to what the other has just played; at first, to either being as likely."""
    replies = jnp.argmax(view.own, axis=0)
    first = jnp.argmax(view.own.mean(axis=1))
    following = jnp.broadcast_to(jnp.array([1, 2]), (3, 2, 2))
    return machine(jnp.concatenate([first[None], replies]), following)


ScriptName = Literal[
    "always 0",
    "always 1",
    "defect once",
    "tit for tat",
    "tit for two tats",
    "suspicious tit for tat",
    "reverse tit for tat",
    "hard tit for tat",
    "grim trigger",
    "naive prober",
    "naive prober 0.2",
    "alternating 0 1",
    "alternating 1 0",
    "random",
    "win-stay lose-shift",
    "maximin",
    "stubborn",
    "turn-taker",
    "reply to last",
]
SCRIPTS: dict[ScriptName, Script] = {
    "always 0": by_label(always, COOPERATE),
    "always 1": by_label(always, DEFECT),
    "defect once": by_label(in_turn, DEFECT, COOPERATE, repeat_from=1),
    "tit for tat": by_label(copying, COOPERATE),
    "tit for two tats": by_label(forgiving, 2),
    "suspicious tit for tat": by_label(copying, DEFECT),
    "reverse tit for tat": by_label(copying, DEFECT, opposite=True),
    "hard tit for tat": by_label(resentful, 3),
    "grim trigger": by_label(grim_trigger),
    "naive prober": by_label(naive_prober, 0.1)._replace(is_random=True),
    "naive prober 0.2": by_label(naive_prober, 0.2)._replace(is_random=True),
    "alternating 0 1": by_label(in_turn, 0, 1),
    "alternating 1 0": by_label(in_turn, 1, 0),
    "random": by_label(always, 0.5)._replace(is_random=True),
    "win-stay lose-shift": Script(win_stay_lose_shift),
    "maximin": Script(maximin),
    "stubborn": Script(stubborn),
    "turn-taker": Script(turn_taker),
    "reply to last": Script(replying),
}
"""Those of the paper's case studies, and some of the field's. In games other than the Prisoner's
Dilemma cooperating is action 0 and defecting action 1, whatever these pay."""


def machines_of(scripts: Sequence[Script], view: View) -> Machine:
    """The machines of several scripts at one game, on a leading axis, all as wide as the widest."""
    made = [script.machine(view) for script in scripts]
    widest = max(one.chances.shape[-1] for one in made)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(one.widened(widest) for one in made))
