from .cards import Card as Card
from .exporting import export as export
from .loading import Pretrained as Pretrained
from .loading import PretrainedError as PretrainedError
from .loading import load as load
from .loading import names as names
