"""A study to ask."""

import pytest

from slicewise.study import Study
from tests.study.studies import study_of


@pytest.fixture
def study() -> Study:
    return study_of()
