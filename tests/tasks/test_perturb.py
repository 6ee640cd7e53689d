"""Perturbations parsed from text."""

from types import SimpleNamespace

import pytest

from dfplan.tasks import perturb
from dfplan.tasks.perturb import all_perturbations, parse_perturbation, perturbed
from dfplan.types import UserError


class Shift:
    """A stand-in for an environment wrapper."""

    def __init__(self, env, amount, scale=1.0, times=2):
        if amount == 13:
            raise ValueError("shift amount must be lucky,\n  got 13")
        self.env = env
        self.amount = amount
        self.scale = scale
        self.times = times


class Drop(Shift):
    drops = True


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    points = [
        SimpleNamespace(name="shifts", value="shifts:ALL", load=lambda: {"shift": Shift}),
        SimpleNamespace(name="drops", value="drops:ALL", load=lambda: DROP),
    ]
    monkeypatch.setattr(
        perturb, "entry_points", lambda group: points if group == perturb.GROUP else []
    )
    all_perturbations.cache_clear()
    yield points
    all_perturbations.cache_clear()


DROP = {"drop": Drop}


def test_numbers_and_options_reach_the_wrapper_and_the_first_is_innermost():
    texts = ["shift=0.5,times=4", "drop=1,2,-3,scale=1e-1"]
    outer = perturbed("env", map(parse_perturbation, texts))
    assert type(outer) is Drop and type(outer.env) is Shift and outer.env.env == "env"
    assert (outer.amount, outer.scale, outer.times) == ((1.0, 2.0, -3.0), 0.1, 2)
    assert (outer.env.amount, outer.env.scale, outer.env.times) == (0.5, 1.0, 4)
    assert [parse_perturbation(text).drops for text in texts] == [False, True]


VALID = "valid: shift=AMOUNT,scale=NUMBER,times=NUMBER"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("shove=1", "'shove'; valid: shift, drop"),
        ("=1", "''; valid: shift, drop"),
        ("shift", f"'shift' has no value; {VALID}"),
        ("shift=scale=2", f"has no value; {VALID}"),
        ("shift=", f"'' is not a number; {VALID}"),
        ("shift=much", f"'much' is not a number; {VALID}"),
        ("shift=1,scale=much", f"'much' is not a number; {VALID}"),
        ("shift=1,size=2", f"has no option 'size'; {VALID}"),
    ],
)
def test_unreadable_text_is_refused(text, says):
    with pytest.raises(UserError) as caught:
        parse_perturbation(text)
    assert says in str(caught.value)


def test_errors_of_a_wrapper_are_one_line_with_the_text():
    with pytest.raises(UserError, match="'shift=13': shift amount must be lucky, got 13"):
        perturbed("env", [parse_perturbation("shift=13")])


def test_no_perturbations_are_installed(installed):
    installed.clear()
    all_perturbations.cache_clear()
    with pytest.raises(UserError, match=r"valid: none \(install dfplan-envs\)"):
        parse_perturbation("shift=1")


def test_broken_package_does_not_hide_the_others(installed):
    installed.insert(0, SimpleNamespace(name="broken", value="broken:ALL", load=lambda: 3))
    all_perturbations.cache_clear()
    with pytest.warns(UserWarning, match="'broken' .*cannot be loaded"):
        assert set(all_perturbations()) == {"shift", "drop"}


def test_perturbations_of_dfplan_envs_are_declared(monkeypatch):
    monkeypatch.undo()
    all_perturbations.cache_clear()
    envs = pytest.importorskip("dfplan_envs.perturb")
    assert all_perturbations() == envs.PERTURBATIONS
