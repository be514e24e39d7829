"""The sources of methods, as BibTeX and as lines of a list of references."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["article", "inproceedings", "misc"]
WHERE = {"article": "journal", "inproceedings": "booktitle", "misc": "howpublished"}


@dataclass(frozen=True)
class Source:
    """A published source.

    Attributes
    ----------
    kind : str
        Of BibTeX.
    authors : str
        As BibTeX has them: joined by ``and``.
    title, where : str
        Its title; the journal, conference or address.
    year : int
    pages : str
        Of the journal or the proceedings, with two hyphens; empty where there are none.
    volume : int or None
        Of the journal.
    """

    kind: Kind
    authors: str
    title: str
    where: str
    year: int
    pages: str = ""
    volume: int | None = None

    @property
    def reference(self) -> str:
        """A line of a list of references."""
        people = self.authors.replace(" and others", " et al").replace(" and ", "; ").rstrip(".")
        pages = self.pages.replace("--", "–")
        volume = f" {self.volume}" if self.volume else ""
        place = f"{self.where}{volume}{f', {pages}' if pages else ''}"
        return f"{people}. {self.title}. {place} ({self.year})."

    def entry(self, key: str) -> str:
        """Return its entry in a BibTeX file."""
        lines = {
            "author": self.authors,
            "title": f"{{{self.title}}}",
            WHERE[self.kind]: self.where,
            "year": str(self.year),
            "volume": "" if self.volume is None else str(self.volume),
            "pages": self.pages,
        }
        known = ",\n".join(f"  {name} = {{{value}}}" for name, value in lines.items() if value)
        return f"@{self.kind}{{{key},\n{known}\n}}"


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX file of some sources, by their keys."""
    return "\n\n".join(SOURCES[key].entry(key) for key in sorted(keys)) + "\n"


