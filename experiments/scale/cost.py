"""Cost of a training step on paper: operations, bytes and what devices send each other."""

import math
from typing import NamedTuple

from dfplan.nets.config import NetConfig
from dfplan.nets.layers import LEVEL_FREQUENCIES

FLOAT = 4
"""Bytes of a float32 number."""
STATE_COPIES = 4
"""Parameters, their average, and Adam's two moments."""


class Step(NamedTuple):
    """A training step.

    Attributes:
        net: Kind and size of the denoiser, a two-stream transformer.
        features: Numbers per token.
        tokens: Tokens per window, with the goal.
        batch: Windows of all devices together.
    """

    net: NetConfig
    features: int
    tokens: int
    batch: int

    def forward_flops(self) -> float:
        """Return the operations of the products in a forward pass; two per multiplication."""
        width = self.net.width
        layers = self.net.layers
        mlp = 2 * self.net.mlp_ratio * width**2
        targets = self.batch * self.tokens
        rows = 2 * targets  # history and target
        head = width // self.net.heads
        inputs = self.features * (1 + 2 * self.net.fourier_octaves)
        whole_layer = rows * (4 * width**2 + mlp)
        last_layer = rows * 2 * width**2 + targets * (2 * width**2 + mlp)  # keys alone for history
        # Each query with the history's keys and values, and the rotation of queries and keys.
        query = 2 * self.tokens * width + width * head
        mixing = (layers - 1) * rows * query + targets * query + layers * rows * width * head
        modulation = rows * ((2 * LEVEL_FREQUENCIES + 1) * width + 6 * width**2)
        ends = rows * inputs * width + targets * width * self.features
        return 2.0 * ((layers - 1) * whole_layer + last_layer + mixing + modulation + ends)

    def flops(self) -> float:
        """Return the operations of a step: the gradient costs twice the forward pass."""
        return 3 * self.forward_flops()

    def parameters(self) -> int:
        """Return the number of the denoiser's parameters."""
        width = self.net.width
        hidden = self.net.mlp_ratio * width
        layer = 4 * width**2 + 2 * width * hidden + 2 * width + hidden + 6 * width
        inputs = self.features * (1 + 2 * self.net.fourier_octaves)
        modulation = (2 * LEVEL_FREQUENCIES + 2) * width + 6 * width * (width + 1)
        ends = (inputs + 2) * width + self.features * (width + 1)
        return self.net.layers * layer + modulation + ends

    def activation_bytes(self) -> float:
        """Return the bytes that a forward pass keeps for the gradient."""
        width = self.net.width
        rows = 2 * self.batch * self.tokens
        per_row = (18 + 2 * self.net.mlp_ratio) * width + 2 * self.net.heads * self.tokens
        return float(FLOAT * self.net.layers * rows * per_row)

    def muon_flops(self) -> float:
        """Return the operations by which Muon orthogonalizes all matrices, five iterations."""
        width = self.net.width
        hidden = self.net.mlp_ratio * width
        shapes = [(width, 3 * width), (width, width), (width, hidden), (hidden, width)]
        return self.net.layers * sum(5 * _newton_schulz(min(s), max(s)) for s in shapes)


def _newton_schulz(short: int, long: int) -> float:
    """Return the operations of one iteration: two products with the matrix, one of the square."""
    return 2.0 * (2 * short**2 * long + short**3)


class Device(NamedTuple):
    """A device and its links; see `docs/concepts/scale.md` for the sources.

    Attributes:
        name: Name.
        flops: Peak of dense products, FLOP/s.
        utilization: Share of the peak that training reaches.
        memory: Memory, bytes.
        node: Devices of a node.
        inside: Bytes per second to another device of the node, per direction.
        outside: Bytes per second to another node, per device and direction.
    """

    name: str
    flops: float
    utilization: float
    memory: float
    node: int
    inside: float
    outside: float


class Layout(NamedTuple):
    """A layout of training on several devices.

    Attributes:
        name: Name.
        devices: Number of devices.
        fsdp: Devices that share one copy of the training state.
    """

    name: str
    devices: int
    fsdp: int

    def state_bytes(self, parameters: int) -> float:
        """Return the bytes of training state on each device."""
        return STATE_COPIES * FLOAT * parameters / self.fsdp

    def gathered_bytes(self, parameters: int) -> float:
        """Return the bytes of gathered parameters and of gradients on each device in a step."""
        gathered = FLOAT * parameters if self.fsdp > 1 else 0
        return gathered + FLOAT * parameters

    def fsdp_bytes(self, parameters: int) -> float:
        """Return the bytes that a device sends its FSDP group: parameters, then gradients."""
        return 2 * FLOAT * parameters * (self.fsdp - 1) / self.fsdp

    def data_bytes(self, parameters: int) -> float:
        """Return the bytes that a device sends other groups: a ring's sum of its gradients."""
        groups = self.devices // self.fsdp
        return 2 * FLOAT * parameters / self.fsdp * (groups - 1) / groups

    def seconds(self, parameters: int, device: Device) -> float:
        """Return the time in which a step's bytes are sent, if none of it is hidden."""
        fsdp_link = device.inside if self.fsdp <= device.node else device.outside
        data_link = device.inside if self.devices <= device.node else device.outside
        return self.fsdp_bytes(parameters) / fsdp_link + self.data_bytes(parameters) / data_link


def compute_seconds(step: Step, devices: int, device: Device) -> float:
    """Return the time in which each device computes its windows."""
    return step.flops() / devices / (device.flops * device.utilization)


def smallest_batch(step: Step, layout: Layout, device: Device) -> int:
    """Return the windows per device from which computing takes as long as sending."""
    one = step._replace(batch=1)
    sending = layout.seconds(step.parameters(), device)
    return math.ceil(sending / compute_seconds(one, 1, device))


def page_bytes(bytes_per_row: int, rows: int, page: int = 4096) -> float:
    """Return the bytes of pages that a window of rows is read from, on average."""
    return page * (1 + (bytes_per_row * rows - 1) / page)
