"""Published results on OGBench's manipulation suite, in percent of successful episodes."""

SOURCE = "OGBench, arXiv 2410.20092, table 2"
METHODS = ("GCBC", "GCIVL", "GCIQL", "QRL", "CRL", "HIQL")
RESULTS = {
    "cube-single-play": (6, 53, 68, 5, 19, 15),
    "cube-double-play": (1, 36, 40, 1, 10, 6),
    "cube-triple-play": (1, 1, 3, 0, 4, 3),
    "cube-single-noisy": (8, 71, 99, 25, 38, 41),
    "cube-double-noisy": (1, 14, 23, 3, 2, 2),
    "scene-play": (5, 42, 51, 5, 19, 38),
    "scene-noisy": (1, 26, 26, 9, 1, 25),
    "puzzle-3x3-play": (2, 6, 95, 1, 3, 12),
    "puzzle-3x3-noisy": (1, 42, 94, 0, 30, 51),
    "puzzle-4x4-play": (0, 13, 26, 0, 0, 7),
}
"""Results of these methods by short task name; trained on a million control steps or more."""
BASELINES: dict[str, dict[str, float]] = {
    method: {name: results[k] for name, results in RESULTS.items()}
    for k, method in enumerate(METHODS)
}
"""Results by method and task."""
