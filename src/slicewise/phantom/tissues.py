"""What organs are made of in a CT, and in which order they are painted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LABELS = {"liver": 1, "spleen": 2, "kidneys": 3, "stomach": 4}
"""Values in the mask of a phantom."""


class Tissue(NamedTuple):
    """Mean HU and the standard deviation of its texture."""

    hu: float
    texture: float


PHASES: dict[str, dict[str, tuple[float, float]]] = {
    "native": {
        "liver": (62, 72),
        "spleen": (48, 62),
        "cortex": (28, 38),
        "medulla": (26, 36),
        "artery": (38, 48),
        "portal": (36, 46),
        "hepatic": (36, 46),
        "wall": (35, 50),
    },
    "arterial": {
        "liver": (64, 86),
        "spleen": (85, 125),
        "cortex": (140, 190),
        "medulla": (60, 90),
        "artery": (220, 330),
        "portal": (85, 130),
        "hepatic": (60, 80),
        "wall": (60, 90),
    },
    "portal": {
        "liver": (88, 124),
        "spleen": (95, 132),
        "cortex": (160, 205),
        "medulla": (130, 180),
        "artery": (130, 170),
        "portal": (150, 185),
        "hepatic": (140, 180),
        "wall": (70, 105),
    },
}
"""Phases of contrast medium: the range that the mean HU of a tissue is drawn from."""


def draw_tissues(rng: np.random.Generator) -> dict[str, Tissue]:
    """Draw what the organs of one patient measure, by the name of the tissue.

    The phase of contrast medium is drawn, too; most scans of livers are of the portal one.
    """
    phase = PHASES[str(rng.choice(["native", "arterial", "portal"], p=[0.15, 0.2, 0.65]))]
    hu = {name: float(rng.uniform(*limits)) for name, limits in phase.items()}
    meal = float(rng.uniform(120, 260)) if rng.random() < 0.3 else float(rng.uniform(5, 38))
    muscle = float(rng.uniform(46, 66))
    return {
        "skin": Tissue(20, 8),
        "fat": Tissue(float(rng.uniform(-112, -92)), 7),
        "muscle": Tissue(muscle, 9),
        "lung": Tissue(float(rng.uniform(-855, -780)), 38),
        "cortical bone": Tissue(float(rng.uniform(420, 700)), 60),
        "marrow": Tissue(float(rng.uniform(130, 230)), 35),
        "disc": Tissue(85, 10),
        "liver": Tissue(hu["liver"], 5),
        "lesion": Tissue(hu["liver"] - float(rng.uniform(22, 50)), 6),
        "rim": Tissue(hu["liver"] + float(rng.uniform(12, 30)), 5),
        "water": Tissue(float(rng.uniform(2, 16)), 2),
        "spleen": Tissue(hu["spleen"], 5),
        "cortex": Tissue(hu["cortex"], 6),
        "medulla": Tissue(hu["medulla"], 6),
        "artery": Tissue(hu["artery"], 4),
        "portal": Tissue(hu["portal"], 4),
        "hepatic": Tissue(hu["hepatic"], 4),
        "cava": Tissue(0.5 * (hu["hepatic"] + hu["cortex"]), 6),
        "gut wall": Tissue(hu["wall"], 8),
        "pancreas": Tissue(0.9 * hu["wall"], 12),
        "meal": Tissue(meal, 12),
        "chyme": Tissue(float(rng.uniform(10, 45)), 16),
        "stool": Tissue(float(rng.uniform(-20, 50)), 60),
        "gas": Tissue(-985, 3),
    }


class Part(NamedTuple):
    """One row of the painting order.

    Attributes
    ----------
    shape, tissue : str
        What is painted, and what it is made of.
    label : int or None
        Its value in the mask; None leaves that of what is painted over.
    """

    shape: str
    tissue: str
    label: int | None = 0


PARTS = (
    Part("skin", "skin"),
    Part("fat", "fat"),
    Part("muscle", "muscle"),
    Part("intermuscular fat", "fat"),
    Part("rib", "cortical bone"),
    Part("rib marrow", "marrow"),
    Part("rib cartilage", "disc"),
    Part("cavity", "fat"),
    Part("psoas", "muscle"),
    Part("thorax", "muscle"),
    Part("lung", "lung"),
    Part("heart fat", "fat"),
    Part("heart", "muscle"),
    Part("heart chambers", "cava"),
    Part("gullet", "muscle"),
    Part("adrenals", "pancreas"),
    Part("vertebra", "cortical bone"),
    Part("marrow", "marrow"),
    Part("disc", "disc"),
    Part("canal", "water"),
    Part("cord", "muscle"),
    Part("pancreas", "pancreas"),
    Part("small bowel", "gut wall"),
    Part("small bowel contents", "chyme"),
    Part("colon", "gut wall"),
    Part("colon contents", "stool"),
    Part("colon gas", "gas"),
    Part("veins", "portal"),
    Part("portal trunk", "portal"),
    Part("arteries", "artery"),
    Part("aorta", "artery"),
    Part("plaque", "cortical bone"),
    Part("cava", "cava"),
    Part("kidney sinus", "fat"),
    Part("kidney pelvis", "water"),
    Part("kidneys", "cortex", LABELS["kidneys"]),
    Part("kidney medulla", "medulla", None),
    Part("gallbladder", "gut wall"),
    Part("gallbladder bile", "water"),
    Part("stomach", "gut wall", LABELS["stomach"]),
    Part("stomach contents", "meal", None),
    Part("stomach gas", "gas", None),
    Part("spleen", "spleen", LABELS["spleen"]),
    Part("liver", "liver", LABELS["liver"]),
    Part("portal tree", "portal", None),
    Part("hepatic veins", "hepatic", None),
    Part("lesion rim", "rim", None),
    Part("lesion", "lesion", None),
    Part("necrosis", "water", None),
    Part("cyst", "water", None),
)
"""All that is painted, one over the other."""
