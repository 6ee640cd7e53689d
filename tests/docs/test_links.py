"""Images and relative links of all pages lead somewhere."""

import pytest

GENERATED = ("commands.md", "settings.md", "presets.md")


@pytest.fixture(scope="module")
def generated():
    import api_pages
    import hooks
    import links

    reference = links.ROOT / "docs" / "reference"
    pages = {reference / name for name in (*GENERATED, *api_pages.pages())}
    figures = {links.ROOT / "docs" / "figures" / path.name for path in hooks.FIGURES}
    return pages | figures


def test_no_page_has_a_broken_link(generated):
    import links

    assert len(links.PAGES) > 40
    broken = {page: links.broken_links(page, generated) for page in links.PAGES}
    assert {page: found for page, found in broken.items() if found} == {}


def test_images_and_links_are_found(tmp_path):
    import links

    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n\n![a](a.png) [b](b.md#c), [d](#e)\n\n"
        "| table |\n|---|\n| [f](../f) |\n\n"
        '<img src="g.gif" height="2"> <img alt="h" src="h.gif">\n\n<img src="i.gif">\n\n'
        "[url](https://example.org/g) [mail](mailto:h@example.org) `[code](j.md)`\n\n"
        "```text\n[block](k.md)\n```\n"
    )
    images = ["g.gif", "h.gif", "i.gif"]
    assert list(links.relative_links(page)) == ["a.png", "b.md#c", "#e", "../f", *images]


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("picture.png", False),
        ("missing.png", True),
        ("folder", False),
        ("other.md", False),
        ("other.md#its-heading-no-2", False),
        ("other.md#no-heading", True),
        ("missing.md#its-heading-no-2", True),
        ("#page", False),
        ("#no-heading", True),
        ("later.md", False),
        ("later.md#any", False),
    ],
)
def test_broken_links_are_reported(link, is_broken, tmp_path):
    import links

    (tmp_path / "picture.png").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "other.md").write_text("## Its `heading`, no. 2\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Page\n\n[text]({link}) ![image]({link})\n")
    expected = [link, link] if is_broken else []
    assert links.broken_links(page, {tmp_path / "later.md"}) == expected
