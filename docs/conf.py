"""Settings of Sphinx, for the pages that docs/make_site.py gathers."""

from __future__ import annotations

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from slicewise import __version__
from slicewise.version import full_version

project = "slicewise"
author = "the slicewise developers"
version = __version__
release = full_version()

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["tasklist"]
myst_heading_anchors = 4  # links lead to headings by the names that they have in the repository
autodoc_mock_imports = ["keras", "tensorflow", "jax", "mlflow"]  # which take long, and say nothing
autodoc_typehints = "none"  # docstrings say them
autodoc_member_order = "bysource"
napoleon_use_rtype = False
smartquotes = False  # commands and patterns are copied from pages

html_theme = "furo"
html_title = f"slicewise {version}"
html_baseurl = ""
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/versions.html",
        "sidebar/scroll-end.html",
    ]
}


def setup(app: Sphinx) -> None:
    """Show tables of text as they are: nothing in them is coloured."""
    for name in ("tsv", "csv"):
        app.add_lexer(name, TextLexer)
