"""Checklists: every item is there, and nothing is answered that no record tells."""

from __future__ import annotations

import pytest

from slicewise.publish.claim import CLAIM
from slicewise.publish.tripod import TRIPOD
from tests.publish.test_answers import gathered


@pytest.mark.parametrize("checklist", [CLAIM, TRIPOD], ids=lambda each: each.name)
def test_questions_are_questions_and_answers_say_where_they_stand(tmp_path, checklist):
    for item, each in checklist.answers([gathered(tmp_path)]):
        if each.status in ("asked", "in part"):
            assert each.text.endswith("?"), item
        if each.status in ("answered", "in part"):
            assert each.evidence, item
        else:
            assert item.number == "31" or not each.evidence or "fold" in each.evidence, item
        assert "None" not in each.text, item
