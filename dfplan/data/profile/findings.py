"""Findings: properties of a dataset that would hurt training, one sentence each."""

from collections.abc import Sequence

from dfplan.data.profile.profile import Dimension, Location, Profile
from dfplan.representation.narrow import describe_narrow

FEW_STEPS = 10_000
SATURATED = 0.5


def findings(profile: Profile, stride: int = 1) -> list[str]:
    """Return what would hurt training on a dataset; empty if nothing was found.

    Args:
        profile: Profile of the dataset.
        stride: Control steps per token.
    """
    if profile.problem:
        return [f"dfplan cannot train on it: {profile.problem}"]
    sentences = [
        _missing(profile),
        _missed_boundaries(profile),
        _constant(profile),
        _noise(profile),
        _narrow(profile),
        _saturated(profile),
        _short(profile, stride),
        _few(profile),
    ]
    return [sentence for sentence in sentences if sentence]


def _missing(profile: Profile) -> str:
    bad = [d for d in (*profile.state, *profile.action) if d.missing]
    if not bad:
        return ""
    share = max(d.missing for d in bad)
    return (
        f"{_names(bad)}: up to {share:.2%} of the values are NaN or infinite "
        f"(first: {_describe(profile.first_missing)}); training rejects the dataset"
    )


def _missed_boundaries(profile: Profile) -> str:
    if not profile.missed_boundaries:
        return ""
    locations = "; ".join(map(_describe, profile.missed_boundary_locations))
    if profile.missed_boundaries > len(profile.missed_boundary_locations):
        locations += "; ..."
    return (
        f"{profile.missed_boundaries:,} steps change half of the state far more than usual, as "
        f"missed episode boundaries do ({locations}); plans would learn to jump"
    )


def _constant(profile: Profile) -> str:
    constant = [d for d in (*profile.state, *profile.action) if d.constant]
    if not constant:
        return ""
    return f"{_names(constant)}: the value never changes, so nothing can be learned about it"


def _noise(profile: Profile) -> str:
    noise = [d for d in (*profile.state, *profile.action) if d.noise and not d.constant]
    if not noise:
        return ""
    return (
        f"{_names(noise)}: nearly constant (it varies only by noise), so little can be learned "
        "about it, and it is not normalized by its deviation"
    )


def _narrow(profile: Profile) -> str:
    narrow = [d for d in (*profile.state, *profile.action) if d.narrow]
    return describe_narrow(
        [d.name for d in narrow], [d.mean for d in narrow], std=[d.std for d in narrow]
    )


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
    return f"{profile.steps:,} steps are few; plans generalize with {FEW_STEPS:,} or more"


def _names(dimensions: Sequence[Dimension]) -> str:
    return ", ".join(d.name for d in dimensions)


def _describe(location: Location | None) -> str:
    return "" if location is None else f"episode {location.episode}, step {location.step}"
