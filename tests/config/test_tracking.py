"""The block `tracking`."""

import subprocess
import sys

from slicewise.config import load_settings
from tests.settings import LEAST, changed, fault


def test_no_model_is_registered_unless_that_is_said():
    assert load_settings(LEAST).tracking.register is False
    assert load_settings(changed("tracking/register", True)).tracking.register is True


def test_a_mistake_names_its_key_and_what_is_allowed():
    assert "tracking.register is 1" in fault(changed("tracking/register", 1))
    assert "did you mean register?" in fault(changed("tracking/registr", True))


def test_the_name_of_the_setting_warns_nobody():
    # pydantic would, as abstract classes have a method of this name
    code = "import slicewise.config"
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
