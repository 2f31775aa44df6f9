from .corridors import Corridors as Corridors
from .recipes import bank as bank
from .recipes import key_room as key_room
from .recipes import multi_room as multi_room
from .world import Map as Map
from .world import Rooms as Rooms
