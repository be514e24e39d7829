"""The sources of methods."""

from __future__ import annotations

import re

import pytest

from slicewise.publish.sources import SOURCES, bibtex


def test_each_entry_is_named_by_author_and_year():
    for key, source in SOURCES.items():
        first, year = re.fullmatch(r"([a-z]+)(\d{4})[a-z]+", key).groups()
        assert int(year) == source.year
        family = source.authors.split(",")[0].lower().replace("ç", "c").replace("ö", "o")
        assert family.replace(" ", "").replace("é", "e").startswith(first[:4])


@pytest.mark.parametrize("key", sorted(SOURCES))
def test_an_entry_is_whole(key):
    text = bibtex([key])
    assert text.count("{") == text.count("}")
    assert text.startswith(f"@{SOURCES[key].kind}{{{key},")
    # whoever is not named is one of several: "and others" is what BibTeX writes et al. for
    assert "et al" not in text


def test_a_reference_reads_as_in_a_list():
    assert SOURCES["dice1945measures"].reference == (
        "Dice, Lee R. Measures of the amount of ecologic association between species. Ecology 26, "
        "297–302 (1945)."
    )
    assert SOURCES["kingma2015adam"].reference.startswith("Kingma, Diederik P.; Ba, Jimmy. Adam")
    assert "Hanke, Michael et al. NiBabel" in SOURCES["brett2024nibabel"].reference
