"""Public data sets, imitated: their folders and names, with tiny volumes in them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

from tests.scans import _write_series as write_dicom
from tests.volumes.dicom.drawn import corners, write_rtstruct, write_seg

SHAPE = (32, 28, 8)
SPACING = (1.5, 1.5, 4.0)


def scan(number: int, kind: str = "ct", shape=SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Return an image of a body with two round organs, and where these are (1 and 2)."""
    random = np.random.default_rng(number)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    at = random.uniform(-0.2, 0.2, 3)
    body = x**2 + y**2 < 0.8
    organ = (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2 / 2 < 0.25
    core = (x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2 / 2 < 0.06
    mask = (organ.astype(np.uint8) + core).astype(np.uint8)
    levels = {"ct": (-1000, 40, 120, 180), "mr": (20, 300, 500, 800), "pet": (0, 1, 3, 9)}[kind]
    image = np.select([core, organ, body], levels[:0:-1], levels[0])
    noise = {"ct": 12, "mr": 25, "pet": 0.2}[kind]
    image = image + random.normal(0, noise, shape)
    return (image.astype(np.float32) if kind == "pet" else image.round().astype(np.int16)), mask


def write(path: Path, array: np.ndarray, spacing=SPACING) -> None:
    """Write a volume in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".nii", ".nii.gz")):
        nib.Nifti1Image(array, np.diag([*spacing, 1.0])).to_filename(path)
        return
    image = sitk.GetImageFromArray(array.transpose(2, 1, 0))
    image.SetSpacing([float(v) for v in spacing])
    sitk.WriteImage(image, str(path))


def pair(image: Path, mask: Path, number: int, kind: str = "ct", values=(1, 2)) -> None:
    """Write an image and its mask."""
    array, labels = scan(number, kind)
    write(image, array)
    write(mask, np.array([0, *values], np.uint16 if max(values) > 255 else np.uint8)[labels])


def lits(root: Path) -> None:
    for batch, numbers in {"Training Batch 1": range(3), "Training Batch 2": range(3, 7)}.items():
        for n in numbers:
            pair(root / batch / f"volume-{n}.nii", root / batch / f"segmentation-{n}.nii", n)


def amos(root: Path) -> None:
    lists = {}
    for key, short, numbers in (("training", "Tr", range(1, 6)), ("validation", "Va", range(6, 8))):
        lists[key] = []
        for n in numbers:
            names = [f"{kind}{short}/amos_{n:04d}.nii.gz" for kind in ("images", "labels")]
            pair(root / names[0], root / names[1], n)
            lists[key].append({"image": f"./{names[0]}", "label": f"./{names[1]}"})
    labels = {"0": "background", "1": "spleen", "2": "right kidney"}
    described = {"modality": {"0": "CT"}, "labels": labels, **lists, "test": []}
    (root / "dataset.json").write_text(json.dumps(described))


def kits(root: Path) -> None:
    for n in range(6):
        folder = root / f"case_{n:05d}"
        pair(folder / "imaging.nii.gz", folder / "segmentation.nii.gz", n)
    array, _ = scan(9)
    write(root / "case_00006" / "imaging.nii.gz", array)


def acdc(root: Path) -> None:
    for subset, numbers in {"training": range(1, 5), "testing": range(101, 103)}.items():
        for n in numbers:
            folder = root / subset / f"patient{n:03d}"
            for frame in (1, 9 + n % 4):
                stem = f"patient{n:03d}_frame{frame:02d}"
                place = folder / f"{stem}.nii.gz"
                pair(place, folder / f"{stem}_gt.nii.gz", 2 * n + (frame > 1), "mr")
            frames = np.stack([scan(n, "mr")[0]] * 3, axis=-1)
            nib.Nifti1Image(frames, np.eye(4)).to_filename(folder / f"patient{n:03d}_4d.nii.gz")
            (folder / "Info.cfg").write_text("ED: 1\nES: 12\n")


def brats(root: Path) -> None:
    for n in range(1, 6):
        stem = f"BraTS20_Training_{n:03d}"
        place = root / stem
        pair(place / f"{stem}_flair.nii.gz", place / f"{stem}_seg.nii.gz", n, "mr", (1, 4))
        for channel in ("t1", "t1ce", "t2"):
            array, _ = scan(n, "mr")
            write(place / f"{stem}_{channel}.nii.gz", 900 - array)


def brats_grades(root: Path) -> None:
    """Write few patients of two grades each, called by no number that goes on."""
    graded = {"HGG": ("CBICA_AAB", "CBICA_ABO", "TCIA01_147"), "LGG": ("TCIA09_141", "2013_0")}
    for grade, names in graded.items():
        for n, name in enumerate(names):
            stem = f"BraTS19_{name}_1"
            place = root / grade / stem
            number = n + 5 * (grade == "LGG")
            pair(place / f"{stem}_flair.nii.gz", place / f"{stem}_seg.nii.gz", number, "mr")
            write(place / f"{stem}_t1.nii.gz", 900 - scan(number, "mr")[0])


def petct(root: Path) -> None:
    for n in range(1, 6):
        pair(root / f"p{n}" / "CT.nii.gz", root / f"p{n}" / "tumour.nii.gz", n, "ct", (1, 1))
        write(root / f"p{n}" / "SUV.nii.gz", scan(n, "pet")[0])


def nnunet_channels(root: Path) -> None:
    """Write a case that lacks its second channel, and names that are no names of files."""
    for n in range(1, 7):
        image = root / f"imagesTr/p_{n:03d}_0000.nii.gz"
        pair(image, root / f"labelsTr/p_{n:03d}.nii.gz", n, "mr")
        if n < 6:
            write(root / f"imagesTr/p_{n:03d}_0001.nii.gz", scan(n, "mr")[0] + 100)
    labels = {"background": 0, "organ": 1, "core": 2}
    channels = {"0": "T2 (axial)", "1": "ADC"}
    described = {"channel_names": channels, "labels": labels, "file_ending": ".nii.gz"}
    (root / "dataset.json").write_text(json.dumps(described))


def prostate(root: Path) -> None:
    items = []
    for n in range(6):
        image, mask = scan(n, "mr")
        place = root / "imagesTr" / f"prostate_{n:02d}.nii.gz"
        write(root / "labelsTr" / place.name, mask)
        place.parent.mkdir(exist_ok=True)
        affine = np.diag([*SPACING, 1.0])
        nib.Nifti1Image(np.stack([image, 2 * image], axis=-1), affine).to_filename(place)
        items.append({"image": f"./imagesTr/{place.name}", "label": f"./labelsTr/{place.name}"})
    labels = {"0": "background", "1": "PZ", "2": "TZ"}
    described = {"modality": {"0": "T2", "1": "ADC"}, "labels": labels, "training": items}
    (root / "dataset.json").write_text(json.dumps(described))


def segthor(root: Path) -> None:
    for n in range(1, 6):
        folder = root / "train" / f"Patient_{n:02d}"
        pair(folder / f"Patient_{n:02d}.nii.gz", folder / "GT.nii.gz", n)
    for n in (41, 42):
        write(root / "test" / f"Patient_{n}.nii.gz", scan(n)[0])


def autopet(root: Path) -> None:
    studies = [("0011f3deaf", "03-23-2003"), ("01140d52d8", "08-13-2005"), ("0143bab87a", "02-16")]
    studies += [("02f2ad4f1c", "04-04-2004"), ("0143bab87a", "05-01-2006")]
    for n, (patient, date) in enumerate(studies):
        study = f"{date}-NA-PET-CT Ganzkoerper  primaer mit KM-56839"
        folder = root / "FDG-PET-CT-Lesions" / f"PETCT_{patient}" / study
        pair(folder / "SUV.nii.gz", folder / "SEG.nii.gz", n, "pet", (1, 1))
        write(folder / "CTres.nii.gz", scan(n)[0])
        write(folder / "CT.nii.gz", scan(n, shape=(40, 40, 8))[0], (1.2, 1.05, 4.0))
        write(folder / "PET.nii.gz", scan(n, "pet")[0] * 1000)


def mms(root: Path) -> None:
    lists = {"Training/Labeled": ("A0S9V9", "A1D0Q7", "B3F0V9"), "Validation": ("C0S9V9", "D1E2F3")}
    number = 0
    for folder, names in lists.items():
        for name in names:
            place = root / folder / name
            place.mkdir(parents=True)
            array, mask = scan(number, "mr")
            number += 1
            empty = np.zeros_like(mask)
            beating = [np.roll(array, frame, axis=0) for frame in range(5)]
            drawn = [mask, empty, empty, np.roll(mask, 3, axis=0), empty]
            stacks = {"sa": beating, "sa_gt": drawn}
            for end, stills in stacks.items():
                frames = np.stack(stills, axis=-1)
                file = place / f"{name}_{end}.nii.gz"
                nib.Nifti1Image(frames, np.diag([1.5, 1.5, 8, 1.0])).to_filename(file)


def hanseg(root: Path) -> None:
    for n in range(1, 5):
        folder = root / "set_1" / f"case_{n:02d}"
        array, mask = scan(n)
        write(folder / f"case_{n:02d}_IMG_CT.nrrd", array)
        other, _ = scan(n, "mr", (20, 20, 6))
        write(folder / f"case_{n:02d}_IMG_MR_T1.nrrd", other, (2, 2, 5))
        for value, organ in enumerate(("Bone_Mandible", "Parotid_L", "Parotid_R"), start=1):
            own = (mask == 1) if value == 1 else (mask == 2)
            if value == 2:
                own[:16] = False
            if value == 3:
                own[16:] = False
            write(folder / f"case_{n:02d}_OAR_{organ}.seg.nrrd", own.astype(np.uint8))


def btcv(root: Path) -> None:
    for n in range(1, 7):
        pair(root / f"img/img{n:04d}.nii.gz", root / f"label/label{n:04d}.nii.gz", n)


def flare(root: Path) -> None:
    for n in range(1, 7):
        image = root / "images" / f"FLARE22_Tr_{n:04d}_0000.nii.gz"
        pair(image, root / "labels" / f"FLARE22_Tr_{n:04d}.nii.gz", n)


def promise(root: Path) -> None:
    for n in range(6):
        image = root / f"Case{n:02d}.mhd"
        pair(image, root / f"Case{n:02d}_segmentation.mhd", n, "mr", (1, 1))


def totalsegmentator(root: Path) -> None:
    for n in range(5):
        folder = root / f"s{n:04d}"
        array, mask = scan(n)
        write(folder / "ct.nii.gz", array)
        for value, organ in enumerate(("liver", "vertebrae_L1", "vertebrae_L2"), start=1):
            own = (mask > 0) if value == 1 else (mask == 2)
            if value > 1:
                own[:16] = value == 2
                own &= mask > 0
            write(folder / "segmentations" / f"{organ}.nii.gz", own.astype(np.uint8))
    subsets = ("train", "train", "train", "val", "test")
    lines = [f"s{n:04d};5{n};m;A;{subset}" for n, subset in enumerate(subsets)]
    (root / "meta.csv").write_text("\n".join(["image_id;age;gender;institute;split", *lines]))


def mmwhs(root: Path) -> None:
    for kind in ("ct", "mr"):
        for n in range(1, 5):
            stem = root / f"{kind}_train" / f"{kind}_train_10{n:02d}"
            image = stem.with_name(f"{stem.name}_image.nii.gz")
            mask = stem.with_name(f"{stem.name}_label.nii.gz")
            pair(image, mask, n + 10 * (kind == "mr"), kind, (205, 850))


def odd_pairs(root: Path) -> None:
    for n, name in enumerate(("anna", "bert", "carla", "dora")):
        pair(root / f"{name} scan.nii.gz", root / f"{name} scan drawn by MK.nii.gz", n)


def patient_folders(root: Path) -> None:
    for n, name in enumerate(("Anna_M", "Bert_K", "Carla_S", "Dora_L")):
        pair(root / name / "portal.nii.gz", root / name / "tumour_contour.nii.gz", n, "ct", (1, 1))


def slicer(root: Path) -> None:
    for n in range(4):
        array, mask = scan(n)
        write(root / f"P{n}" / "ct.nrrd", array)
        place = root / f"P{n}" / "Segmentation.seg.nrrd"
        image = sitk.GetImageFromArray(mask.transpose(2, 1, 0))
        image.SetSpacing(SPACING)
        for number, name in enumerate(("Liver", "Liver tumour")):
            image.SetMetaData(f"Segment{number}_Name", name)
            image.SetMetaData(f"Segment{number}_LabelValue", str(number + 1))
            image.SetMetaData(f"Segment{number}_Layer", "0")
        sitk.WriteImage(image, str(place))


def mixed_spacings(root: Path) -> None:
    for n in range(5):
        array, mask = scan(n, shape=(24 + 4 * n, 32, 8))
        spacing = (0.6 + 0.1 * n, 0.6 + 0.1 * n, 3.0)
        write(root / "img" / f"{n}.nii.gz", array, spacing)
        write(root / "msk" / f"{n}.nii.gz", mask, spacing)


def nnunet(root: Path) -> None:
    place = root / "Dataset007_Organ"
    for n in range(1, 6):
        pair(place / f"imagesTr/o_{n:03d}_0000.nii.gz", place / f"labelsTr/o_{n:03d}.nii.gz", n)
    pair(place / "imagesTs/o_009_0000.nii.gz", place / "labelsTs/o_009.nii.gz", 9)
    labels = {"background": 0, "organ": 1, "core": 2}
    described = {"channel_names": {"0": "CT"}, "labels": labels, "file_ending": ".nii.gz"}
    (place / "dataset.json").write_text(json.dumps(described))


def subsets(root: Path) -> None:
    for subset, numbers in {"train": range(4), "val": (4, 5), "test": (6, 7)}.items():
        for n in numbers:
            name = f"knee_{n:02d}.nii.gz"
            pair(root / subset / "images" / name, root / subset / "masks" / name, n, "mr")


def bids(root: Path) -> None:
    rows = ["participant_id\tage\tsplit"]
    for n in range(1, 6):
        sub = f"sub-{n:02d}"
        image = root / sub / "anat" / f"{sub}_T1w.nii.gz"
        mask = root / "derivatives" / "manual" / sub / "anat" / f"{sub}_desc-knee_dseg.nii.gz"
        pair(image, mask, n, "mr")
        write(image.with_name(f"{sub}_T2w.nii.gz"), scan(n, "mr", (20, 20, 9))[0])
        rows.append(f"{sub}\t{40 + n}\t{'test' if n > 3 else 'train'}")
    (root / "participants.tsv").write_text("\n".join(rows) + "\n")
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    names = "index\tname\n1\tcartilage\n2\tmeniscus\n"
    (root / "derivatives" / "manual" / "desc-knee_dseg.tsv").write_text(names)


def bids_structures(root: Path) -> None:
    for n in range(1, 5):
        sub = f"sub-{n:02d}"
        array, mask = scan(n, "mr")
        write(root / sub / "ses-1" / "anat" / f"{sub}_ses-1_T1w.nii.gz", array)
        for value, name in ((1, "organ"), (2, "core")):
            place = root / "derivatives" / "m" / sub / "ses-1" / "anat"
            file = place / f"{sub}_ses-1_label-{name}_mask.nii.gz"
            write(file, (mask == value).astype(np.uint8))


def rtstruct(root: Path) -> None:
    """Write a CT and a structure set of each patient, called by their UIDs."""
    for n in range(4):
        ct = root / f"HN-{n:03d}" / "CT"
        disc = _dicom(ct, n)
        polygon = corners(ct, {k: [disc] for k in (2, 3, 4)})
        square = corners(ct, {3: [np.array([(7, 7), (11, 7), (11, 11), (7, 11)])]})
        regions = {"GTV-1": square, "BODY": polygon}
        write_rtstruct(root / f"HN-{n:03d}" / "RTSTRUCT" / f"1.2.3.{n}7.dcm", ct, regions)


def dicom_seg(root: Path) -> None:
    """Write a CT of each patient, with a segmentation beside the folder of its slices."""
    for n in range(4):
        ct = root / f"P{n}" / "ct"
        _dicom(ct, n)
        mask = np.zeros((24, 20, 7), bool)
        mask[6:16, 5:14, 2:5] = True
        write_seg(root / f"P{n}" / "liver.dcm", ct, {"Liver": mask})


def chaos(root: Path) -> None:
    for n in range(1, 5):
        place = root / "Train_Sets" / "CT" / str(n)
        _dicom(place / "DICOM_anon", n)
        (place / "Ground").mkdir()
        _, mask = scan(n, shape=(24, 20, 7))
        for k in range(7):
            picture = sitk.GetImageFromArray((mask[:, :, k].T > 0).astype(np.uint8) * 255)
            sitk.WriteImage(picture, str(place / "Ground" / f"liver_GT_{k:03d}.png"))


def archive(root: Path) -> None:
    """Write series and segmentations in one folder a patient, without telling names."""
    for n in range(3):
        place = root / f"IMG{n:05d}"
        _dicom(root / "x", n)
        mask = np.zeros((24, 20, 7), bool)
        mask[6:16, 5:14, 2:5] = True
        write_seg(root / "x" / "y", root / "x", {"Liver": mask})
        place.mkdir()
        for k, path in enumerate(sorted((root / "x").iterdir())):
            path.rename(place / f"I{7 * k % 11:04d}")
        (root / "x").rmdir()


def _dicom(folder: Path, number: int) -> np.ndarray:
    """Write a CT in DICOM; return a polygon in its slices."""
    image, _ = scan(number, shape=(24, 20, 7))
    uid = f"1.2.826.0.1.3680043.8.498.77700{number}"

    def edit(header, k) -> None:
        header.StudyInstanceUID = uid
        header.FrameOfReferenceUID = f"{uid}.9"
        header.SOPInstanceUID = f"{uid}.3.{k}"
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID

    stored = (image + 1024).astype(np.int16)
    name = "{}.dcm".format
    write_dicom(folder, 7, stored=stored, edit=edit, name=lambda k: name(k + 1), series=f"{uid}.2")
    return np.array([(4, 4), (18, 4), (18, 15), (4, 15)])


def odd_ends(root: Path) -> None:
    """Write folders of patients with umlauts, in suffixes of all kinds, as a Mac zipped them."""
    names = ("Müller Anna", "Böhm Bert", "Çelik C", "Dora L", "Ernst Ä")
    ends = (".nii", ".nii.gz", ".NII.GZ", ".nii.gz", ".nii")
    for n, (name, end) in enumerate(zip(names, ends, strict=True)):
        place = root / "Daten 2021" / name
        pair(place / f"Bild{end.lower()}", place / f"Maske{end.lower()}", n)
        for stem in ("Bild", "Maske"):
            (place / f"{stem}{end.lower()}").rename(place / f"{stem}{end}")
            (place / f"._{stem}{end}").write_bytes(b"\0\5\x16\7")
        for litter in ("Thumbs.db", ".DS_Store", "Befund.pdf"):
            (place / litter).write_text("x")
    litter = root / "__MACOSX" / "Daten 2021" / "Dora L" / "._Bild.nii.gz"
    litter.parent.mkdir(parents=True)
    litter.write_bytes(b"\0\5\x16\7")


def predicted(root: Path) -> None:
    """Write masks of one value that somebody drew of most, and many values of a program of all."""
    for n in range(6):
        image, mask = scan(n)
        write(root / "images" / f"c_{n:02d}.nii.gz", image)
        if n < 4:
            write(root / "manual" / f"c_{n:02d}.nii.gz", (mask == 2).astype(np.uint8))
        write(root / "TotalSegmentator" / f"c_{n:02d}.nii.gz", mask)


def readers(root: Path) -> None:
    """Write anatomy and tumours by two readers on two images, and empty masks."""
    for n in range(20, 25):
        place = root / "train" / f"{n:03d}"
        image, mask = scan(n, "mr")
        tumour = (mask == 2).astype(np.uint8)
        write(place / "t2.nii.gz", image)
        write(place / "adc.nii.gz", 900 - image)
        write(place / "t2_anatomy_reader1.nii.gz", mask)
        write(place / "t2_anatomy_reader2.nii.gz", np.roll(mask, 1, 0))
        write(place / "adc_tumor_reader1.nii.gz", tumour)
        if n % 2 == 0:
            write(place / "adc_tumor_reader2.nii.gz", tumour)
        write(place / "empty.nii.gz", np.zeros_like(mask))


def views(root: Path) -> None:
    """Write two phases of the heart, each as a stack across it and as one slice along it."""
    for n in range(1, 6):
        place = root / "dataset" / f"{n:03d}"
        for phase in ("ED", "ES"):
            number = 2 * n + (phase == "ES")
            stem = f"{n:03d}_SA_{phase}"
            pair(place / f"{stem}.nii.gz", place / f"{stem}_gt.nii.gz", number, "mr")
            for end, array in zip(("", "_gt"), scan(number, "mr", (30, 26, 3)), strict=True):
                write(place / f"{n:03d}_LA_{phase}{end}.nii.gz", array[:, :, 1:2], (1.2, 1.2, 8))


BUILDERS: dict[str, Callable[[Path], None]] = {
    "LiTS": lits,
    "AMOS": amos,
    "KiTS": kits,
    "ACDC": acdc,
    "BraTS": brats,
    "BraTS_grades": brats_grades,
    "PET-CT": petct,
    "nnUNet_channels": nnunet_channels,
    "Prostate": prostate,
    "SegTHOR": segthor,
    "autoPET": autopet,
    "MMs": mms,
    "HaN-Seg": hanseg,
    "BTCV": btcv,
    "FLARE": flare,
    "PROMISE12": promise,
    "TotalSegmentator": totalsegmentator,
    "MM-WHS": mmwhs,
    "odd_pairs": odd_pairs,
    "patient_folders": patient_folders,
    "slicer": slicer,
    "mixed_spacings": mixed_spacings,
    "nnUNet": nnunet,
    "subsets": subsets,
    "BIDS": bids,
    "bids_structures": bids_structures,
    "rtstruct": rtstruct,
    "dicom_seg": dicom_seg,
    "archive": archive,
    "CHAOS": chaos,
    "odd_ends": odd_ends,
    "predicted": predicted,
    "readers": readers,
    "views": views,
}
