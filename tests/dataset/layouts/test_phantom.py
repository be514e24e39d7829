"""Phantoms are named before they are made."""

from slicewise.dataset.finding import find_cases
from tests.layouts import dataset


def test_phantoms_have_no_source_and_more_of_them_rename_none(tmp_path):
    def names(count: int) -> list[str]:
        settings = dataset("phantom", root=None, phantom={"cases": count})
        return [case.name for case in find_cases(settings, tmp_path)]

    assert names(3) == ["phantom_001", "phantom_002", "phantom_003"]
    assert names(12)[:3] == names(3)
    cases = find_cases(dataset("phantom", root=None), tmp_path)
    assert not any(case.image or case.needs_conversion for case in cases)
