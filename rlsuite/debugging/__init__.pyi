from .origins import Operand as Operand
from .origins import Operation as Operation
from .origins import Origin as Origin
from .origins import origin as origin
