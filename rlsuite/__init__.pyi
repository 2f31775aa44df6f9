from . import bandits as bandits
from . import curricula as curricula
from . import debugging as debugging
from . import drifts as drifts
from . import envs as envs
from . import experiments as experiments
from . import exploration as exploration
from . import games as games
from . import meta as meta
from . import methods as methods
from . import objectives as objectives
from . import pretrained as pretrained
from . import quality_diversity as quality_diversity
from . import scores as scores
from .compiling import jit as jit
from .lifetime import Agent as Agent
from .lifetime import Life as Life
from .lifetime import Task as Task
from .living import live as live
from .method import Method as Method
from .method import after as after
from .method import train as train
from .sharding import make_mesh as make_mesh

__version__: str
