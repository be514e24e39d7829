"""`slicewise init` on public data sets, imitated: what it writes is loaded and finds the cases."""

import itertools
from pathlib import Path

import pytest
import yaml

from slicewise.config import load_settings, merge
from slicewise.dataset.finding import find_cases
from slicewise.dataset.split import split_cases, warn_of_shared
from slicewise.errors import SlicewiseError
from slicewise.survey.init import Wanted, _summary, init, name_of, root_of
from slicewise.survey.said import Said
from tests.imitated import BUILDERS, pair, scan, write

QUICK = Path(__file__).parents[2] / "config" / "quick.yaml"
FOUND = {
    # layout, cases, those of test folders, values of labels, intensity
    "LiTS": ("pairs", 7, 0, [1, 2], "hu"),
    "AMOS": ("msd", 7, 2, [1, 2], "hu"),
    "KiTS": ("pairs", 6, 0, [1, 2], "hu"),
    "ACDC": ("pairs", 12, 4, [1, 2], "arbitrary"),
    "BraTS": ("pairs", 5, 0, [1, 4], "arbitrary"),
    "BraTS_grades": ("pairs", 5, 0, [1, 2], "arbitrary"),
    "PET-CT": ("pairs", 5, 0, [1], "hu"),
    "nnUNet_channels": ("nnunet", 5, 0, [1, 2], "arbitrary"),
    "Prostate": ("msd", 6, 0, [1, 2], "arbitrary"),
    "SegTHOR": ("pairs", 5, 0, [1, 2], "hu"),
    "autoPET": ("table", 5, 0, [1], "hu"),
    "HaN-Seg": ("pairs", 4, 0, [1, 2, 3], "hu"),
    "BTCV": ("pairs", 6, 0, [1, 2], "hu"),
    "FLARE": ("pairs", 6, 0, [1, 2], "hu"),
    "PROMISE12": ("pairs", 6, 0, [1], "arbitrary"),
    "TotalSegmentator": ("pairs", 5, 1, [1, 2, 3], "hu"),
    "MM-WHS": ("pairs", 4, 0, [205, 850], "hu"),
    "odd_pairs": ("pairs", 4, 0, [1, 2], "hu"),
    "patient_folders": ("pairs", 4, 0, [1], "hu"),
    "slicer": ("pairs", 4, 0, ["Liver", "Liver tumour"], "hu"),
    "mixed_spacings": ("pairs", 5, 0, [1, 2], "hu"),
    "nnUNet": ("nnunet", 6, 1, [1, 2], "hu"),
    "subsets": ("table", 8, 2, [1, 2], "arbitrary"),
    "BIDS": ("bids", 5, 2, [1, 2], "arbitrary"),
    "bids_structures": ("bids", 4, 0, [1, 2], "arbitrary"),
    "rtstruct": ("pairs", 4, 0, ["BODY", "GTV-1"], "hu"),
    "MMs": ("table", 10, 4, [1, 2], "arbitrary"),
    "CHAOS": ("pairs", 4, 0, [255], "hu"),
    "archive": ("dicom", 3, 0, ["Liver"], "hu"),
    "dicom_seg": ("pairs", 4, 0, ["Liver"], "hu"),
    "odd_ends": ("table", 5, 0, [1, 2], "hu"),
    "predicted": ("pairs", 4, 0, [1], "hu"),
    "readers": ("pairs", 5, 0, [1, 2], "arbitrary"),
    "views": ("table", 10, 0, [1, 2], "arbitrary"),
}


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLICEWISE_DATA", raising=False)
    return tmp_path


def written(place: Path, name: str, **wanted):
    """Build a data set below data/, look at it, and load what was written."""
    (place / "data" / name).mkdir(parents=True)
    BUILDERS[name](place / "data" / name)
    lines = []
    path = init(Wanted(place / "data" / name, **wanted), lines.append)
    config = yaml.safe_load(path.read_text())
    return load_settings(config), lines, path


