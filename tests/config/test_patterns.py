"""Patterns of paths say of a file what they say, and are refused where they say nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slicewise.config.patterns import Pattern

NAMES = st.from_regex(r"[A-Za-z0-9]{1,6}", fullmatch=True)


@pytest.mark.parametrize(
    ("pattern", "path", "parts"),
    [
        ("*_orig.nii.gz", "p1_orig.nii.gz", {"case": "p1"}),
        ("*/imaging.nii.gz", "case_1/imaging.nii.gz", {"case": "case_1"}),
        ("img/img{case}.nii.gz", "img/img0001.nii.gz", {"case": "0001"}),
        ("{case}/{case}_ct.nii.gz", "p1/p1_ct.nii.gz", {"case": "p1"}),
        ("{case}/{case}_ct.nii.gz", "p1/p2_ct.nii.gz", None),
        ("{patient}/*/ct.nii.gz", "p1/2001-01-01/ct.nii.gz", {"patient": "p1"}),
        ("{patient}/*/ct.nii.gz", "p1/a/b/ct.nii.gz", None),
        ("{patient}_{case}.nii", "a_b_c.nii", {"patient": "a_b", "case": "c"}),
        ("{case}[1].nii", "p1[1].nii", {"case": "p1"}),
        ("{case}?.nii", "p1x.nii", None),
        ("{case}.nii", "a/b.nii", None),
        ("*.nii", "pXnii", None),
    ],
)
def test_a_path_tells_what_the_pattern_names(pattern, path, parts):
    assert Pattern(pattern).parts_of(path) == parts


@given(NAMES, NAMES, NAMES)
def test_what_was_put_in_comes_out(patient, case, frame):
    pattern = Pattern("{patient}/in/{case}_frame{frame}.nii.gz")
    path = f"{patient}/in/{case}_frame{frame}.nii.gz"
    assert pattern.parts_of(path) == {"patient": patient, "case": case, "frame": frame}


@pytest.mark.parametrize(
    "name", ["a.nii", "x[1].nii", "y?.nii", "sub/a.nii", "sub/deep/a.nii", "ab.nii"]
)
@pytest.mark.parametrize("pattern", ["*.nii", "x[{case}].nii", "{case}?.nii", "*/{case}.nii"])
def test_what_fits_is_found(tmp_path, name, pattern):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    found = [p.relative_to(tmp_path).as_posix() for p in tmp_path.glob(Pattern(pattern).glob)]
    assert Pattern(pattern).parts_of(name) is None or found == [name]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("imaging.nii.gz", "must say where the case's name is"),
        ("*/*.nii.gz", "must say where the case's name is"),
        ("{frame}.nii.gz", "must say whose"),
        ("{modality}.nii.gz", "has {modality}; in braces stand"),
        ("{case.nii.gz", "has a brace alone"),
        ("/{case}.nii.gz", "must be a path below the folder"),
        ("{case}/../x.nii.gz", "must be a path below the folder"),
        ("{case}//x.nii.gz", "must be a path below the folder"),
    ],
)
def test_what_tells_nothing_is_refused(pattern, why):
    with pytest.raises(ValueError, match=why.replace("{", r"\{")):
        Pattern(pattern)
