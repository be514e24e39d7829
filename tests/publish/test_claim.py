"""The checklist CLAIM."""

from __future__ import annotations

from slicewise.publish.checklist import counted, sections, table
from slicewise.publish.claim import CLAIM
from tests.publish.test_answers import gathered


def test_most_of_claim_is_filled_from_records(tmp_path):
    answered = CLAIM.answers([gathered(tmp_path)])
    filled = [item for item, each in answered if each.status != "asked"]
    assert len(filled) >= 0.6 * len(answered)
    told = table(answered)
    assert len(told) == 44
    assert counted(answered).startswith("Of 44 items, records answer ")
    text = sections(CLAIM, answered)
    assert sum(len(part.tables[0].rows) for part in text[1:]) == 44


def test_all_items_are_there_in_their_order():
    assert [item.number for item in CLAIM.items] == [str(n) for n in range(1, 45)]