@pytest.mark.parametrize("name", FOUND)
def test_public_data_sets_are_found(place, name):
    settings, lines, path = written(place, name)
    cases = find_cases(settings.dataset, place / "data")
    values = list(settings.dataset.labels.values())
    tested = sum(case.subset == "test" for case in cases)
    dataset = settings.dataset
    assert (dataset.layout, len(cases), tested, values, dataset.intensity) == FOUND[name]
    assert path == Path("config") / f"{name}.yaml"
    quick = yaml.safe_load(QUICK.read_text())
    load_settings(merge(yaml.safe_load(path.read_text()), quick))
    assert [line.split()[0] for line in lines[-3:]] == ["slicewise", "snakemake", "snakemake"]
    for line in path.read_text().splitlines():
        # names of a map of files, and what stands beside another setting, need no reason
        assert (
            "#" in line
            or line.strip() in ("", "normalisation: all")
            or (
                line.endswith((":", ".nii.gz", ".nrrd", ".gz'", ".nrrd'"))
                or line.split(":")[0].strip() in ("root", "slices")
            )
        ), line


def test_what_somebody_drew_goes_before_what_a_program_made(place):
    _, _, path = written(place, "predicted")
    text = path.read_text()
    assert 'mask: "manual/{case}.nii.gz"' in text
    assert '# mask: "TotalSegmentator/{case}.nii.gz"' in text
    assert "Which masks are the ground truth?" in text
    wanted = Wanted(place / "data" / "predicted", force=True)
    dataset = yaml.safe_load(init(wanted, print, lambda _: "2").read_text())["dataset"]
    assert dataset["pairs"]["mask"] == "TotalSegmentator/{case}.nii.gz"
    assert len(dataset["labels"]) == 2


def test_masks_of_other_images_are_asked_for_and_bring_their_images(place):
    settings, lines, path = written(place, "readers")
    text = path.read_text()
    assert settings.dataset.pairs.mask == "{case}/t2_anatomy_reader1.nii.gz"
    assert "# mask: '{case}/t2_anatomy_reader2.nii.gz'" in text
    assert "these masks are meant, with image: {case}/adc.nii.gz" in text
    left = "\n".join(line for line in lines if line.startswith("  Left aside"))
    assert "as nothing is drawn in those that were looked at: train/*/empty.nii.gz." in left
    assert "has another one: 3 masks, train/020/adc_tumor_reader2.nii.gz" in left
    assert [line for line in lines if line.startswith("  guessed: dataset.pairs.mask")]
    wanted = Wanted(place / "data" / "readers", force=True)
    dataset = yaml.safe_load(init(wanted, print, lambda _: "3").read_text())["dataset"]
    assert dataset["pairs"]["image"] == "{case}/adc.nii.gz"
    assert dataset["pairs"]["mask"] == "{case}/adc_tumor_reader1.nii.gz"
    assert [*dataset["labels"].values()] == [1]


def test_another_view_is_no_further_case_of_a_patient(place):
    settings, lines, _ = written(place, "views")
    cases = find_cases(settings.dataset, place / "data")
    assert len({case.patient for case in cases}) == 5
    assert {case.image[0].name[4:6] for case in cases} == {"SA"}
    left = [line for line in lines if line.startswith("  Left aside")]
    assert [("LA_ED" in line, "LA_ES" in line) for line in left] == [(True, False), (False, True)]


def test_no_case_is_lost_for_how_its_files_end(place):
    settings, _, _ = written(place, "odd_ends")
    cases = find_cases(settings.dataset, place / "data")
    assert {case.image[0].parent.name for case in cases} >= {"Çelik C", "Müller Anna"}
    assert [case.name for case in cases][1] == "Dora_L"


def test_pictures_name_the_label_that_they_show(place):
    settings, _, _ = written(place, "CHAOS")
    assert settings.dataset.labels == {"liver": 255}


def test_patients_stay_together_and_test_folders_too(place):
    settings, _, _ = written(place, "ACDC")
    cases = find_cases(settings.dataset, place / "data")
    assert len({case.patient for case in cases}) == 6
    assert {case.subset for case in cases if case.patient == "patient101"} == {"test"}


def test_patients_of_several_studies_stay_together_in_a_table(place):
    settings, lines, _ = written(place, "autoPET")
    cases = find_cases(settings.dataset, place / "data")
    assert len({case.patient for case in cases}) == 4
    assert lines[1].startswith("  layout table: 5 cases of 4 patients; ")


