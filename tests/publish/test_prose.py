"""Text with sources, in three languages of markup."""

from __future__ import annotations

import html
from html.parser import HTMLParser

from slicewise.publish.prose import (
    Picture,
    Said,
    Section,
    Table,
    latex,
    markdown,
    sources_of,
    web,
)

SECTIONS = [
    Section(
        "Loss & more",
        [
            Said("The share is 5 % of a_b.", ("dice1945measures", "holm1979multiple")),
            Said("No source."),
        ],
        [Table("Of 3 patients.", ["Label", "Dice, mm"], [["left_liver", "0.9 [0.8, 1.0]"]])],
        ["Who drew it?"],
    ),
    Section("Again", [Said("Once more.", ("dice1945measures",))]),
]


def test_sources_are_named_once_in_their_order():
    assert sources_of(SECTIONS) == ["dice1945measures", "holm1979multiple"]


def test_markdown_cites_before_the_full_stop_and_escapes():
    text = markdown("A_study", SECTIONS)
    assert r"The share is 5 % of a\_b [@dice1945measures; @holm1979multiple]. No source." in text
    assert r"| left\_liver | 0.9 \[0.8, 1.0\] |" in text
    assert "- **To be said:** Who drew it?" in text


def test_latex_escapes_what_would_not_compile():
    text = latex("A_study", SECTIONS)
    assert r"\section{Loss \& more}" in text
    assert r"The share is 5 \% of a\_b~\cite{dice1945measures,holm1979multiple}." in text
    assert r"left\_liver & 0.9 [0.8, 1.0] \\" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert r"\bibliography{references}" in text


def test_latex_without_sources_asks_for_no_bibliography():
    assert r"\bibliography" not in latex("A", [Section("B", [Said("C.")])])


class _Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_whole_and_numbers_its_sources():
    text = web("A <study>", SECTIONS)
    parser = _Balanced()
    parser.feed(text)
    assert parser.open == []
    assert "A &lt;study&gt;" in text
    assert html.escape("The share is 5 % of a_b [1, 2].") in text
    assert "Once more [1]." in text
    assert text.count("<li>") == 3  # a question and two sources


PICTURED = [Section("Figures", pictures=[Picture("figures/dice-a", "Dice of a_b & 6 patients.")])]


def test_figures_stand_in_each_text_with_what_they_show():
    caption = r"![Dice of a\_b & 6 patients.](figures/dice-a.png)"
    assert caption in markdown("A", PICTURED)
    text = latex("A", PICTURED)
    assert "keepaspectratio]{figures/dice-a.pdf}" in text
    assert r"\caption{Dice of a\_b \& 6 patients.}" in text
    page = web("A", PICTURED)
    assert '<img src="figures/dice-a.png" alt="Figure 1">' in page
    assert "Figure 1. Dice of a_b &amp; 6 patients." in page


def test_latex_puts_many_figures_down_before_it_holds_too_many_back():
    many = [Picture(f"figures/{k}", "One.") for k in range(30)]
    text = latex("A", [Section("Figures", pictures=many)])
    assert max(part.count(r"\begin{figure}") for part in text.split(r"\clearpage")) <= 16
    assert text.count(r"\begin{figure}") == 30
