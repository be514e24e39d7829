"""The checklist TRIPOD+AI."""

from __future__ import annotations

from slicewise.publish.tripod import TRIPOD


def test_all_items_are_there():
    # 27 items with parts: 52 in all (Collins et al., BMJ 2024)
    assert len(TRIPOD.items) == 52
    heads = list(dict.fromkeys(int(item.number.rstrip("abcdefg")) for item in TRIPOD.items))
    assert sorted(heads) == list(range(1, 28))
