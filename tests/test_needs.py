"""What jobs ask for grows with what they hold, and covers what was measured."""

import pytest

from slicewise import components, needs
from slicewise.config import Content, Experiment, Recipe
from slicewise.dataset.shapes import Size

SMALL, LARGE = Size(96 * 96 * 30), Size(512 * 512 * 800)
HU = Content(intensity="hu", contiguous=True, labels={"l": [1]}, other_labels="refuse")
MR = HU.model_copy(update={"intensity": "arbitrary"})
RECIPE = Recipe(size=256)


def experiment(**blocks) -> Experiment:
    return Experiment.model_validate({"slices": "a", **blocks})


def train(sizes, labels=1, gpu=True, recipes=(RECIPE,), **blocks) -> int:
    return needs.train(sizes, experiment(**blocks), recipes, labels, gpu=gpu)


def predict(sizes, labels=1, recipe=RECIPE, models=1, **blocks) -> int:
    return needs.predict(sizes, experiment(**blocks), recipe, labels, models)


def test_what_is_counted_at_a_time_is_what_components_count():
    assert needs.COUNTED == components.BLOCK


def calibrate(sizes) -> int:
    return needs.calibrate(sizes, experiment(), RECIPE, 1)


def weights(sizes) -> int:
    beside = needs.weighed(1, 3)
    return needs.predict(sizes, experiment(), RECIPE, 1, 3, beside=beside)


def teach(sizes) -> int:
    return needs.teach(sizes, experiment(), RECIPE, 1)


RULES = {
    "phantom": needs.phantom,
    "convert": needs.convert,
    "ingest": needs.ingest,
    "look": needs.look,
    "slices": lambda sizes: needs.slices(sizes, HU),
    "train": train,
    "predict": predict,
    "calibrate": calibrate,
    "weights": weights,
    "teach": teach,
    "evaluate": needs.evaluate,
    "report": needs.report,
}


@pytest.mark.parametrize("rule", RULES)
def test_more_voxels_ask_for_more_and_few_for_the_least(rule):
    asked = [RULES[rule]([Size(512 * 512 * n)]) for n in (1, 2_000, 4_000, 8_000)]
    assert asked == sorted(asked)
    assert asked[-1] > asked[-2]
    assert RULES[rule]([]) == RULES[rule]([SMALL]) == asked[0]


@pytest.mark.parametrize("rule", RULES)
def test_the_largest_volume_counts_and_not_their_number(rule):
    assert RULES[rule]([LARGE, SMALL]) == RULES[rule]([LARGE]) == RULES[rule]([LARGE] * 30)


def test_a_whole_body_is_ingested_with_what_was_asked_for():
    """512 x 512 x 800, int16 and uint8, took 1,020 MB."""
    assert needs.ingest([LARGE]) >= 1.2 * 1020
    # stored in double precision, it is there twice while it is read
    assert needs.ingest([Size(LARGE.voxels, image=8, mask=8)]) > needs.ingest([LARGE]) + 2000
    assert needs.slices([LARGE], MR) > needs.slices([LARGE], HU)


def test_slices_in_millimetres_are_whole_where_they_are_predicted():
    """1 mm makes 500 pixels of 500 mm, whatever was stored and whatever is cut out."""
    fine, coarse = (Recipe(size=128, spacing=mm) for mm in (0.5, 2.0))
    assert predict([SMALL], 20, recipe=fine) > predict([SMALL], 20, recipe=coarse)
    whole = Recipe(size=500)
    one = Recipe(size=128, spacing=1.0)
    assert predict([SMALL], 20, recipe=one) == predict([SMALL], 20, recipe=whole)
    crops = {"training": {"batch": 40}}
    assert train([SMALL], gpu=False, recipes=(one,), **crops) < train(
        [SMALL], gpu=False, recipes=(whole,), **crops
    )
    assert train([SMALL], gpu=False, recipes=(one,), **crops) > train(
        [SMALL], gpu=False, recipes=(Recipe(size=128),), **crops
    )


def test_a_training_that_fits_weights_of_planes_holds_what_each_says():
    planes = {"planes": ["axial", "coronal", "sagittal"]}
    fitted = train([LARGE], inference={**planes, "weights": "fitted"})
    # 4 bytes of each of three planes, and of one of them twice more
    assert fitted * 1e6 > 1.2 * LARGE.voxels * 4 * 5
    assert train([LARGE], inference=planes) == train([LARGE])


def test_a_training_that_tries_postprocessing_holds_what_is_averaged():
    steps = {"postprocessing": {"fill_holes": "auto"}}
    alone = train([LARGE], 20, **steps)
    for inference in ({"planes": ["axial", "coronal"]}, {"tilt": 20.0}):
        # two bytes of each label at least
        more = train([LARGE], 20, inference=inference, **steps) - alone
        assert more * 1e6 > LARGE.voxels * 40


def test_labels_ask_for_more_where_outputs_are_held():
    # of a validation only a batch's outputs, however long the scan
    assert train([LARGE], 104) - train([SMALL], 104) < 1500
    assert predict([LARGE], 104) > predict([LARGE], 2) + 2000
    planes = {"inference": {"planes": ["axial", "coronal"]}}
    assert predict([LARGE], 20, **planes) > predict([LARGE], 20) + 10_000
    assert train([SMALL], 104, gpu=False) > train([SMALL], 1, gpu=False)


def test_networks_ask_for_more_where_there_is_no_gpu():
    wide = {"network": {"filters": [64, 128, 256, 512]}}
    assert train([SMALL], gpu=False, **wide) > train([SMALL], gpu=True, **wide)
    twice = {"training": {"batch": 40}}
    assert train([SMALL], gpu=False, **twice) > 2 * train([SMALL], gpu=False)
    assert train([SMALL], gpu=False, recipes=(RECIPE, Recipe(size=512))) > 2 * train(
        [SMALL], gpu=False
    )
    # the activations of 16 to 256 filters on 10 slices of 256 x 256 took 1.3 GB, of 32 to 256 2.6
    for filters, measured in (([16, 32, 64, 128, 256], 2213), ([32, 64, 128, 256], 3462)):
        assert train([SMALL], gpu=False, network={"filters": filters}) > measured


def test_blocks_ask_for_as_much_as_their_slices():
    block = {"filters": [16, 32, 64, 128], "dimensions": 3, "block": 32}
    flat = {"filters": [16, 32, 64, 128]}
    assert train([SMALL], gpu=False, network=block) >= train(
        [SMALL], gpu=False, network=flat, training={"batch": 320}
    )
    assert predict([LARGE], 20, network=block) > predict([LARGE], 20, network=flat)


def test_slices_as_they_are_have_the_size_of_the_volume():
    whole = Recipe(size=None)
    assert predict([Size(10**7, 2048 * 2048)], recipe=whole) > predict([Size(10**7)], recipe=whole)
    every = Recipe(every=4)
    assert predict([Size(10**7, 2048 * 2048)], recipe=every) <= predict(
        [Size(10**7, 2048 * 2048)], recipe=whole
    )


def test_tables_ask_by_the_number_of_cases():
    assert needs.cases(10) == 1000
    assert needs.data(10) == 2000
    assert needs.data(20_000) > 20_000
    assert needs.cases(20_000) > 6000
