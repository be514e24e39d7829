"""Sequences of a BIDS data set that may be channels of one image."""

import pytest
import yaml

from slicewise.config import load_settings
from slicewise.dataset.finding import find_cases
from slicewise.survey.bids_channels import beside
from slicewise.survey.init import Wanted, init
from slicewise.survey.layout import layout_of
from slicewise.survey.listing import list_folder
from slicewise.survey.looking import Looker
from tests.imitated import pair, scan, write


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    root = tmp_path / "data" / "ms"
    for n in range(1, 7):
        sub = f"sub-{n:02d}"
        image = root / sub / "anat" / f"{sub}_FLAIR.nii.gz"
        mask = root / "derivatives" / "lesions" / sub / "anat" / f"{sub}_desc-lesion_mask.nii.gz"
        pair(image, mask, n, "mr", (1, 1))
        if n < 6:
            write(image.with_name(f"{sub}_T1w.nii.gz"), scan(n, "mr")[0] + 50)
        # on other voxels, and no sequence
        write(image.with_name(f"{sub}_T2w.nii.gz"), scan(n, "mr", (20, 20, 9))[0])
        write(image.with_name(f"{sub}_angio.nii.gz"), scan(n, "mr")[0])
    return root


def test_sequences_on_the_same_voxels_are_channels_and_it_is_asked(place):
    path = init(Wanted(place), print)
    dataset = load_settings(yaml.safe_load(path.read_text())).dataset
    assert dataset.channels == ["FLAIR", "T1w"]
    assert dataset.exclude == ["sub-06"]
    cases = find_cases(dataset, place.parent)
    assert [file.name for file in cases[0].image] == [
        "sub-01_FLAIR.nii.gz",
        "sub-01_T1w.nii.gz",
    ]
    assert len(cases) == 5
    assert "# image: FLAIR" in path.read_text()
    # one image, as somebody answers
    answered = init(Wanted(place, force=True), print, lambda _: "2")
    dataset = load_settings(yaml.safe_load(answered.read_text())).dataset
    assert (dataset.channels, dataset.bids.image, dataset.exclude) == (None, "FLAIR", [])
    assert len(find_cases(dataset, place.parent)) == 6


def test_one_sequence_alone_makes_no_channels(place):
    for path in place.rglob("*_T1w.nii.gz"):
        path.unlink()
    found = layout_of(list_folder(place), Looker(place), "ms")
    assert found.channels == 1
    assert beside(found.cases, Looker(place)).names == ()
