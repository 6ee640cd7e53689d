"""Optional packages: what is missing is named with its extra, what is broken with its reason."""

import sys

import pytest

from dfplan.types import UserError
from dfplan.util.optional import import_optional


def test_an_installed_module():
    assert import_optional("os.path", "extra", "this") is sys.modules["os.path"]


@pytest.mark.parametrize("module", ["no_such_module_6", "no_such_module_6.part"])
def test_a_missing_package(module):
    with pytest.raises(UserError, match=r'this needs no-such-module-6: pip .*"dfplan\[extra\]"'):
        import_optional(module, "extra", "this")


@pytest.mark.parametrize("code", ["import no_such_module_7", "from os import no_such_name_7"])
def test_a_package_that_is_broken(code, tmp_path, monkeypatch):
    (tmp_path / "broken_module.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"this needs broken-module.*_7") as error:
        import_optional("broken_module", "extra", "this")
    assert "pip" not in str(error.value)
