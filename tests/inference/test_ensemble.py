"""Experiments that segment together: on one grid, weighed, and decided once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from slicewise.config import Context, Postprocessing, Recipe
from slicewise.errors import SlicewiseError
from slicewise.inference.assembled import assembled
from slicewise.inference.ensemble import Ensemble, Member
from slicewise.inference.predict import Request, mixed, predict_cases, predict_volume
from slicewise.inference.trust import Watch
from slicewise.volumes.nifti import read_nifti
from slicewise.volumes.volume import Volume
from slicewise.volumes.write import write_nifti
from tests.inference.test_predict import finished, mostly, phantom, probabilities

CORONAL = Recipe(plane="coronal", size=16).model_dump()
NONE = Postprocessing()


def together(*members: tuple[float, list], after: Postprocessing = NONE) -> Ensemble:
    made = [Member(f"m{k}", models, weight) for k, (weight, models) in enumerate(members)]
    return Ensemble(made, after)


@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("weights", [(1.0, 0.0), (0.5, 0.5), (0.25, 0.75)])
def test_the_same_model_twice_says_what_it_says_alone_to_the_bit(labels, weights):
    model = finished(labels)
    image = phantom(1)
    ensemble = together(*((weight, [model]) for weight in weights))
    np.testing.assert_array_equal(
        mixed(ensemble, image).mask(), predict_volume([model], image, batch=4)
    )


def test_members_of_other_planes_sizes_and_contexts_meet_on_the_grid_of_the_image():
    axial = finished(seed=3)
    coronal = finished(seed=4, recipe=CORONAL, context=Context(slices=3, mm=2.5).model_dump())
    image = phantom(2)
    mixture = mixed(together((0.3, [axial]), (0.7, [coronal])), image)
    mean = 0.3 * probabilities(axial, image) + 0.7 * probabilities(coronal, image, "coronal")
    mostly(mixture.mask(), mean)
    np.testing.assert_allclose(mixture.probabilities()["organ0"], mean[..., 0], atol=1e-6)


def test_folds_of_a_member_are_averaged_before_members_are_weighed():
    folds = [finished(seed=3), finished(seed=5)]
    other = finished(seed=4)
    image = phantom(3)
    mixture = mixed(together((0.6, folds), (0.4, [other])), image)
    own = (probabilities(folds[0], image) + probabilities(folds[1], image)) / 2
    mean = 0.6 * own + 0.4 * probabilities(other, image)
    np.testing.assert_allclose(mixture.probabilities()["organ0"], mean[..., 0], atol=1e-6)


def test_a_member_without_weight_is_not_asked(monkeypatch):
    useless = finished(seed=9)
    monkeypatch.setattr(type(useless), "predict_on_batch", None, raising=False)
    asked = finished(seed=3)
    monkeypatch.undo()
    ensemble = together((1.0, [asked]), (0.0, [useless]))
    assert [member.name for member in ensemble.counted] == ["m0"]


def test_its_own_threshold_and_postprocessing_count_and_not_those_of_members():
    member = {"threshold": 0.9, "largest_component": True, "fill_holes": False}
    models = [finished(seed=k, postprocessing=member) for k in (3, 4)]
    image = phantom(4)
    mean = sum(probabilities(model, image) for model in models) / 2
    threshold = float(np.quantile(mean, 0.9))
    plain = Postprocessing(threshold=threshold)
    plain = mixed(together(*((0.5, [m]) for m in models), after=plain), image).mask()
    mostly(plain, mean, threshold)
    largest = Postprocessing(threshold=threshold, largest_component=True)
    alone = mixed(together(*((0.5, [m]) for m in models), after=largest), image).mask()
    assert 0 < np.count_nonzero(alone) < np.count_nonzero(plain)


def test_how_sure_they_are_is_told_of_the_mean_and_of_what_each_decides():
    image = phantom(5)
    models = [finished(2, seed=k) for k in (3, 4)]
    ensemble = together(*((0.5, [model]) for model in models))
    watch = Watch(ensemble.card)
    mixture = mixed(ensemble, image)
    for mean, own in mixture.observed():
        watch.add(mean, own)
    together_mask = mixture.mask()
    dice = []
    for model in models:
        alone = predict_volume([model], image)
        both = np.count_nonzero((alone == 5) & (together_mask == 5))
        dice.append(
            2 * both / (np.count_nonzero(alone == 5) + np.count_nonzero(together_mask == 5))
        )
    assert watch.agreement["organ0"] == pytest.approx(min(dice))
    assert 0 < watch.confidence["organ0"] <= 1
    # of one member nothing differs
    watch = Watch(ensemble.card)
    for mean, own in mixed(together((1.0, [models[0]]), (0.0, [models[1]])), image).observed():
        watch.add(mean, own)
    assert watch.agreement == {}


def test_what_does_not_find_the_same_is_no_ensemble():
    with pytest.raises(SlicewiseError, match="m0 and m1 differ in labels"):
        together((0.5, [finished(1)]), (0.5, [finished(2)]))


def test_masks_are_written_on_the_grid_of_the_file_beside_those_of_single_models(tmp_path: Path):
    models = [finished(seed=k) for k in (3, 4)]
    image = Volume(phantom(6).array, np.diag([-0.8, 0.8, -2.5, 1.0]))
    write_nifti(tmp_path / "image.nii.gz", image)
    ensemble = together(*((0.5, [model]) for model in models))
    plain = Request("a", tmp_path / "image.nii.gz", tmp_path / "a.nii.gz", models[:1])
    request = Request(
        "b", tmp_path / "image.nii.gz", tmp_path / "b.nii.gz", models, ensemble=ensemble
    )
    masks = dict(predict_cases([plain, request]))
    assert masks.keys() == {"a", "b"}
    written, _ = read_nifti(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(written.array, masks["b"])
    np.testing.assert_allclose(written.affine, image.affine)
    np.testing.assert_array_equal(masks["b"], mixed(ensemble, image).mask())
    np.testing.assert_array_equal(masks["a"], assembled(models[:1], image).mask())
