from .evolution import EvolutionConfig as EvolutionConfig
from .evolution import evolve as evolve
from .evolution import evolve_objective as evolve_objective
from .gradients import MetaGradientConfig as MetaGradientConfig
from .gradients import meta_gradient as meta_gradient
from .strategies import Strategy as Strategy
from .strategies import open_es as open_es
