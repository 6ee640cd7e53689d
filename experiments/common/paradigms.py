"""Training paradigms, which differ in the noise levels that training draws, and their rollouts."""

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

TWO_STREAMS = {"training.objective.two_stream": True, "training.batch_size": 32}
ONE_STREAM = {"training.objective.two_stream": False, "training.batch_size": 64}
"""Two streams of 32 sequences and one of 64 have the same number of tokens and cost the same."""


@dataclasses.dataclass(frozen=True)
class Paradigm:
    """A training paradigm, defined by the noise levels that training draws.

    Attributes:
        label: Name in words.
        settings: Dotted settings of training and network.
    """

    label: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Rollout:
    """A way to continue a trajectory indefinitely with a network.

    Attributes:
        label: Row label.
        paradigm: Paradigm of the networks.
        planner: Planner settings; a horizon of 0 fills the window.
    """

    label: str
    paradigm: str
    planner: Mapping[str, Any]


def add_choice(parser: argparse.ArgumentParser, paradigms: Mapping[str, Paradigm]) -> None:
    """Add the option `--only`, which chooses among the paradigms of a study."""
    parser.add_argument(
        "--only",
        nargs="+",
        choices=paradigms,
        default=tuple(paradigms),
        metavar="PARADIGM",
        help="paradigms to train and roll out; default: all",
    )
