from . import brax as brax
from . import cheap_talk as cheap_talk
from . import control as control
from . import goals as goals
from . import gridworld as gridworld
from . import messenger as messenger
from .registration import make_grid_world as make_grid_world
from .registration import register_worlds as register_worlds
