"""Gymnasium tasks for dfplan. Importing this package registers the `dfplan/...` ids."""

from dfplan_envs.registration import register_envs

__version__ = "0.1.0"

register_envs()
