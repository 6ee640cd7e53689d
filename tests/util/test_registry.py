"""Registries find choices that are built in, registered or installed, and make them from specs."""

import dataclasses
import sys

import pytest

from dfplan.types import UserError
from dfplan.util.registry import Registry, parse_spec

GROUP = "dfplan.test_shapes"


@dataclasses.dataclass(frozen=True)
class Ramp:
    low: float = 0.0
    steps: int = 4
    closed: bool = False


def power(x, /, base, *, exponent=2):
    return base**exponent + x


@pytest.fixture
def registry():
    return Registry("shape", GROUP, {"ramp": Ramp, "decoder": "json:JSONDecoder", "power": power})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A distribution on the path with one choice that works and one that does not."""
    (tmp_path / "fake_shapes.py").write_text("def disc(radius=1.0):\n    return 3 * radius\n")
    info = tmp_path / "fake_shapes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-shapes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\nbroken = fake_shapes:missing\ndisc = fake_shapes:disc\nramp = fake_shapes:disc"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("fake_shapes", None)


def test_builtin_path_is_imported_on_first_use(registry):
    from json import JSONDecoder

    lazy = Registry("shape", GROUP, {"absent": "no_such_module:f"})
    assert lazy.names() == ["absent"] and lazy.check("absent") == "absent"
    with pytest.raises(ModuleNotFoundError):
        lazy.get("absent")
    assert registry.get("decoder") is registry.get("decoder") is JSONDecoder


def test_unknown_name_lists_the_valid_ones(registry):
    for method in (registry.get, registry.check, registry.make):
        with pytest.raises(UserError, match=r"shape 'cube'.* ramp, decoder, power$"):
            method("cube")


def test_registered_choices_are_found_and_replaced(registry):
    registry.register("cube", 1)
    registry.register("cube", 2)
    assert registry.get("cube") == 2 and registry.names()[-1] == "cube"
    with pytest.raises(UserError, match="'ramp'"):
        registry.register("ramp", 3)


def test_installed_choices_are_found_and_broken_ones_left_out(installed, registry):
    registry.register("cube", 1)
    with pytest.warns(UserWarning, match=r"shape 'broken' \(fake_shapes:missing\)") as caught:
        names = registry.names()
    assert "\n" not in str(caught[0].message) and len(caught) == 1
    assert names == ["ramp", "decoder", "power", "disc", "cube"]
    assert registry.make("disc:radius=2") == 6.0
    assert registry.get("ramp") is Ramp  # a package cannot replace what is built in
    with pytest.raises(UserError, match="'broken'"):
        registry.get("broken")


def test_make_fills_parameters_with_their_types(registry):
    ramp = registry.make("ramp:low=1,steps=3,closed=true")
    assert ramp == Ramp(1.0, 3, True) and type(ramp.low) is float
    assert registry.make("ramp", low=0.5) == Ramp(0.5)
    assert registry.make("power:base=3", 1) == 10
    assert registry.make("power:exponent=3", 1, base=2) == 9


@pytest.mark.parametrize(
    ("spec", "context", "says"),
    [
        ("ramp:high=1", {}, r"'high'; valid: low, steps, closed$"),
        ("ramp:low=1", {"low": 2.0}, r"'low'; valid: steps, closed$"),
        ("ramp:steps=1.5", {}, r"steps .*int.* 1\.5"),
        ("ramp:low=wide", {}, r"low .*float.*'wide'"),
        ("ramp:closed=1", {}, r"closed .*bool.* 1"),
        ("power:x=1", {}, r"'x'; valid: base, exponent$"),
        ("power:exponent=2", {}, r"'base'"),
    ],
)
def test_bad_parameters_are_named_with_the_valid_keys(registry, spec, context, says):
    with pytest.raises(UserError, match=says):
        registry.make(spec, *([1] if spec.startswith("power") else []), **context)


def test_check_returns_a_valid_spec(registry):
    assert registry.check("ramp:low=2") == "ramp:low=2"
    with pytest.raises(UserError, match=r"'high'; valid: low, steps, closed$"):
        registry.check("ramp:high=2")


def test_parse_spec():
    assert parse_spec("cosine") == ("cosine", {})
    parsed = parse_spec("mix: a=1, b=-2.5e-1,c=true,d=mean")
    assert parsed == ("mix", {"a": 1, "b": -0.25, "c": True, "d": "mean"})


@pytest.mark.parametrize("spec", ["a:", "a:b", "a:=1", "a:b=", "a:b=1,", "a:b=1,b=2"])
def test_parse_spec_refuses_other_forms(spec):
    with pytest.raises(UserError, match=spec):
        parse_spec(spec)


def test_a_choice_that_cannot_be_called_is_named(registry):
    registry.register("seven", 7)
    with pytest.raises(UserError, match=r"shape 'seven'.* 7; valid: a class or a function"):
        registry.make("seven")


def test_a_spec_must_be_text_without_spaces_around_its_name(registry):
    with pytest.raises(UserError, match="5 is not text"):
        parse_spec(5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UserError, match=r"' ramp'; valid: ramp"):
        registry.check(" ramp")


def test_an_integer_too_large_for_a_float_is_rejected(registry):
    with pytest.raises(UserError, match="low must be of type float"):
        registry.make(f"ramp:low=1{'0' * 400}")


def test_a_package_that_ends_the_process_is_left_out(registry, tmp_path, monkeypatch):
    (tmp_path / "leaving.py").write_text("raise SystemExit(0)\n")
    info = tmp_path / "leaving-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nleft = leaving:shape\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(UserWarning, match="'left'"):
        assert "left" not in registry.names()


@pytest.mark.parametrize("name", ["", "a:b", "a b", " a", "a,b", "a=1", "a\n", None, 3])
def test_names_that_no_spec_can_name(name):
    with pytest.raises(UserError, match="named"):
        Registry("thing", "dfplan.tests", {}).register(name, object())
