"""Versions of Python and of the packages that results depend on."""

import importlib.metadata
import platform

PACKAGES = (
    "dfplan",
    "dfplan-envs",
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "gymnasium",
    "mujoco",
    "minari",
    "numpy",
)


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of these packages; those not installed are left out."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
