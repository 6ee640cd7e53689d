"""Published results on Maze2D (fixed goals) and Multi2D (random goals).

The same benchmark name covers several metrics. Each result is listed with the metric that its
paper or code states; only results of the same metric are comparable.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Published:
    """Results of a paper.

    Attributes:
        method: Name of the method.
        paper: Source of the numbers.
        metric: Metric of the numbers.
        fixed: Results on UMaze, Medium and Large with the fixed goal, or None.
        random: Results on UMaze, Medium and Large with random goals, or None.
    """

    method: str
    paper: str
    metric: str
    fixed: tuple[float, float, float] | None = None
    random: tuple[float, float, float] | None = None


PUBLISHED = (
    Published(
        method="Diffuser",
        paper="arXiv 2205.09991",
        metric="normalized, not latched; goal inpainted, PD tracking",
        fixed=(113.9, 121.5, 123.0),
        random=(128.9, 127.2, 132.1),
    ),
    Published(
        method="Diffusion Forcing",
        paper="arXiv 2407.01392",
        metric="the paper says episode reward, and the public code logs the raw mean return: "
        "probably not normalized",
        fixed=(116.7, 149.4, 159.0),
        random=(119.1, 152.3, 167.1),
    ),
    Published(
        method="Hierarchical Diffuser",
        paper="arXiv 2401.02644",
        metric="as reprinted by later papers",
        fixed=(128.4, 135.6, 155.8),
    ),
    Published(
        method="AdaptDiffuser",
        paper="arXiv 2302.01877",
        metric="as reprinted by later papers",
        fixed=(135.1, 129.9, 167.9),
    ),
    Published(
        method="SSD",
        paper="arXiv 2402.07226",
        metric="as listed by later papers; metric not verified",
        random=(158.2, 155.2, 192.9),
    ),
    Published(
        method="Diffusion Veteran",
        paper="arXiv 2503.00535",
        metric="normalized and latched, 500 seeds; equivalent to a mean first reach of 88, 189 "
        "and 249",
        fixed=(136.6, 150.7, 203.6),
    ),
    Published(
        method="HorizonFlow",
        paper="2026",
        metric="normalized; the paper does not say whether latched (if so, with the fixed goal "
        "equivalent to a mean first reach of 86, 178 and 245)",
        fixed=(137.5, 154.8, 205.2),
        random=(145.1, 170.5, 216.5),
    ),
)