def test_slices_without_patients_are_told_of(place):
    for n in range(6):
        array, mask = scan(n)
        for folder, volume in (("images", array), ("masks", mask)):
            write(place / "data" / "flat" / folder / f"{n:04d}.nii.gz", volume[:, :, 3:4])
    lines = []
    init(Wanted(place / "data" / "flat"), lines.append)
    assert "guessed: dataset.patient_pattern: None; Whose are the cases?" in "\n".join(lines)


@pytest.mark.parametrize("patients", [["a", "a"], ["a", "b"], ["a"]])
def test_where_all_cases_are_one_patients_it_is_said_that_nobody_is_tested_on(patients):
    said = [Said(("dataset", key), "x", "y") for key in ("layout", "intensity")]
    lines = _summary(said, patients, Path("x.yaml"), [], ())
    assert any("Nobody can be tested on" in line for line in lines) == (patients == ["a", "a"])


@pytest.mark.parametrize("lost", [None, "left_002_img", "right_002_img", "right_002_mask"])
def test_masks_go_with_the_images_they_are_called_after(place, lost):
    folder = place / "data" / "knees"
    for n in range(12):
        stem = f"{('left', 'right')[n // 6]}_{n % 6 + 1:03d}"
        pair(folder / f"{stem}_img.nii.gz", folder / f"{stem}_mask.nii.gz", n)
    if lost:
        (folder / f"{lost}.nii.gz").unlink()
    path = init(Wanted(folder), lambda _: None)
    settings = load_settings(yaml.safe_load(path.read_text()))
    cases = find_cases(settings.dataset, place / "data")
    images = [case.image[0].name.removesuffix("_img.nii.gz") for case in cases]
    assert [case.mask[0].name.removesuffix("_mask.nii.gz") for case in cases] == images
    assert len(cases) == (11 if lost else 12)


@pytest.mark.parametrize(
    ("form", "scans", "patients"),
    [
        ("{}/{}_{}", ["baseline", "followup"], ["p01", "p02", "p03"]),
        ("{}/{}_{}", ["baseline", "followup"], ["anna", "bert", "carl"]),
        ("{}/{}/{}", ["visit1", "visit2"], ["p01", "p02", "p03"]),
        ("{}/{}/{}", ["2019-01-01", "2020-02-03"], ["p01", "p02", "p03"]),
        ("{}/{}/{}", ["arterial", "venous"], ["001", "002", "003"]),
        ("{}_{}_{}", ["T0", "T1"], ["001", "002", "003"]),
    ],
)
def test_scans_that_lie_above_patients_or_begin_names_leave_them_together(
    place, form, scans, patients
):
    folder = place / "data" / "visits"
    for number, (visit, patient) in enumerate(itertools.product(scans, patients)):
        image, mask = (folder / form.format(visit, patient, kind) for kind in ("ct", "seg"))
        pair(Path(f"{image}.nii.gz"), Path(f"{mask}.nii.gz"), number)
    path = init(Wanted(folder), lambda _: None)
    settings = load_settings(yaml.safe_load(path.read_text()))
    whose = {}
    for case in find_cases(settings.dataset, place / "data"):
        (name,) = [name for name in patients if name in str(case.image[0].relative_to(folder))]
        whose.setdefault(case.patient, []).append(name)
    assert sorted(whose.values()) == [[name, name] for name in patients]


def test_scans_that_come_later_are_still_looked_at_for_whose_they_are(place, caplog):
    folder = place / "data" / "livers"
    for n in range(6):
        pair(folder / f"p{n:02d}_ct.nii.gz", folder / f"p{n:02d}_seg.nii.gz", n)
    path = init(Wanted(folder), lambda _: None)
    for n in range(6):
        pair(folder / f"p{n:02d}_fu_ct.nii.gz", folder / f"p{n:02d}_fu_seg.nii.gz", n + 6)
    settings = load_settings(yaml.safe_load(path.read_text()))
    cases = find_cases(settings.dataset, place / "data")
    placed = split_cases(cases, settings.split, place / "data")
    warn_of_shared(cases, {assigned.case: assigned for assigned in placed})
    (record,) = caplog.records
    assert "each taken for a patient of its own" in record.getMessage()


