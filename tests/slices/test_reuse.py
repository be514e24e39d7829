"""Whatever changes between two runs, what is kept is what would be made from nothing."""

import tempfile
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slicewise.config import Content, Recipe
from slicewise.dataset.describe import CaseFiles
from slicewise.dataset.ingest import ingest
from slicewise.errors import SeveralErrors, SlicewiseError
from slicewise.files import digest, read_json
from slicewise.slices.cases import cut_case
from slicewise.slices.folder import SliceFolder

VALUES = {"liver": [[1], [1, 3]], "tumour": [[2], [2, 3]], "cyst": [[3], [4]]}


@st.composite
def contents(draw) -> Content:
    names = draw(st.permutations(list(VALUES)))[: draw(st.integers(1, 3))]
    return Content(
        intensity=draw(st.sampled_from(["hu", "arbitrary"])),
        contiguous=draw(st.booleans()),
        labels={name: draw(st.sampled_from(VALUES[name])) for name in names},
        other_labels=draw(st.sampled_from(["refuse", "background"])),
    )


RECIPES = st.one_of(
    st.builds(
        Recipe,
        plane=st.sampled_from(["axial", "coronal", "sagittal"]),
        size=st.sampled_from([None, 16, 17]),
        tilt=st.sampled_from([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]),
    ),
    st.builds(Recipe, every=st.sampled_from([1, 2])),
)
STEPS = st.tuples(
    contents(),
    RECIPES,
    st.sampled_from(["code 1", "code 2"]),
    st.integers(0, 1),  # which image
    st.integers(0, 1),  # which mask
    st.sampled_from(["anna", "berta"]),
)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, list[Path]]:
    """Two images and two masks on one grid, the second mask with its labels exchanged."""
    folder, random = tmp_path_factory.mktemp("volumes"), np.random.default_rng(0)
    x, y, z = np.indices((20, 18, 6))
    mask = np.zeros((20, 18, 6), np.uint8)
    mask[(x < 9) & (z > 0)], mask[(x >= 9) & (y < 9)], mask[(x > 9) & (y > 12)] = 1, 2, 3
    found: dict[str, list[Path]] = {"image": [], "mask": []}
    for k in range(2):
        image = random.integers(-100, 150, mask.shape).astype(np.int16)
        image[0, 0] = -900
        for kind, array in (("image", image), ("mask", np.array([0, 1, 2, 3], np.uint8)[mask])):
            path = folder / f"{kind}-{k}.nii.gz"
            nib.save(nib.Nifti1Image(array, np.diag([1, 1, 3, 1])), path)
            found[kind].append(path)
        mask = np.array([0, 2, 1, 3], np.uint8)[mask]
    return found


def made(step: tuple[Any, ...], files: dict[str, list[Path]], root: Path) -> Any:
    """Ingest and cut one case as the workflow does; return all that is stored, or what is said."""
    content, recipe, code, image_number, mask_number, patient = step
    image, mask = files["image"][image_number], files["mask"][mask_number]
    case = CaseFiles("a", patient, image, mask, {"image": [image], "mask": [mask]})
    folder = SliceFolder.below(root / "slices", "a")
    try:
        (case_record,) = ingest([case], content, code, root / "cases")
        version = digest([case_record.made_from, code])
        cut = cut_case(
            image, mask, content, recipe, folder, version=version, case_record=case_record
        )
    except SeveralErrors as error:
        return [str(each) for each in error.errors]
    except SlicewiseError as error:
        return str(error)
    arrays = [np.load(path, allow_pickle=False).tolist() for path in (folder.image, folder.mask)]
    return case_record, cut, arrays, read_json(folder.geometry)


def changed(step: tuple[Any, ...], what: str, other: tuple[Any, ...]) -> tuple[Any, ...]:
    """Change one thing of a step, to that of another where it is not the order of labels."""
    content = step[0]
    if what == "order":
        turned = dict(reversed(content.labels.items()))
        return (content.model_copy(update={"labels": turned}), *step[1:])
    if what in Content.model_fields:
        update = {what: getattr(other[0], what)}
        return (content.model_copy(update=update), *step[1:])
    if what == "all":
        return other
    position = ("content", "recipe", "code", "image", "mask", "patient").index(what)
    return (*step[:position], other[position], *step[position + 1 :])


CHANGES = [*Content.model_fields, "order", "recipe", "code", "image", "mask", "patient", "all"]


@pytest.mark.parametrize("what", CHANGES)
@given(STEPS, STEPS)
@settings(max_examples=5, deadline=None)
def test_after_any_change_what_is_kept_is_what_is_made_from_nothing(files, what, first, other):
    second = changed(first, what, other)
    with tempfile.TemporaryDirectory() as kept, tempfile.TemporaryDirectory() as fresh:
        made(first, files, Path(kept))
        assert made(second, files, Path(kept)) == made(second, files, Path(fresh))


@pytest.mark.parametrize("names", [["liver", "tumour"], ["liver", "tumour", "cyst"]])
def test_labels_in_another_order_are_cut_with_their_new_numbers(files, names, tmp_path):
    numbers = []
    for order in (names, names[::-1]):
        labels = {name: VALUES[name][0] for name in order}
        content = Content(intensity="hu", contiguous=True, labels=labels, other_labels="background")
        _, _, (_, mask), _ = made((content, Recipe(), "1", 0, 0, "p"), files, tmp_path)
        numbers.append(np.asarray(mask))
    turned = np.array([0, *range(len(names), 0, -1)])
    np.testing.assert_array_equal(numbers[1], turned[numbers[0]])
