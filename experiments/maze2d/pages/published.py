"""Published figures on Maze2D (fixed goals) and Multi2D (random goals).

The same name of a benchmark hides several metrics. Each figure stands beside what it is, as far as
its paper or code says; only like compares with like.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Published:
    """What a paper reports.

    Attributes:
        method: its name.
        paper: where the figures stand.
        metric: what the numbers are.
        fixed, random: for UMaze, Medium and Large, with the fixed goal and with random goals; None
            where it has none.
    """

    method: str
    paper: str
    metric: str
    fixed: tuple[float, float, float] | None = None
    random: tuple[float, float, float] | None = None


PUBLISHED = (
    Published(
        "Diffuser",
        "arXiv 2205.09991",
        "normalised, not latched; goal inpainted, PD tracking",
        (113.9, 121.5, 123.0),
        (128.9, 127.2, 132.1),
    ),
    Published(
        "Diffusion Forcing",
        "arXiv 2407.01392",
        "the paper says episode reward, and the public code logs the raw mean return: probably not "
        "normalised",
        (116.7, 149.4, 159.0),
        (119.1, 152.3, 167.1),
    ),
    Published(
        "Hierarchical Diffuser",
        "arXiv 2401.02644",
        "as reprinted by later papers",
        (128.4, 135.6, 155.8),
    ),
    Published(
        "AdaptDiffuser",
        "arXiv 2302.01877",
        "as reprinted by later papers",
        (135.1, 129.9, 167.9),
    ),
    Published(
        "SSD",
        "arXiv 2402.07226",
        "as listed by later papers; the metric is not checked",
        None,
        (158.2, 155.2, 192.9),
    ),
    Published(
        "Diffusion Veteran",
        "arXiv 2503.00535",
        "normalised and latched, 500 seeds; the same as a mean first reach of 88, 189 and 249",
        (136.6, 150.7, 203.6),
    ),
    Published(
        "HorizonFlow",
        "2026",
        "normalised; whether latched is not said (if so, with the fixed goal the same as a mean "
        "first reach of 86, 178 and 245)",
        (137.5, 154.8, 205.2),
        (145.1, 170.5, 216.5),
    ),
)
