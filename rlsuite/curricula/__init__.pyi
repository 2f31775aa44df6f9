from .buffer import BufferConfig as BufferConfig
from .buffer import prioritised_replay as prioritised_replay
from .curriculum import Curriculum as Curriculum
from .curriculum import Proposal as Proposal
from .curriculum import frozen_set as frozen_set
from .curriculum import log_uniform_lifetimes as log_uniform_lifetimes
from .curriculum import random_tasks as random_tasks
