"""Text with sources and tables, as Markdown, LaTeX and HTML say it."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from slicewise.publish.sources import SOURCES


@dataclass(frozen=True)
class Said:
    """A sentence, and the sources that stand behind it.

    Attributes
    ----------
    text : str
        Plain words, with its full stop.
    sources : tuple of str
        Keys of `SOURCES`.
    """

    text: str
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table with its caption, if it has one; numbers are texts already."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A figure beside the text.

    Attributes
    ----------
    file : str
        Its path without the ending: LaTeX takes the PDF, which is sharp at any size, and the
        others the PNG, which every word processor shows.
    caption : str
        Sentences.
    """

    file: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading, with a paragraph, tables, figures and questions to the author below it."""

    title: str
    said: Sequence[Said] = ()
    tables: Sequence[Table] = ()
    questions: Sequence[str] = field(default=())
    pictures: Sequence[Picture] = ()


def percent(share: float) -> str:
    """Return a share as a whole number of percent."""
    return f"{share * 100:.0f} %"


def together(items: Sequence[str]) -> str:
    """Name all of some things, the last after an *and*.

    Examples
    --------
    >>> together(["ann"]), together(["ann", "ben", "cem"])
    ('ann', 'ann, ben and cem')
    """
    *others, last = items
    return f"{', '.join(others)} and {last}" if others else last


def sources_of(sections: Iterable[Section]) -> list[str]:
    """Return the keys of all sources, in the order in which they are first named."""
    keys = [key for each in sections for said in each.said for key in said.sources]
    return list(dict.fromkeys(keys))


# --- Markdown ------------------------------------------------------------------------------

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>#|"})


def markdown(title: str, sections: Sequence[Section]) -> str:
    """Return it as Markdown with the citations of pandoc, ``[@key]``."""
    parts = [f"# {title.translate(_MARKS)}"]
    for each in sections:
        parts.append(f"## {each.title.translate(_MARKS)}")
        if each.said:
            parts.append(" ".join(_cited_markdown(said) for said in each.said))
        parts += [_table_markdown(table) for table in each.tables]
        parts += [f"![{one.caption.translate(_MARKS)}]({one.file}.png)" for one in each.pictures]
        if each.questions:
            parts.append("\n".join(f"- **To be said:** {q}" for q in each.questions))
    return "\n\n".join(parts) + "\n"


def _cited_markdown(said: Said) -> str:
    text = said.text.translate(_MARKS)
    if not said.sources:
        return text
    return f"{text[:-1]} [{'; '.join(f'@{key}' for key in said.sources)}]{text[-1]}"


def _table_markdown(table: Table) -> str:
    rows = [table.head, ["---"] * len(table.head), *table.rows]
    lines = [
        "| " + " | ".join(cell if row is rows[1] else cell.translate(_MARKS) for cell in row) + " |"
        for row in rows
    ]
    caption = ["", f": {table.caption.translate(_MARKS)}"] if table.caption else []
    return "\n".join([*lines, *caption])


# --- LaTeX ---------------------------------------------------------------------------------

_ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{mark: f"\\{mark}" for mark in "&%$#_{}"},
        "×": r"$\times$",
        "−": r"$-$",
        "±": r"$\pm$",
        "–": "--",
        "≤": r"$\leq$",
        "<": r"$<$",
        ">": r"$>$",
    }
)


def latex(title: str, sections: Sequence[Section]) -> str:
    """Return it as a LaTeX document that needs nothing beyond the packages of LaTeX itself."""
    parts = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{array,booktabs,graphicx,longtable}",
        r"\usepackage[margin=25mm]{geometry}",
        r"\begin{document}",
        rf"\title{{{title.translate(_ESCAPED)}}}",
        r"\maketitle",
    ]
    for each in sections:
        parts.append(rf"\section{{{each.title.translate(_ESCAPED)}}}")
        if each.said:
            parts.append(" ".join(_cited_latex(said) for said in each.said))
        parts += [_table_latex(table) for table in each.tables]
        parts += _pictures_latex(each.pictures)
        if each.questions:
            items = "\n".join(
                rf"\item \textbf{{To be said:}} {q.translate(_ESCAPED)}" for q in each.questions
            )
            parts.append(f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}")
    if sources_of(sections):
        parts += [r"\bibliographystyle{plain}", r"\bibliography{references}"]
    return "\n\n".join([*parts, r"\end{document}"]) + "\n"


def _cited_latex(said: Said) -> str:
    text = said.text.translate(_ESCAPED)
    if not said.sources:
        return text
    return rf"{text[:-1]}~\cite{{{','.join(said.sources)}}}{text[-1]}"


WAITING = 12
"""Figures that LaTeX may hold back for a later page, of 18 that it can in its oldest versions."""


def _pictures_latex(pictures: Sequence[Picture]) -> list[str]:
    parts = []
    for number, one in enumerate(pictures, start=1):
        lines = [
            r"\begin{figure}[htbp]",
            r"\centering",
            r"\includegraphics[width=\linewidth,height=0.4\textheight,keepaspectratio]"
            f"{{{one.file}.pdf}}",
            rf"\caption{{{one.caption.translate(_ESCAPED)}}}",
            r"\end{figure}",
        ]
        parts.append("\n".join(lines))
        if number % WAITING == 0 or number == len(pictures):
            parts.append(r"\clearpage")
    return parts


LONG = 40
"""Characters of a cell from which on the columns of its table break lines."""
LEAST = 14
MOST = 80
"""Characters that the width of such a column follows, at least and at most."""
GAP = 0.03
"""Between two columns, as a share of the line."""


def _table_latex(table: Table) -> str:
    """Return a table that goes over several pages where its rows need them."""
    rows = [" & ".join(cell.translate(_ESCAPED) for cell in row) + r" \\" for row in table.rows]
    head = " & ".join(cell.translate(_ESCAPED) for cell in table.head) + r" \\"
    caption = rf"\caption{{{table.caption.translate(_ESCAPED)}}}\\" if table.caption else ""
    lines = [
        rf"{{\small\begin{{longtable}}{{{_columns(table)}}}",
        caption,
        r"\toprule",
        head,
        r"\midrule",
        r"\endhead",
        *rows,
        r"\bottomrule",
        r"\end{longtable}}",
    ]
    return "\n".join(line for line in lines if line)


def _columns(table: Table) -> str:
    """Return the kinds of columns: text from the left, numbers from the right, or in lines."""
    widths = [max(map(len, column)) for column in zip(table.head, *table.rows, strict=True)]
    if max(widths) <= LONG:
        return "l" + "r" * (len(widths) - 1)
    followed = [min(max(width, LEAST), MOST) for width in widths]
    whole = (1 - GAP * len(widths)) / sum(followed)
    ragged = r">{\raggedright\arraybackslash}"
    return "".join(rf"{ragged}p{{{whole * width:.3f}\linewidth}}" for width in followed)


# --- HTML ----------------------------------------------------------------------------------


STYLE = (
    "body{max-width:60em;margin:2em auto;padding:0 1em;line-height:1.45}"
    "table{border-collapse:collapse;margin:1em 0}caption{text-align:left;font-style:italic}"
    "figure{margin:1.5em 0}figcaption{font-style:italic}img{max-width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.25em .6em;border-bottom:1px solid #bbb}"
)


def web(title: str, sections: Sequence[Section]) -> str:
    """Return it as HTML that a word processor opens, with numbered sources at the end."""
    keys = sources_of(sections)
    shown = 0
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        f"<style>{STYLE}</style></head>",
        f"<body><h1>{html.escape(title)}</h1>",
    ]
    for each in sections:
        parts.append(f"<h2>{html.escape(each.title)}</h2>")
        if each.said:
            parts.append(f"<p>{' '.join(_cited_web(said, keys) for said in each.said)}</p>")
        parts += [_table_web(table) for table in each.tables]
        for picture in each.pictures:
            shown += 1
            parts.append(_picture_web(picture, shown))
        if each.questions:
            items = "".join(f"<li><b>To be said:</b> {html.escape(q)}</li>" for q in each.questions)
            parts.append(f"<ul>{items}</ul>")
    if keys:
        items = "".join(f"<li>{html.escape(SOURCES[key].reference)}</li>" for key in keys)
        parts.append(f"<h2>References</h2><ol>{items}</ol>")
    return "\n".join([*parts, "</body></html>"]) + "\n"


def _cited_web(said: Said, keys: Sequence[str]) -> str:
    text = html.escape(said.text)
    if not said.sources:
        return text
    numbers = ", ".join(str(keys.index(key) + 1) for key in said.sources)
    return f"{text[:-1]} [{numbers}]{text[-1]}"


def _picture_web(picture: Picture, number: int) -> str:
    caption = f"Figure {number}. {html.escape(picture.caption)}"
    image = f'<img src="{picture.file}.png" alt="Figure {number}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _table_web(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{html.escape(table.caption)}</caption>" if table.caption else ""
    return f"<table>{caption}<tr>{head}</tr>{rows}</table>"
