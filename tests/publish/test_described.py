"""What the data are and how they were split, in sentences."""

from __future__ import annotations

from tests.publish.test_methods import gathered, text_of


def test_the_data_are_counted_and_measured(tmp_path):
    said = text_of(gathered(tmp_path), "Data")
    assert "has 8 cases of 8 patients: CT in Hounsfield units, with ground truth of liver." in said
    assert "The finest side of a voxel is 0.8 (0.6 to 0.8) mm, the coarsest 5 (2.5 to 5) mm" in said
    assert "volumes have 0.0819 million voxels" in said
    assert "liver is drawn in 8 of 8 cases, with 1,500 ml." in said


def test_the_split_is_counted_by_patients(tmp_path):
    said = text_of(gathered(tmp_path), "Split")
    assert "2 patients (2 cases) for training; 6 patients (6 cases) for testing." in said
    assert "seed" not in said  # nothing is recorded of how it was drawn
