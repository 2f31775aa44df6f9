from .actor_critic import A2CConfig as A2CConfig
from .actor_critic import a2c as a2c
from .learned_policy_gradient import LPGConfig as LPGConfig
from .learned_policy_gradient import lpg as lpg
from .objective import Clock as Clock
from .objective import Objective as Objective
from .proximal_policy_optimisation import PPOConfig as PPOConfig
from .proximal_policy_optimisation import ppo as ppo
