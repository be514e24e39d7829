"""Links that hold beside each other and in the archive of Snakemake."""

import pytest
from snakemake.common import get_report_id

from slicewise.report.zipped import linked


@pytest.mark.parametrize(
    ("page", "target", "path"),
    [
        ("results/two/comparison.html", "plain/report.html", "results/two/plain/report.html"),
        ("results/two/plain/report.html", "../comparison.html", "results/two/comparison.html"),
        ("below/results/two/index.html", "data.html", "below/results/two/data.html"),
    ],
)
def test_a_link_knows_where_snakemake_puts_the_page(page, target, path):
    assert linked(target, page) == f'href="{target}" data-zipped="{get_report_id(path)}"'


def test_a_page_that_snakemake_does_not_make_has_links_alone():
    assert linked('a "b"/report.html', "") == 'href="a &#34;b&#34;/report.html"'
