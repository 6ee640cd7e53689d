"""An environment with its own state of NumPy's global random generator."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import gymnasium
import numpy as np

# Such environments draw from the legacy generator, whose functions NumPy's type stubs lack in part.
# ruff: noqa: NPY002
# pyright: reportAttributeAccessIssue=false


class OwnGlobalRandom(gymnasium.Wrapper):
    """Gives an environment that draws from `np.random` its own state of that generator.

    `reset(seed=...)` seeds the state, and only `reset` and `step` use it. An episode therefore
    depends on its seed alone, not on draws of other environments, the agent or the caller, whose
    state of the generator does not change.

    Args:
        env: Environment.
    """

    def __init__(self, env: gymnasium.Env):
        super().__init__(env)
        self._state = _GlobalState(np.random.MT19937())

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environment and seed its global random state."""
        with self._in_place():
            if seed is not None:
                np.random.seed(seed)
            return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Step the environment."""
        with self._in_place():
            return self.env.step(action)

    @contextlib.contextmanager
    def _in_place(self) -> Iterator[None]:
        callers_state = _GlobalState.present()
        self._state.put_in_place()
        try:
            yield
        finally:
            self._state = _GlobalState.present()
            callers_state.put_in_place()


class _GlobalState(NamedTuple):
    """State of NumPy's global generator.

    To replace the bit generator takes a microsecond; to copy its state takes as long as a step of a
    small environment. Normal numbers are drawn in pairs, of which the generator keeps the second
    outside of the bit generator.

    Attributes:
        bit_generator: The bit generator itself, not a copy.
        has_gauss: Whether the second number of a pair is waiting, 0 or 1.
        gauss: That number.
    """

    bit_generator: Any
    has_gauss: int = 0
    gauss: float = 0.0

    @classmethod
    def present(cls) -> "_GlobalState":
        state: Any = np.random.get_state(legacy=False)
        return cls(np.random.get_bit_generator(), state["has_gauss"], state["gauss"])

    def put_in_place(self) -> None:
        np.random.set_bit_generator(self.bit_generator)
        if self.has_gauss:
            state: Any = np.random.get_state(legacy=False)
            np.random.set_state(state | {"has_gauss": self.has_gauss, "gauss": self.gauss})
