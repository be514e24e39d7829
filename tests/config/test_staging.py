"""The block `staging`."""

from slicewise.config import load_settings
from tests.settings import LEAST, changed, fault


def test_nothing_is_staged_unless_that_is_said():
    assert load_settings(LEAST).staging.slices is False
    assert load_settings(changed("staging/slices", True)).staging.slices is True


def test_a_mistake_names_its_key_and_what_is_allowed():
    assert 'staging.slices is "yes"' in fault(changed("staging/slices", "yes"))
    assert "did you mean slices?" in fault(changed("staging/slice", True))
