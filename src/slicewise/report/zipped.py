"""Links from page to page that also hold in the archive of ``snakemake --report``.

There each page lies in a folder of its own, which is called by the first digits of the SHA-256 of
its path.
"""

from __future__ import annotations

import hashlib
import posixpath

from markupsafe import Markup


def linked(target: str, page: str) -> Markup:
    """Return the attributes of a link.

    Parameters
    ----------
    target : str
        The page that it leads to, relative to this one, as in a URL.
    page : str
        This page's file, as Snakemake calls it; empty where Snakemake does not know it.

    Returns
    -------
    Markup
        ``href``, and ``data-zipped``: the digest of the target's path, by which ``page.js`` finds
        it in an archive.

    Examples
    --------
    >>> print(linked("../comparison.html", ""))
    href="../comparison.html"
    """
    attributes = Markup('href="{}"').format(target)
    if not page:
        return attributes
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
    # as `snakemake.common.get_report_id` has it
    digest = hashlib.sha256(path.encode()).hexdigest()
    return attributes + Markup(' data-zipped="{}"').format(digest)
