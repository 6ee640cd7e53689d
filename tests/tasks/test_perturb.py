"""Perturbations from text."""

from types import SimpleNamespace

import pytest

from dfplan.tasks import perturb
from dfplan.tasks.perturb import all_perturbations, parse_perturbation, perturbed
from dfplan.types import UserError


class Shift:
    """Stands for a wrapper."""

    def __init__(self, env, amount, scale=1.0, times=2):
        if amount == 13:
            raise ValueError("shift amount must be lucky,\n  got 13")
        self.env, self.amount, self.scale, self.times = env, amount, scale, times


class Lose(Shift):
    drops = True


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    points = [
        SimpleNamespace(name="shifts", value="shifts:ALL", load=lambda: {"shift": Shift}),
        SimpleNamespace(name="losses", value="losses:ALL", load=lambda: LOSE),
    ]
    monkeypatch.setattr(
        perturb, "entry_points", lambda group: points if group == perturb.GROUP else []
    )
    all_perturbations.cache_clear()
    yield points
    all_perturbations.cache_clear()


LOSE = {"lose": Lose}


def test_numbers_and_options_reach_the_wrapper_and_the_first_is_innermost():
    texts = ["shift=0.5,times=4", "lose=1,2,-3,scale=1e-1"]
    outer = perturbed("env", map(parse_perturbation, texts))
    assert type(outer) is Lose and type(outer.env) is Shift and outer.env.env == "env"
    assert (outer.amount, outer.scale, outer.times) == ((1.0, 2.0, -3.0), 0.1, 2)
    assert (outer.env.amount, outer.env.scale, outer.env.times) == (0.5, 1.0, 4)
    assert [parse_perturbation(text).drops for text in texts] == [False, True]


FORM = "valid: shift=AMOUNT,scale=NUMBER,times=NUMBER"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("shove=1", "unknown perturbation 'shove'; valid: shift, lose"),
        ("=1", "unknown perturbation ''"),
        ("shift", f"'shift' has no value; {FORM}"),
        ("shift=scale=2", f"has no value; {FORM}"),
        ("shift=", f"'' is no number; {FORM}"),
        ("shift=much", f"'much' is no number; {FORM}"),
        ("shift=1,scale=much", f"'much' is no number; {FORM}"),
        ("shift=1,size=2", f"has no option 'size'; {FORM}"),
    ],
)
def test_what_cannot_be_read(text, says):
    with pytest.raises(UserError) as caught:
        parse_perturbation(text)
    assert says in str(caught.value)


def test_what_a_wrapper_refuses_is_one_line_with_its_text():
    with pytest.raises(UserError, match="'shift=13': shift amount must be lucky, got 13"):
        perturbed("env", [parse_perturbation("shift=13")])


def test_none_are_installed(installed):
    installed.clear()
    all_perturbations.cache_clear()
    with pytest.raises(UserError, match=r"valid: none \(install dfplan-envs\)"):
        parse_perturbation("shift=1")


def test_broken_package_does_not_hide_the_others(installed):
    installed.insert(0, SimpleNamespace(name="broken", value="broken:ALL", load=lambda: 3))
    all_perturbations.cache_clear()
    with pytest.warns(UserWarning, match="'broken' .*cannot be loaded"):
        assert set(all_perturbations()) == {"shift", "lose"}


def test_those_of_dfplan_envs_are_declared(monkeypatch):
    monkeypatch.undo()
    all_perturbations.cache_clear()
    envs = pytest.importorskip("dfplan_envs.perturb")
    assert all_perturbations() == envs.PERTURBATIONS
