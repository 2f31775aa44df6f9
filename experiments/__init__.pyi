from .cli import main as main
from .finished import load as load
from .specs import MethodSpec as MethodSpec
from .specs import Run as Run
from .specs import WorldFamily as WorldFamily
from .specs import WorldSpec as WorldSpec
