"""Lives in a process that computes in 64 bits, outside of any method: agents stay in 32.

Methods are traced in 32 bits anyway (`rlsuite.method.single_precision`).
"""

import gymnax
import jax
import jax.numpy as jnp
import pytest

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.drifts import ppo_clip
from rlsuite.envs.maze import Maze
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.deep_q_network import DQNAgent, DQNConfig, deep_q_network
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo, ppo_of
from rlsuite.students import StudentConfig, make_student

WORKERS, LENGTH = 64, 3
CARTPOLE, MAZE = gymnax.make("CartPole-v1")[0], Maze(5)
PERCEPTRON = NetworkConfig("perceptron", (4,))
RECURRENT = NetworkConfig("perceptron", (4,), recurrent_width=3)
DQN = DQNConfig(replay_size=256, batch_size=4, learning_starts=4, num_gradient_steps=2)
STUDENT = StudentConfig((2,), 2, 3, (4,))


def by_lpg():
    config = LPGConfig(recurrent_width=4, embedding_width=3)
    agent = AgentConfig("perceptron", (4,), recurrent_width=3)
    return lpg(make_agent(CARTPOLE, agent, config.num_predictions), config)


LIVES = {
    "PPO": lambda: (CARTPOLE, ppo(CARTPOLE, PERCEPTRON, PPOConfig(), ppo_clip(), WORKERS)),
    "recurrent PPO": lambda: (CARTPOLE, ppo(CARTPOLE, RECURRENT, PPOConfig(), ppo_clip(), WORKERS)),
    "student": lambda: (
        MAZE,
        ppo_of(make_student(MAZE, STUDENT), PPOConfig(), ppo_clip(), WORKERS),
    ),
    "A2C": lambda: (CARTPOLE, a2c(make_agent(CARTPOLE, AgentConfig("perceptron")), A2CConfig())),
    "LPG": lambda: (CARTPOLE, by_lpg()),
    "DQN": lambda: (CARTPOLE, deep_q_network(CARTPOLE, PERCEPTRON, DQN)),
}


@pytest.mark.parametrize("name", LIVES)
def test_agents_live_as_they_do_in_32_bits(name):
    def types(bits_64):
        with jax.enable_x64(bits_64):
            world, objective = LIVES[name]()
            life = Life(world, objective, WORKERS, LENGTH)

            def learner(key):
                task = Task(world.default_params, jnp.int32(2))
                parameters = objective.init_parameters(key)
                after = life.whole(key, parameters, task).learner
                # Replay counts, and keeps what the world shows, as the process has numbers.
                return after._replace(replay=()) if isinstance(after, DQNAgent) else after

            return jax.eval_shape(learner, jax.random.key(0))

    assert types(bits_64=True) == types(bits_64=False)
