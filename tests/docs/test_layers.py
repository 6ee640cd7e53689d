"""The layer table has every package and module of dfplan."""

import pytest


def test_every_package_and_module_is_in_one_layer():
    import layers

    names = [name for layer in layers.layers() for name in layer]
    assert len(names) == len(set(names))
    assert set(names) == layers.children()


def test_every_folder_with_code_is_a_package():
    import layers

    folders = {path.parent.name for path in layers.PACKAGE.glob("*/*.py")}
    assert folders <= layers.children()


def test_the_table_has_a_row_with_a_summary_for_each():
    import layers

    rows = layers.table().splitlines()[2:]
    assert len(rows) == len(layers.children())
    assert rows[0].startswith("| 1 | `dfplan.cli` | The command line")
    last = len(layers.layers())
    assert rows[-1].startswith(f"| {last} | `dfplan.types` | ")


def test_a_module_without_a_docstring_is_an_error(tmp_path, monkeypatch):
    import layers

    (tmp_path / "silent.py").write_text("VALUE = 1\n")
    monkeypatch.setattr(layers, "PACKAGE", tmp_path)
    with pytest.raises(ValueError, match="silent"):
        layers.summary("silent")


def test_the_architecture_page_shows_the_table():
    import hooks
    import layers

    page = (layers.ROOT / "docs" / "concepts" / "architecture.md").read_text()
    assert layers.table() in hooks.on_page_markdown(page)
