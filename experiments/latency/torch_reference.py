"""The reference architecture in PyTorch's own layers: one training step, and a guided plan."""

import itertools
import math

import torch
from torch import nn

from experiments.latency.network_sizes import (
    BATCH,
    FEATURES,
    FUTURE,
    HEADS,
    HIDDEN,
    LAYERS,
    TOKENS,
    WIDTH,
)

GUIDANCE = 0.1
"""Scale of the goal gradient."""


class Reference(nn.Module):
    """A causal transformer that embeds each token together with its noise level."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(FEATURES + WIDTH, WIDTH), nn.SiLU())
        self.position = nn.Parameter(0.02 * torch.randn(TOKENS, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, dropout=0.0, batch_first=True)
        self.blocks = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, FEATURES)
        self.rate = torch.exp(-math.log(1e4) * torch.arange(WIDTH // 2) / (WIDTH // 2))
        self.mask = nn.Transformer.generate_square_subsequent_mask(TOKENS)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return clean estimates `[B, T, D]` of tokens `[B, T, D]` at noise levels `[B, T]`."""
        angle = 1000 * level[..., None] * self.rate
        h = torch.cat([x, angle.sin(), angle.cos()], dim=-1)
        return self.head(self.blocks(self.embed(h) + self.position, mask=self.mask, is_causal=True))


class Trainer:
    """Optimizer steps on random windows, one per call.

    Args:
        bfloat16: Whether to autocast to bfloat16.
        compiled: Whether to compile the network with torch.compile.
    """

    def __init__(self, *, bfloat16: bool = False, compiled: bool = False):
        self.cast = torch.autocast("cpu", torch.bfloat16, enabled=bfloat16)
        net = Reference()
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
        self.net = torch.compile(net) if compiled else net
        self.clean = torch.randn(BATCH, TOKENS, FEATURES)

    def __call__(self) -> None:
        """Noise each token at a level of its own, denoise, and take a gradient step."""
        level = torch.rand(BATCH, TOKENS)
        alpha, sigma = _alpha_sigma(level)
        x = alpha * self.clean + sigma * torch.randn_like(self.clean)
        with self.cast:
            loss = (self.net(x, level) - self.clean).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def guided_plan(net: Reference, levels: torch.Tensor) -> torch.Tensor:
    """Denoise the future along a scheduling matrix, guided to a goal by a network gradient.

    Args:
        net: Network.
        levels: `[M+1, FUTURE]` noise levels of the future tokens before and after each of M steps;
            the present is clean.

    Returns:
        `[1, TOKENS, FEATURES]` plan.
    """
    x = torch.randn(1, TOKENS, FEATURES)
    present = torch.zeros(1, TOKENS - FUTURE)
    goal = torch.ones(2)
    for level_from, level_to in itertools.pairwise(levels):
        level = torch.cat([present, level_from[None]], dim=1)
        x = x.detach().requires_grad_()
        clean = net(x, level)
        cost = (clean[..., :2] - goal).square().sum()
        (gradient,) = torch.autograd.grad(cost, x)
        with torch.no_grad():
            alpha, sigma = _alpha_sigma(level)
            noise = (x - alpha * clean) / sigma.clamp_min(1e-3) - GUIDANCE * sigma * gradient
            alpha, sigma = _alpha_sigma(torch.cat([present, level_to[None]], dim=1))
            denoised = alpha * clean + sigma * noise
            unchanged = torch.cat([present == 0, (level_from == level_to)[None]], dim=1)
            x = torch.where(unchanged[..., None], x, denoised)
    return x.detach()


def _alpha_sigma(level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    angle = math.pi / 2 * level[..., None]
    return angle.cos(), angle.sin()
