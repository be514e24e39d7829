"""Histograms of a data set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.dataset.looked import QUANTILES, quantiles
from slicewise.report import histograms
from tests.looks import label_look, seen, seen_case

RANDOM = np.random.default_rng(0)


def test_a_density_from_quantiles_is_that_of_the_voxels():
    cases = [RANDOM.normal(mean, 20, 50_000) for mean in (40, 80)]
    edges = np.linspace(-50, 170, 45)
    found = histograms.density([quantiles(each) for each in cases], edges)
    counts = sum(np.histogram(each, edges)[0] for each in cases)
    assert found.max() == 1
    assert found == pytest.approx(counts / counts.max(), abs=0.12)


def test_each_case_counts_the_same():
    edges = np.array([0.0, 1.0, 2.0, 3.0])
    few = quantiles(np.full(10, 0.5))
    many = quantiles(np.full(100_000, 2.5))
    assert histograms.density([few, many], edges).tolist() == [1, 0, 1]


@given(
    st.lists(st.sampled_from([-1000.0, 0.0, 30.0, 31.0]), min_size=QUANTILES, max_size=QUANTILES)
)
def test_values_that_many_voxels_share_are_no_trouble(values):
    stored = sorted(values)
    edges = np.linspace(-1000.5, 32, 200)
    found = histograms.density([stored], edges)
    assert (found >= 0).all()
    assert found.max() == 1


@given(st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=30))
def test_bins_hold_all_values(values):
    edges = histograms.bin_edges(values)
    assert (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == len(values)


def test_every_axis_has_a_panel_and_labels_that_somebody_has():
    cases = [seen_case("a"), seen_case("b", record={"ml": {"liver": 0.0}})]
    data = seen(cases, labels=["liver", "spleen"])
    assert [len(panel) for panel in histograms.spacing_panels(data).values()] == [2, 2, 2]
    assert next(iter(histograms.field_panels(data).values())) == [300.0, 300.0]
    assert histograms.volume_panels(data) == {"liver (1 of 2 cases)": [1500.0]}
    in_part = seen_case("c", record={"ml": {"liver": 20.0}, "undrawn": 0.9})
    panels = histograms.volume_panels(seen([*cases, in_part], labels=["liver"]))
    assert panels == {"liver (1 of 2 cases drawn as a whole)": [1500.0]}
    figure = histograms.histograms(histograms.spacing_panels(data), "mm")
    assert len(figure.axes) == 3
    assert figure.axes[-1].get_xlabel() == "mm"


def test_labels_with_long_names_have_a_panel_and_a_line_each():
    labels = ["subclavian_artery_left", "subclavian_artery_right"]
    held = {label: label_look() for label in labels}
    case = seen_case("a", look={"labels": held}, record={"ml": {labels[0]: 1.0, labels[1]: 2.0}})
    data = seen([case], labels=labels)
    assert list(histograms.volume_panels(data).values()) == [[1.0], [2.0]]
    (axes,) = histograms.intensities(data).axes
    assert len({text.get_text() for text in axes.get_legend().get_texts()}) == 3


def test_intensities_have_a_line_inside_and_an_area_outside():
    inside = {"liver": label_look(), "spleen": label_look(voxels=0, quantiles=[])}
    data = seen([seen_case("a", look={"labels": inside})], labels=["liver", "spleen"])
    (axes,) = histograms.intensities(data).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["outside", "in liver"]
    assert axes.get_xlabel() == "Hounsfield units"
    # the least and the most of all: neither is cut off
    low, high = axes.dataLim.intervalx
    assert low < -950
    assert high > 350


def test_a_data_set_of_one_value_can_be_drawn():
    flat = {"labels": {"liver": label_look(quantiles=[7.0] * QUANTILES)}, "outside": []}
    assert histograms.intensities(seen([seen_case("a", look=flat)])).axes
