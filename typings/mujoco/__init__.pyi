# MuJoCo's wheels carry no types for their compiled modules.
from typing import Any

def __getattr__(name: str) -> Any: ...
