"""A small run of LPG that really learns an objective."""

import jax
import jax.numpy as jnp

from rlsuite.agents import AgentConfig
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.gradient_config import MetaGradientConfig
from rlsuite.method import train
from rlsuite.methods.lpg import MetaGradientLPGConfig, agent_life, meta_gradient_lpg
from rlsuite.objectives.learned_policy_gradient import LPGConfig

NUM_META_STEPS, NUM_TESTS = 300, 32
CONFIG = MetaGradientLPGConfig(
    objective=LPGConfig(recurrent_width=16, embedding_width=8),
    # At twice these rates one training in six stayed below half of the best return.
    agent=AgentConfig(policy_learning_rate=20.0, prediction_learning_rate=2.0),
    life=LifeConfig(num_workers=8, rollout_length=8),
    meta=MetaGradientConfig(
        num_agents=16,
        learning_rate=1e-3,
        max_gradient_norm=0.5,
        num_episodes=4,
    ),
)


def test_agents_learn_by_a_trained_objective_and_not_by_an_untrained_one(tiny_grid):
    """Fresh agents walk from anywhere to the corner, within six steps, after fifty updates."""

    def sample_task(key):
        start = jax.random.randint(key, (), 0, 8)
        level = tiny_grid.default_params.replace(start=start, max_steps_in_episode=jnp.int32(6))
        return Task(level, jnp.array(50))

    method, life = meta_gradient_lpg(tiny_grid, sample_task, CONFIG), agent_life(tiny_grid, CONFIG)

    def final_return(key, parameters):
        task_key, life_key, return_key = jax.random.split(key, 3)
        task = sample_task(task_key)
        agent = life.whole(life_key, parameters, task)
        return life.mean_return(return_key, agent, 8)

    def compare(key):
        train_key, test_key = jax.random.split(key)
        untrained = method.init(train_key).parameters
        state, metrics = train(method, NUM_META_STEPS)(train_key)
        both = jax.tree.map(lambda *leaves: jnp.stack(leaves), untrained, state.parameters)
        final_returns = jax.vmap(jax.vmap(final_return, in_axes=(0, None)), in_axes=(None, 0))
        returns = final_returns(jax.random.split(test_key, NUM_TESTS), both)
        return returns.mean(axis=-1), metrics["meta_loss"]

    (untrained, trained), losses = jax.jit(compare)(jax.random.key(0))
    assert jnp.isfinite(losses).all()
    assert trained > 0.5
    assert trained > untrained + 0.25
