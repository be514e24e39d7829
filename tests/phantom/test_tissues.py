"""What tissues measure, and the order in which they are painted."""

import numpy as np
import pytest

from slicewise.phantom.tissues import LABELS, PARTS, PHASES, draw_tissues

DRAWN = [draw_tissues(np.random.default_rng(seed)) for seed in range(60)]


def test_all_that_is_painted_has_a_tissue():
    assert {part.tissue for part in PARTS} <= DRAWN[0].keys()


def test_each_organ_has_its_own_label():
    own = {part.shape: part.label for part in PARTS if part.label}
    assert own == LABELS


@pytest.mark.parametrize("inner", ["lesion", "portal tree", "kidney medulla", "stomach gas"])
def test_what_lies_in_an_organ_keeps_its_label(inner):
    assert {part.label for part in PARTS if part.shape == inner} == {None}


def test_inner_parts_are_painted_later():
    order = [part.shape for part in PARTS]
    for outer, inner in [
        *(("skin", "fat"), ("fat", "muscle"), ("muscle", "cavity"), ("liver", "lesion")),
        *(("stomach", "stomach gas"), ("vertebra", "marrow"), ("kidneys", "kidney medulla")),
        ("lesion rim", "lesion"),
    ]:
        assert order.index(outer) < order.index(inner)


def test_tissues_lie_within_the_ranges_of_a_phase():
    for tissues in DRAWN:
        assert any(
            all(
                low <= tissues[name].hu <= high
                for name, (low, high) in phase.items()
                if name != "wall"
            )
            for phase in PHASES.values()
        )


def test_tissues_are_in_the_order_of_their_density():
    for tissues in DRAWN:
        hu = [
            tissues[name].hu
            for name in ("gas", "lung", "fat", "water", "muscle", "marrow", "cortical bone")
        ]
        assert hu == sorted(hu)
        assert tissues["lesion"].hu < tissues["liver"].hu < tissues["rim"].hu


def test_most_scans_are_of_the_portal_phase():
    portal = [tissues["liver"].hu >= 88 and tissues["portal"].hu >= 150 for tissues in DRAWN]
    assert 0.45 < np.mean(portal) < 0.85
