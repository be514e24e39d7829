"""Names of labels."""

import json

import pytest

from slicewise.survey.listing import list_folder
from slicewise.survey.naming import label_name, names_in, structure_names, word_of_mask

FILES = {
    "dataset.json": json.dumps({"labels": {"0": "background", "1": "liver", "2": "tumour"}}),
    "v2.json": json.dumps({"labels": {"background": 0, "liver": 1, "tumour": 2}}),
    "plain.json": json.dumps({"1": "liver", "2": "tumour"}),
    "itksnap.txt": '################\n# ITK-SnAP\n    0  0 0 0  0 0 0 "Clear Label"\n'
    '    1  255 0 0  1 1 1 "liver"\n    2  0 255 0  1 1 1 "tumour"\n',
    "lut.txt": "#No. Name: R G B A\n0 Unknown 0 0 0 0\n1 liver 70 130 180 0\n2 tumour 1 2 3 0\n",
    "slicer.ctbl": "# Color\n0 background 0 0 0 0\n1 liver 221 130 101 255\n2 tumour 1 1 1 255\n",
    "labels.tsv": "index\tname\tcolor\n1\tliver\tred\n2\ttumour\tblue\n",
    "labels.csv": "Name;Label\nliver;1\ntumour;2\n",
    "lines.txt": "# of all masks\n\n1: liver\n2: tumour\n",
    "label_names.txt": "1: liver\n2: tumour\n",
    "organs.txt": "What the masks hold:\n1: liver\n2: tumour\n",
    "anatomy.csv": "id,name\n1,liver\n2,tumour\n",
    "labels_of_ct.csv": "index,name,notes\n1,liver,all of it\n2,tumour,\n",
    "case_1.txt": '    1  255 0 0  1 1 1 "liver"\n    2  0 255 0  1 1 1 "tumour"\n',
    "colours.csv": "id,name\n1,liver\n2,tumour\n",
    "what.csv": "id,name,R,G,B\n1,liver,1,2,3\n2,tumour,4,5,6\n",
}


@pytest.mark.parametrize("name", FILES)
def test_what_programs_write_is_read(tmp_path, name):
    (tmp_path / name).write_text(FILES[name])
    (tmp_path / "README.txt").write_text("Data of 2019, 3 sites.\n")
    (tmp_path / "patients.csv").write_text("id,age\n1,60\n2,70\n")
    named = names_in(list_folder(tmp_path), [1, 2])
    assert {n: named.names[n] for n in (1, 2)} == {1: "liver", 2: "tumour"}
    assert named.source == name


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_names_are_read_however_a_spreadsheet_stored_them(tmp_path, encoding, ends):
    (tmp_path / "labels.csv").write_text(FILES["labels.csv"], encoding=encoding, newline=ends)
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert names_in(list_folder(tmp_path), [1, 2]).names == {1: "liver", 2: "tumour"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("patients.csv", "ID,Name,Age\n1,Anna Smith,61\n2,Bert Jones,58\n"),
        ("study.csv", "Value,Name,Sex\n1,Anna Smith,F\n2,Bert Jones,M\n"),
        ("patient_labels.csv", "id,label\n1,benign\n2,malignant\n"),
        ("lesions.csv", "number,region,size_mm\n1,segment IV,12\n2,segment VI,30\n"),
        ("folds.csv", "index,class\n1,train\n2,test\n"),
        ("all.csv", "label,description\n1,venous\n2,native\n1,delayed\n"),
        ("patients.txt", "1: Anna Smith\n2: Bert Jones\n"),
        ("patients.json", '{"1": "Anna Smith", "2": "Bert Jones"}'),
        ("README.txt", "1: unpack the archive\n2: run convert\n"),
        ("how.txt", "What to do\n1: unpack the archive\n2: run convert\n"),
    ],
)
def test_patients_scans_and_steps_are_no_labels(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert names_in(list_folder(tmp_path), [1, 2]) is None


def test_a_file_that_names_other_values_names_none(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"1": "liver", "2": "tumour"}))
    assert names_in(list_folder(tmp_path), [205, 420, 850]) is None
    assert names_in(list_folder(tmp_path), []) is None


