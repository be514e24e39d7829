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
    """A table with its caption; numbers are texts already."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A heading, with a paragraph, tables and questions to the author below it."""

    title: str
    said: Sequence[Said] = ()
    tables: Sequence[Table] = ()
    questions: Sequence[str] = field(default=())


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
    return "\n".join([*lines, "", f": {table.caption.translate(_MARKS)}"])


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
    """Return it as a LaTeX document that needs no package but booktabs."""
    parts = [
        r"\documentclass{article}",
        r"\usepackage[utf8]{inputenc}",
        r"\usepackage[T1]{fontenc}",
        r"\usepackage{booktabs}",
        r"\begin{document}",
        rf"\title{{{title.translate(_ESCAPED)}}}",
        r"\maketitle",
    ]
    for each in sections:
        parts.append(rf"\section{{{each.title.translate(_ESCAPED)}}}")
        if each.said:
            parts.append(" ".join(_cited_latex(said) for said in each.said))
        parts += [_table_latex(table) for table in each.tables]
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


def _table_latex(table: Table) -> str:
    rows = [" & ".join(cell.translate(_ESCAPED) for cell in row) + r" \\" for row in table.rows]
    head = " & ".join(cell.translate(_ESCAPED) for cell in table.head) + r" \\"
    columns = "l" + "r" * (len(table.head) - 1)
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{table.caption.translate(_ESCAPED)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        head,
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


# --- HTML ----------------------------------------------------------------------------------


def web(title: str, sections: Sequence[Section]) -> str:
    """Return it as HTML that a word processor opens, with numbered sources at the end."""
    keys = sources_of(sections)
    parts = [
        "<!DOCTYPE html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>',
        f"<body><h1>{html.escape(title)}</h1>",
    ]
    for each in sections:
        parts.append(f"<h2>{html.escape(each.title)}</h2>")
        if each.said:
            parts.append(f"<p>{' '.join(_cited_web(said, keys) for said in each.said)}</p>")
        parts += [_table_web(table) for table in each.tables]
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


def _table_web(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.head)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    caption = html.escape(table.caption)
    return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>"
