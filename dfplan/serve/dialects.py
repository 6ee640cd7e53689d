"""Dialects: what a server says in which form, beside the transport that all robots share.

A dialect is chosen for the whole server, because the metadata come before the first request. Its
spec names it, such as "openpi" or "roboarena:action_space=joint_velocity".
"""

import dataclasses
from typing import Any, ClassVar, Protocol

import numpy as np

from dfplan.representation.flatten import as_numbers
from dfplan.types import check_choice
from dfplan.util.registry import Registry
from dfplan.wire import keys
from dfplan.wire.codec import pack

JOINTS = "observation/joint_position"
GRIPPER = "observation/gripper_position"
"""Names in RoboArena's observations, which are those of the DROID dataset."""
ACTION_SPACES = ("joint_position", "joint_velocity")


class Dialect(Protocol):
    """The form of a server's messages.

    Attributes:
        executes_chunks: Whether robots execute all actions of a chunk before they ask again, unless
            a request says otherwise.
        reset_reply: Reply to a reset, an encoded message or text.
    """

    executes_chunks: ClassVar[bool]
    reset_reply: ClassVar[bytes | str]

    def metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return what a robot is told that connects.

        Args:
            metadata: Metadata of the server, see `Fleet.metadata`.
        """
        ...

    def request(self, message: dict[Any, Any]) -> dict[Any, Any]:
        """Return a decoded request with dfplan's names, see `dfplan.serve.request`."""
        ...

    def reply(self, reply: dict[str, Any]) -> Any:
        """Return the message that holds a reply."""
        ...


@dataclasses.dataclass(frozen=True)
class OpenPi:
    """openpi's protocol, with vLLM-Omni's `endpoint` and `session_id`, and dfplan's own keys."""

    executes_chunks: ClassVar[bool] = False
    reset_reply: ClassVar[bytes | str] = pack({keys.STATUS: keys.RESET_DONE})
    extensions: ClassVar[tuple[str, ...]] = (
        "openpi",
        "endpoint: infer, reset",
        "session_id: a new one begins an episode",
        "reset: true begins an episode",
    )

    def metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return the metadata, and what the server understands beside openpi's keys."""
        return {**metadata, "dialect": list(self.extensions)}

    def request(self, message: dict[Any, Any]) -> dict[Any, Any]:
        """Return the message."""
        return message

    def reply(self, reply: dict[str, Any]) -> dict[str, Any]:
        """Return the reply."""
        return reply


@dataclasses.dataclass(frozen=True)
class RoboArena:
    """RoboArena's protocol (github.com/robo-arena/roboarena, `policy_server.py`).

    Its metadata describe the observations that a policy needs; a planner needs no images. A chunk
    is a bare array, and the robot executes all of it. A reset is answered by text.

    Attributes:
        action_space: What actions are: "joint_position" or "joint_velocity".

    Raises:
        UserError: If the action space is unknown.
    """

    action_space: str = "joint_position"
    executes_chunks: ClassVar[bool] = True
    reset_reply: ClassVar[bytes | str] = keys.RESET_DONE

    def __post_init__(self):
        check_choice("--dialect roboarena: action_space", self.action_space, ACTION_SPACES)

    def metadata(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of RoboArena's PolicyServerConfig, which has no others."""
        return {
            "image_resolution": None,
            "needs_wrist_camera": False,
            "n_external_cameras": 0,
            "needs_stereo_camera": False,
            "needs_session_id": True,
            "action_space": self.action_space,
        }

    def request(self, message: dict[Any, Any]) -> dict[Any, Any]:
        """Return the message, with joints and gripper as one observation if it has no other.

        Raises:
            UserError: If they are not numbers.
        """
        names = (JOINTS, GRIPPER)
        if "observation" in message or not all(name in message for name in names):
            return message
        parts = [as_numbers(message[name], name, dtype=None).ravel() for name in names]
        return {**message, "observation": np.concatenate(parts)}

    def reply(self, reply: dict[str, Any]) -> np.ndarray:
        """Return the actions alone."""
        return reply[keys.ACTIONS]


DIALECTS = Registry("dialect", "dfplan.dialects", {"openpi": OpenPi, "roboarena": RoboArena})
"""Classes of dialects by name."""


def make_dialect(spec: str) -> Dialect:
    """Return the dialect that a spec names.

    Raises:
        UserError: If the name or a parameter is unknown.
    """
    return DIALECTS.make(spec)