def tabled(place: Path, *rows: tuple[str, str]) -> Path:
    """Write a folder with a table of cases, by patient and subset."""
    folder = place / "data" / "tabled"
    lines = ["case\tpatient\timage\tmask\tsubset"]
    for n, (patient, subset) in enumerate(rows):
        pair(folder / f"i{n}.nii.gz", folder / f"m{n}.nii.gz", n)
        lines.append(f"c{n}\t{patient}\ti{n}.nii.gz\tm{n}.nii.gz\t{subset}")
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_table_that_places_all_cases_leaves_nothing_of_the_split_to_draw(place):
    rows = [(f"p{n}", "validation" if n == 5 else "train") for n in range(6)]
    path = init(Wanted(tabled(place, *rows)), lambda _: None)
    config = yaml.safe_load(path.read_text())
    assert "split" not in config
    settings = load_settings(config)
    placed = split_cases(find_cases(settings.dataset, place / "data"), settings.split)
    assert [assigned.subset for assigned in placed] == [subset for _, subset in rows]


def test_a_split_that_no_run_takes_is_refused_before_anything_is_written(place):
    rows = [("p0", "train"), ("p1", "train"), ("p0", "test")]
    folder = tabled(place, *rows)
    with pytest.raises(SlicewiseError, match="patients p0: in the training and in the test folder"):
        init(Wanted(folder), lambda _: None)
    assert not Path("config/tabled.yaml").exists()


def test_a_guess_that_no_run_takes_can_be_answered_otherwise(place):
    folder = place / "data" / "sites"
    for n, site in enumerate(["ulm", "bonn", "kiel"] * 5):
        stem = folder / ("test" if n > 8 else "train") / f"{site}_{n // 3:02d}"
        pair(Path(f"{stem}_ct.nii.gz"), Path(f"{stem}_seg.nii.gz"), n)
    with pytest.raises(SlicewiseError) as caught:
        init(Wanted(folder), lambda _: None)
    message = str(caught.value)
    assert message.startswith("patients bonn, kiel, ulm: in the training and in the test folder;")
    assert "dataset.patient_pattern was guessed, and nothing is written: in a term" in message
    init(Wanted(folder), lambda _: None, lambda _: "2")
    config = yaml.safe_load(Path("config/sites.yaml").read_text())
    assert config["dataset"]["patient_pattern"] is None


def test_what_is_there_is_not_overwritten_without_being_told(place):
    _, _, path = written(place, "subsets")
    before = path.read_text()
    with pytest.raises(SlicewiseError, match="is there already"):
        init(Wanted(place / "data" / "subsets"), print)
    path.unlink()
    with pytest.raises(SlicewiseError, match=r"subsets\.tsv: is there already"):
        init(Wanted(place / "data" / "subsets"), print)
    init(Wanted(place / "data" / "subsets", force=True), print)
    assert path.read_text() == before


def test_guesses_are_marked_without_a_terminal_and_asked_on_one(place):
    (place / "data" / "BraTS").mkdir(parents=True)
    BUILDERS["BraTS"](place / "data" / "BraTS")
    lines = []
    path = init(Wanted(place / "data" / "BraTS"), lines.append)
    assert "# image: '{case}/{case}_t2.nii.gz'" in path.read_text()
    assert [line for line in lines if line.startswith("  guessed: dataset.pairs.image")]
    wanted = Wanted(place / "data" / "BraTS", force=True)
    text = init(wanted, lines.append, lambda _: "3").read_text()
    assert "# image:" not in text
    dataset = yaml.safe_load(text)["dataset"]
    assert (dataset["pairs"]["image"], dataset["channels"]) == ("{case}/{case}_t1.nii.gz", None)


def test_what_follows_from_the_images_follows_from_the_answer(place):
    (place / "data" / "PET-CT").mkdir(parents=True)
    BUILDERS["PET-CT"](place / "data" / "PET-CT")
    first = yaml.safe_load(init(Wanted(place / "data" / "PET-CT"), print).read_text())["dataset"]
    assert (first["intensity"], first["channels"]) == ("hu", None)
    wanted = Wanted(place / "data" / "PET-CT", force=True)
    text = init(wanted, print, lambda _: "2").read_text()
    dataset = load_settings(yaml.safe_load(text)).dataset
    assert (dataset.channels, dataset.intensity) == (["CT", "SUV"], "arbitrary")
    answers = iter(["{PET: '{case}/SUV.nii.gz', CT: '{case}/CT.nii.gz'}"])
    text = init(wanted, print, lambda _: next(answers)).read_text()
    assert yaml.safe_load(text)["dataset"]["channels"] == ["PET", "CT"]