SOURCES = {
    "abadi2016tensorflow": Source(
        "inproceedings",
        "Abadi, Martín and Barham, Paul and Chen, Jianmin and others",
        "TensorFlow: a system for large-scale machine learning",
        "12th USENIX Symposium on Operating Systems Design and Implementation",
        2016,
        "265--283",
    ),
    "bland1986statistical": Source(
        "article",
        "Bland, J. Martin and Altman, Douglas G.",
        "Statistical methods for assessing agreement between two methods of clinical measurement",
        "The Lancet",
        1986,
        "307--310",
        327,
    ),
    "brett2024nibabel": Source(
        "misc",
        "Brett, Matthew and Markiewicz, Christopher J. and Hanke, Michael and others",
        "NiBabel: access to neuroimaging file formats",
        "https://nipy.org/nibabel",
        2024,
    ),
    "chollet2015keras": Source(
        "misc",
        "Chollet, François and others",
        "Keras",
        "https://keras.io",
        2015,
    ),
    "cicek2016unet": Source(
        "inproceedings",
        "Çiçek, Özgün and Abdulkadir, Ahmed and Lienkamp, Soeren S. and Brox, Thomas and "
        "Ronneberger, Olaf",
        "3D U-Net: learning dense volumetric segmentation from sparse annotation",
        "Medical Image Computing and Computer-Assisted Intervention (MICCAI)",
        2016,
        "424--432",
    ),
    "collins2024tripod": Source(
        "article",
        "Collins, Gary S. and Moons, Karel G. M. and Dhiman, Paula and others",
        "TRIPOD+AI statement: updated guidance for reporting clinical prediction models that use "
        "regression or machine learning methods",
        "BMJ",
        2024,
        "e078378",
        385,
    ),
    "dice1945measures": Source(
        "article",
        "Dice, Lee R.",
        "Measures of the amount of ecologic association between species",
        "Ecology",
        1945,
        "297--302",
        26,
    ),
    "dietterich2000ensemble": Source(
        "inproceedings",
        "Dietterich, Thomas G.",
        "Ensemble methods in machine learning",
        "Multiple Classifier Systems",
        2000,
        "1--15",
    ),
    "efron1979bootstrap": Source(
        "article",
        "Efron, Bradley",
        "Bootstrap methods: another look at the jackknife",
        "The Annals of Statistics",
        1979,
        "1--26",
        7,
    ),
    "eljurdi2025confidence": Source(
        "article",
        "El Jurdi, Rosana and Varoquaux, Gaël and Colliot, Olivier",
        "Confidence intervals for performance estimates in brain MRI segmentation",
        "Medical Image Analysis",
        2025,
        "103565",
        103,
    ),
    "gebru2021datasheets": Source(
        "article",
        "Gebru, Timnit and Morgenstern, Jamie and Vecchione, Briana and others",
        "Datasheets for datasets",
        "Communications of the ACM",
        2021,
        "86--92",
        64,
    ),
    "harris2020numpy": Source(
        "article",
        "Harris, Charles R. and Millman, K. Jarrod and van der Walt, Stéfan J. and others",
        "Array programming with NumPy",
        "Nature",
        2020,
        "357--362",
        585,
    ),
    "he2016residual": Source(
        "inproceedings",
        "He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian",
        "Deep residual learning for image recognition",
        "IEEE Conference on Computer Vision and Pattern Recognition (CVPR)",
        2016,
        "770--778",
    ),
    "holm1979multiple": Source(
        "article",
        "Holm, Sture",
        "A simple sequentially rejective multiple test procedure",
        "Scandinavian Journal of Statistics",
        1979,
        "65--70",
        6,
    ),
    "huttenlocher1993hausdorff": Source(
        "article",
        "Huttenlocher, Daniel P. and Klanderman, Gregory A. and Rucklidge, William J.",
        "Comparing images using the Hausdorff distance",
        "IEEE Transactions on Pattern Analysis and Machine Intelligence",
        1993,
        "850--863",
        15,
    ),
    "ioffe2015batch": Source(
        "inproceedings",
        "Ioffe, Sergey and Szegedy, Christian",
        "Batch normalization: accelerating deep network training by reducing internal "
        "covariate shift",
        "International Conference on Machine Learning (ICML)",
        2015,
        "448--456",
    ),
    "isensee2021nnunet": Source(
        "article",
        "Isensee, Fabian and Jaeger, Paul F. and Kohl, Simon A. A. and Petersen, Jens and "
        "Maier-Hein, Klaus H.",
        "nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation",
        "Nature Methods",
        2021,
        "203--211",
        18,
    ),
    "jamieson2016nonstochastic": Source(
        "inproceedings",
        "Jamieson, Kevin and Talwalkar, Ameet",
        "Non-stochastic best arm identification and hyperparameter optimization",
        "International Conference on Artificial Intelligence and Statistics (AISTATS)",
        2016,
        "240--248",
    ),
    "kingma2015adam": Source(
        "inproceedings",
        "Kingma, Diederik P. and Ba, Jimmy",
        "Adam: a method for stochastic optimization",
        "International Conference on Learning Representations (ICLR)",
        2015,
    ),
    "lee2015supervised": Source(
        "inproceedings",
        "Lee, Chen-Yu and Xie, Saining and Gallagher, Patrick and Zhang, Zhengyou and Tu, Zhuowen",
        "Deeply-supervised nets",
        "International Conference on Artificial Intelligence and Statistics (AISTATS)",
        2015,
        "562--570",
    ),
    "lin2017focal": Source(
        "inproceedings",
        "Lin, Tsung-Yi and Goyal, Priya and Girshick, Ross and He, Kaiming and Dollár, Piotr",
        "Focal loss for dense object detection",
        "IEEE International Conference on Computer Vision (ICCV)",
        2017,
        "2980--2988",
    ),
    "loshchilov2017sgdr": Source(
        "inproceedings",
        "Loshchilov, Ilya and Hutter, Frank",
        "SGDR: stochastic gradient descent with warm restarts",
        "International Conference on Learning Representations (ICLR)",
        2017,
    ),
    "loshchilov2019decoupled": Source(
        "inproceedings",
        "Loshchilov, Ilya and Hutter, Frank",
        "Decoupled weight decay regularization",
        "International Conference on Learning Representations (ICLR)",
        2019,
    ),
    "lowekamp2013simpleitk": Source(
        "article",
        "Lowekamp, Bradley C. and Chen, David T. and Ibáñez, Luis and Blezek, Daniel",
        "The design of SimpleITK",
        "Frontiers in Neuroinformatics",
        2013,
        "45",
        7,
    ),
    "maas2013rectifier": Source(
        "inproceedings",
        "Maas, Andrew L. and Hannun, Awni Y. and Ng, Andrew Y.",
        "Rectifier nonlinearities improve neural network acoustic models",
        "ICML Workshop on Deep Learning for Audio, Speech and Language Processing",
        2013,
    ),
    "maierhein2024metrics": Source(
        "article",
        "Maier-Hein, Lena and Reinke, Annika and Godau, Patrick and others",
        "Metrics reloaded: recommendations for image analysis validation",
        "Nature Methods",
        2024,
        "195--212",
        21,
    ),
    "micikevicius2018mixed": Source(
        "inproceedings",
        "Micikevicius, Paulius and Narang, Sharan and Alben, Jonah and others",
        "Mixed precision training",
        "International Conference on Learning Representations (ICLR)",
        2018,
    ),
    "milletari2016vnet": Source(
        "inproceedings",
        "Milletari, Fausto and Navab, Nassir and Ahmadi, Seyed-Ahmad",
        "V-Net: fully convolutional neural networks for volumetric medical image segmentation",
        "International Conference on 3D Vision (3DV)",
        2016,
        "565--571",
    ),
    "mitchell2019model": Source(
        "inproceedings",
        "Mitchell, Margaret and Wu, Simone and Zaldivar, Andrew and others",
        "Model cards for model reporting",
        "Conference on Fairness, Accountability, and Transparency",
        2019,
        "220--229",
    ),
    "molder2021snakemake": Source(
        "article",
        "Mölder, Felix and Jablonski, Kim Philipp and Letcher, Brice and others",
        "Sustainable data analysis with Snakemake",
        "F1000Research",
        2021,
        "33",
        10,
    ),
    "nikolov2021surface": Source(
        "article",
        "Nikolov, Stanislav and Blackwell, Sam and Zverovitch, Alexei and others",
        "Clinically applicable segmentation of head and neck anatomy for radiotherapy: deep "
        "learning algorithm development and validation study",
        "Journal of Medical Internet Research",
        2021,
        "e26151",
        23,
    ),
    "polyak1992averaging": Source(
        "article",
        "Polyak, Boris T. and Juditsky, Anatoli B.",
        "Acceleration of stochastic approximation by averaging",
        "SIAM Journal on Control and Optimization",
        1992,
        "838--855",
        30,
    ),
    "pratt1959zeros": Source(
        "article",
        "Pratt, John W.",
        "Remarks on zeros and ties in the Wilcoxon signed rank procedures",
        "Journal of the American Statistical Association",
        1959,
        "655--667",
        54,
    ),
    "ronneberger2015unet": Source(
        "inproceedings",
        "Ronneberger, Olaf and Fischer, Philipp and Brox, Thomas",
        "U-Net: convolutional networks for biomedical image segmentation",
        "Medical Image Computing and Computer-Assisted Intervention (MICCAI)",
        2015,
        "234--241",
    ),
    "salehi2017tversky": Source(
        "inproceedings",
        "Salehi, Seyed Sadegh Mohseni and Erdogmus, Deniz and Gholipour, Ali",
        "Tversky loss function for image segmentation using 3D fully convolutional deep networks",
        "Machine Learning in Medical Imaging (MLMI)",
        2017,
        "379--387",
    ),
    "srivastava2014dropout": Source(
        "article",
        "Srivastava, Nitish and Hinton, Geoffrey and Krizhevsky, Alex and Sutskever, Ilya and"
        " Salakhutdinov, Ruslan",
        "Dropout: a simple way to prevent neural networks from overfitting",
        "Journal of Machine Learning Research",
        2014,
        "1929--1958",
        15,
    ),
    "tejani2024claim": Source(
        "article",
        "Tejani, Ali S. and Klontzas, Michail E. and Gatti, Anthony A. and others",
        "Checklist for Artificial Intelligence in Medical Imaging (CLAIM): 2024 update",
        "Radiology: Artificial Intelligence",
        2024,
        "e240300",
        6,
    ),
    "ulyanov2016instance": Source(
        "misc",
        "Ulyanov, Dmitry and Vedaldi, Andrea and Lempitsky, Victor",
        "Instance normalization: the missing ingredient for fast stylization",
        "arXiv:1607.08022",
        2016,
    ),
    "vanderwalt2014scikit": Source(
        "article",
        "van der Walt, Stéfan and Schönberger, Johannes L. and Nunez-Iglesias, Juan and others",
        "scikit-image: image processing in Python",
        "PeerJ",
        2014,
        "e453",
        2,
    ),
    "virtanen2020scipy": Source(
        "article",
        "Virtanen, Pauli and Gommers, Ralf and Oliphant, Travis E. and others",
        "SciPy 1.0: fundamental algorithms for scientific computing in Python",
        "Nature Methods",
        2020,
        "261--272",
        17,
    ),
    "welch1947generalization": Source(
        "article",
        "Welch, B. L.",
        "The generalization of 'Student's' problem when several different population variances "
        "are involved",
        "Biometrika",
        1947,
        "28--35",
        34,
    ),
    "wilcoxon1945ranking": Source(
        "article",
        "Wilcoxon, Frank",
        "Individual comparisons by ranking methods",
        "Biometrics Bulletin",
        1945,
        "80--83",
        1,
    ),
    "wilson1927probable": Source(
        "article",
        "Wilson, Edwin B.",
        "Probable inference, the law of succession, and statistical inference",
        "Journal of the American Statistical Association",
        1927,
        "209--212",
        22,
    ),
    "wu2018group": Source(
        "inproceedings",
        "Wu, Yuxin and He, Kaiming",
        "Group normalization",
        "European Conference on Computer Vision (ECCV)",
        2018,
        "3--19",
    ),
    "zaharia2018mlflow": Source(
        "article",
        "Zaharia, Matei and Chen, Andrew and Davidson, Aaron and others",
        "Accelerating the machine learning lifecycle with MLflow",
        "IEEE Data Engineering Bulletin",
        2018,
        "39--45",
        41,
    ),
    "zou2008construction": Source(
        "article",
        "Zou, G. Y. and Donner, Allan",
        "Construction of confidence limits about effect measures: a general approach",
        "Statistics in Medicine",
        2008,
        "1693--1702",
        27,
    ),
}
