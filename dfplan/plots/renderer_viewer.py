"""Markers in the frames of environments that render with `mujoco.Renderer`.

Gymnasium's viewers take markers, but `mujoco.Renderer`, which OGBench's environments use, does not.
dfplan does not need MuJoCo, so it is not imported here but taken from the renderer's own package.
"""

import sys
from typing import Any

import numpy as np

UPRIGHT = np.eye(3).ravel()


class RendererViewer:
    """Adds markers to the next frame of a `mujoco.Renderer`, as Gymnasium's viewers do.

    Args:
        renderer: Renderer, whose `render` method is replaced.
    """

    def __init__(self, renderer: Any):
        self._renderer = renderer
        self._mujoco = sys.modules[_package(renderer)]
        self._markers: list[dict[str, Any]] = []
        render = renderer.render

        def render_with_markers(*args: Any, **kwargs: Any) -> np.ndarray:
            self._add_geoms()
            return render(*args, **kwargs)

        renderer.render = render_with_markers
        renderer.viewer = self

    @property
    def model(self) -> Any:
        """Compiled model, an MjModel."""
        return self._renderer.model

    @property
    def scn(self) -> Any:
        """Scene of the last frame, an MjvScene."""
        return self._renderer.scene

    def add_marker(self, **marker: Any) -> None:
        """Add a geom to the next frame: its `type`, `size`, `pos`, `rgba` and rotation `mat`."""
        self._markers.append(marker)

    def _add_geoms(self) -> None:
        scene = self.scn
        for marker in self._markers[: scene.maxgeom - scene.ngeom]:
            self._mujoco.mjv_initGeom(
                scene.geoms[scene.ngeom],
                marker["type"],
                marker["size"],
                marker["pos"],
                marker.get("mat", UPRIGHT),
                np.asarray(marker["rgba"], np.float32),
            )
            scene.ngeom += 1
        self._markers.clear()


def renderer_viewer(env: Any) -> RendererViewer | None:
    """Return the viewer of an environment's `mujoco.Renderer`; None if it has none yet.

    Args:
        env: Unwrapped environment.
    """
    for value in getattr(env, "__dict__", {}).values():
        if type(value).__name__ == "Renderer" and _package(value) == "mujoco":
            return vars(value).get("viewer") or RendererViewer(value)
    return None


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]
