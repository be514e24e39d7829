"""Models are asked about people whom they have not seen."""

import pytest

from slicewise.dataset.unseen import check_all_unseen, check_unseen
from slicewise.errors import SlicewiseError
from tests.trained import record_of

USED = record_of("a1", "a", "w").model_copy(
    update={"train": ["a1", "b1"], "patients": {"a1": "a", "b1": "b"}}
)


def test_a_stranger_may_be_predicted():
    check_unseen("c1", "c", "fold-0", USED)


def test_what_a_model_was_trained_on_is_refused_whatever_it_is_called_now():
    with pytest.raises(SlicewiseError, match="case a1: the model in fold-1 was trained on a1"):
        check_unseen("a1", "z", "fold-1", USED)
    with pytest.raises(SlicewiseError, match=r"b2: .* trained on b1, of the same patient \(b\)"):
        check_unseen("b2", "b", "fold-1", USED)


def test_a_training_that_did_not_note_patients_is_known_by_its_cases():
    bare = USED.model_copy(update={"train": ["b1"], "patients": {}})
    check_unseen("b2", "b", "fold-0", bare)
    with pytest.raises(SlicewiseError, match="b1"):
        check_unseen("b1", "b", "fold-0", bare)


def test_all_are_looked_at():
    check_all_unseen({"c1": "c", "d1": "d"}, "fold-0", USED)
    with pytest.raises(SlicewiseError, match=r"case b3: .* trained on b1"):
        check_all_unseen({"c1": "c", "b3": "b"}, "fold-0", USED)