ITK = '0 0 0 0 0 0 0 "Clear Label"\n1 255 0 0 1 1 1 "{}"\n2 0 255 0 1 1 1 "{}"\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "1: {}\n2: {}\n"),
        ("labels.json", '{{"labels": {{"{}": 1, "{}": 2}}}}'),
        ("P1_itksnap.txt", ITK),
    ],
)
def test_files_that_call_a_value_differently_name_it_by_none(tmp_path, name, text):
    for site, names in (("A", ("Liver", "tumor")), ("B", ("tumor", "liver")), ("C", "liver tumor")):
        (tmp_path / site).mkdir()
        names = names.split() if isinstance(names, str) else names
        (tmp_path / site / name).write_text(text.format(*names))
    named = names_in(list_folder(tmp_path), [1, 2])
    assert named.names == {}
    assert named.disputed[1] == {"Liver": [f"A/{name}", f"C/{name}"], "tumor": [f"B/{name}"]}
    (tmp_path / "B" / name).unlink()
    named = names_in(list_folder(tmp_path), [1, 2])
    assert (named.names, named.disputed) == ({1: "Liver", 2: "tumor"}, {})


def test_a_name_of_another_value_elsewhere_is_none(tmp_path):
    for site, text in (("A", "1: liver\n3: spleen\n"), ("B", "2: liver\n3: spleen\n")):
        (tmp_path / site).mkdir()
        (tmp_path / site / "labels.txt").write_text(text)
    named = names_in(list_folder(tmp_path), [1, 2, 3])
    assert named.names == {3: "spleen"}
    assert set(named.disputed) == {1, 2}


def test_a_file_of_labels_is_not_doubted_for_other_numbers(tmp_path):
    (tmp_path / "labels.json").write_text('{"labels": {"liver": 1, "tumour": 2}}')
    (tmp_path / "scan.json").write_text('{"Phase": 1, "Series": 2}')
    (tmp_path / "itksnap.label").write_text(ITK.format("Label 1", "Label 2"))
    named = names_in(list_folder(tmp_path), [1, 2])
    assert (named.names, named.disputed) == ({1: "liver", 2: "tumour"}, {})


@pytest.mark.parametrize(
    ("text", "taken", "name"),
    [
        ("Left kidney", [], "Left_kidney"),
        ("Mean", [], "label_7"),
        ("ignore", [], "label_7"),
        ("12", [], "label_7"),
        ("Leber (gesund)", [], "Leber_gesund"),
        ("liver", ["Liver"], "label_7"),
        ("Tumor-1", ["Tumor_1"], "label_7"),
        ("Mean", ["label_7"], "label_7_7"),
        ("肝", [], "label_7"),
    ],
)
def test_names_are_such_as_settings_take(text, taken, name):
    assert label_name(text, 7, taken) == name


def test_structures_that_are_numbered_are_called_by_their_numbers():
    patterns = [f"{{case}}_{number}.nii.gz" for number in (170, 58, 7)]
    assert structure_names(patterns) == ["label_170", "label_58", "label_7"]


def test_words_of_files():
    assert word_of_mask("{case}_ct.nii", "{case}_spleen_mask.nii") == "spleen"
    assert word_of_mask("{case}/imaging.nii", "{case}/segmentation.nii") == ""
    assert structure_names(["{case}_OAR_A.nrrd", "{case}_OAR_Bone_B.nrrd"]) == ["A", "Bone_B"]
    lungs = ["{case}/left_lung.nii", "{case}/right_lung.nii", "{case}/heart.nii"]
    assert structure_names(lungs) == ["left_lung", "right_lung", "heart"]
