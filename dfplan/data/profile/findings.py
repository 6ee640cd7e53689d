"""Findings: what in a dataset would hurt training, each as a sentence."""

from collections.abc import Sequence

from dfplan.data.profile.profile import Dimension, Location, Profile

FEW_STEPS = 10_000
SATURATED = 0.5


def findings(profile: Profile, stride: int = 1) -> list[str]:
    """What would hurt training on a dataset; empty where nothing was found.

    Args:
        profile: of the dataset.
        stride: control steps per token.
    """
    if profile.problem:
        return [f"dfplan cannot train on it: {profile.problem}"]
    found = [
        _missing(profile),
        _breaks(profile),
        _constant(profile),
        _saturated(profile),
        _short(profile, stride),
        _few(profile),
    ]
    return [sentence for sentence in found if sentence]


def _missing(profile: Profile) -> str:
    bad = [d for d in (*profile.state, *profile.action) if d.missing]
    if not bad:
        return ""
    share = max(d.missing for d in bad)
    return (
        f"{_names(bad)}: up to {share:.2%} of the values are NaN or infinite "
        f"(first: {_where(profile.first_missing)}); training refuses the dataset"
    )


def _breaks(profile: Profile) -> str:
    if not profile.missed_boundaries:
        return ""
    places = "; ".join(map(_where, profile.missed_boundary_locations))
    more = "; ..." if profile.missed_boundaries > len(profile.missed_boundary_locations) else ""
    return (
        f"{profile.missed_boundaries:,} steps change half of the state far beyond the usual, as missed ends "
        f"of episodes do ({places}{more}); plans would learn to jump"
    )


def _constant(profile: Profile) -> str:
    dead = [d for d in (*profile.state, *profile.action) if d.constant]
    return f"{_names(dead)}: the value never changes, so nothing is learned of it" if dead else ""


def _saturated(profile: Profile) -> str:
    bad = [d for d in profile.action if d.at_ends > SATURATED and not d.constant]
    if not bad:
        return ""
    share = max(d.at_ends for d in bad)
    return f"{_names(bad)}: at the lowest or highest value in up to {share:.0%} of the steps"


def _short(profile: Profile, stride: int) -> str:
    short = int((profile.length < stride).sum())
    if not short:
        return ""
    return (
        f"{short:,} of {len(profile.length):,} episodes are shorter than a token of {stride} "
        "steps, and give no windows"
    )


def _few(profile: Profile) -> str:
    if profile.steps >= FEW_STEPS:
        return ""
    return f"{profile.steps:,} steps are few; {FEW_STEPS:,} or more give plans that generalise"


def _names(dimensions: Sequence[Dimension]) -> str:
    return ", ".join(d.name for d in dimensions)


def _where(place: Location | None) -> str:
    return "" if place is None else f"episode {place.episode}, step {place.step}"