def test_several_channels_are_told_and_named(place):
    settings, lines, _ = written(place, "BraTS")
    assert settings.dataset.channels == ["flair", "t1", "t1ce", "t2"]
    cases = find_cases(settings.dataset, place / "data")
    assert [path.name for path in cases[0].image][2:] == [
        "BraTS20_Training_001_t1ce.nii.gz",
        "BraTS20_Training_001_t2.nii.gz",
    ]
    assert any(line.startswith("  channels flair, t1, t1ce, t2:") for line in lines)
    settings, lines, path = written(place, "nnUNet_channels")
    assert settings.dataset.channels == ["T2_axial", "ADC"]
    assert "  excluded p_006: a channel is missing in p_006" in lines
    config = yaml.safe_load(path.read_text().replace("# missing_channels", "missing_channels"))
    config["dataset"]["exclude"] = []
    assert len(find_cases(load_settings(config).dataset, place / "data")) == 6
    settings, _, _ = written(place, "Prostate")
    cases = find_cases(settings.dataset, place / "data")
    assert settings.dataset.channels == ["T2", "ADC"]
    assert all(case.in_one for case in cases)


def test_what_was_left_aside_is_said_at_the_end(place):
    _, lines, path = written(place, "MM-WHS")
    (line,) = [line for line in lines if line.startswith("  Left aside")]
    assert "mr_train" in line
    assert line.strip() in path.read_text()


def test_an_answer_that_no_run_takes_is_refused_before_anything_is_written(place):
    (place / "data" / "BraTS").mkdir(parents=True)
    BUILDERS["BraTS"](place / "data" / "BraTS")
    with pytest.raises(SlicewiseError, match=r"pairs\.image must say"):
        init(Wanted(place / "data" / "BraTS"), print, lambda _: "nowhere")
    assert not (place / "config").exists()


def test_frames_of_a_patient_stay_together_and_empty_ones_are_no_cases(place):
    settings, _, _ = written(place, "MMs")
    cases = find_cases(settings.dataset, place / "data")
    assert {case.frame for case in cases} == {0, 3}
    assert len({case.patient for case in cases}) == 5


def test_names_and_roots(place, monkeypatch):
    assert name_of(Path("/x/Task03 Liver")) == "Task03_Liver"
    assert name_of(Path("/x/comparison")) == "comparison_data"
    assert root_of(place / "data" / "a") == "a"
    assert root_of(place / "else") == str(place / "else")
    monkeypatch.setenv("SLICEWISE_DATA", str(place))
    assert root_of(place / "else") == "else"


def test_data_elsewhere_are_named_by_their_whole_path(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "study"
    for n in range(3):
        pair(other / f"{n}_i.nii.gz", other / f"{n}_m.nii.gz", n)
    path = init(Wanted(other, name="mine"), print)
    dataset = yaml.safe_load(path.read_text())["dataset"]
    assert (dataset["name"], dataset["root"]) == ("mine", str(other))


def test_what_comes_next_can_be_typed_where_a_path_has_blanks(place):
    _, lines, _ = written(place, "nnUNet", output=Path("my config.yaml"))
    assert "  slicewise look 'my config.yaml'" in lines
    assert "  snakemake --cores all --configfile 'my config.yaml'" in lines


def test_a_challenge_among_places_is_no_test_set(place):
    for number, site in enumerate(("Dongyang", "KiTS", "Rider")):
        for n in range(1, 4):
            name = f"{site[0]}{n}"
            stem = place / "data" / "sega" / site / name / name
            pair(stem.with_suffix(".nrrd"), Path(f"{stem}.seg.nrrd"), 10 * number + n, "ct", (1, 1))
    lines = []
    init(Wanted(place / "data" / "sega"), lines.append)
    assert "9 cases" in "\n".join(lines)
    assert "aside" not in "\n".join(lines)


def test_what_is_guessed_is_told_once():
    said = [
        Said(("dataset", "layout"), "dicom", "headers tell it"),
        Said(("dataset", "intensity"), "hu", "air and soft tissue"),
        Said(("dataset", "other_labels"), "background", "two drawings", "which is the truth?"),
    ]
    for guessed in ([said[2]], []):
        lines = _summary(said, ["a", "b", "c"], Path("x.yaml"), guessed, ())
        assert sum("two drawings" in line for line in lines) == 1
