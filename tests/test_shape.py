"""How code is written down: short functions, few positional parameters, a test file a module.

The lists hold what is still to be mended. They only get shorter.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "src" / "slicewise"
LONGEST = 60
WIDEST = 5

TOO_LONG = {
    "dataset/case_record.py:make_record",
    "dataset/split.py:split_cases",
    "evaluation/cases.py:score_cases",
    "job.py:job",
    "network/unet.py:build_unet",
    "report/comparison.py:comparison_report",
    "report/experiment.py:experiment_report",
    "reproduce.py:reproduce",
    "slices/batches.py:epoch_batches",
    "slices/extract.py:extract",
    "tracking/models.py:send_model",
    "training/augmentation.py:draw",
    "training/fit.py:fit_preprocess",
    "training/loop.py:train",
    "volumes/checks.py:label_indices",
    "volumes/placing.py:on_image",
}
"""Functions of more than 60 lines."""

TOO_WIDE = {
    "dataset/case_record.py:make_record",
    "evaluation/cases.py:score_cases",
    "evaluation/statistics.py:case_rows",
    "inference/requests.py:requests_of",
    "phantom/patient.py:_plane",
    "report/cases.py:case_figures",
    "report/cases.py:_figures",
    "report/viewer.py:plane_views",
    "report/viewer.py:_view",
    "report/words.py:_found",
    "slices/cases.py:cut_case",
    "slices/context.py:fill",
    "slices/extract.py:extract",
    "tracking/live.py:Tracker.begin",
    "tracking/live.py:Tracker.evaluated",
    "tracking/models.py:send_model",
    "tracking/registry.py:_decide",
    "training/augmentation.py:draw",
    "training/loop.py:train",
    "training/loop.py:training_key",
    "training/loop.py:_Run.__init__",
    "volumes/checks.py:_refuse_offset",
    "volumes/placing.py:on_image",
    "volumes/placing.py:_refused",
    "volumes/stated.py:_Payload.__init__",
}
"""Functions with more than five positional parameters."""

UNMIRRORED = {
    "config/schema.py",
    "errors.py",
    "evaluation/intervals.py",
    "evaluation/results.py",
    "inference/prefetch.py",
    "network/backend.py",
    "network/card.py",
    "network/layers.py",
    "report/cases.py",
    "reproduce.py",
    "tracking/live.py",
    "tracking/mirror.py",
    "tracking/said.py",
    "tracking/sync.py",
    "tracking/view.py",
    "training/checkpoints.py",
    "training/trainer.py",
    "volumes/dicom/headers.py",
    "volumes/dicom/stack.py",
    "volumes/formats.py",
    "volumes/itk_child.py",
    "volumes/volume.py",
}
"""Modules without a test file of their name."""

PACKED = {
    "compare.py": 2,
    "config/load.py": 3,
    "config/schema.py": 1,
    "config/unused.py": 1,
    "dataset/case_record.py": 1,
    "dataset/content.py": 2,
    "dataset/duplicates.py": 8,
    "dataset/ingest.py": 1,
    "dataset/keys.py": 8,
    "dataset/layouts.py": 2,
    "dataset/leakage.py": 1,
    "dataset/names.py": 1,
    "dataset/overlay.py": 2,
    "dataset/shapes.py": 3,
    "dataset/split.py": 1,
    "dataset/tables.py": 2,
    "dataset/truth.py": 1,
    "evaluation/cases.py": 1,
    "evaluation/comparison.py": 1,
    "evaluation/detection.py": 2,
    "evaluation/intervals.py": 2,
    "evaluation/ledger.py": 1,
    "evaluation/signed_rank.py": 1,
    "files.py": 1,
    "inference/predict.py": 3,
    "inference/requests.py": 2,
    "inference/serving.py": 2,
    "metrics/failures.py": 4,
    "metrics/lesions.py": 3,
    "metrics/overlap.py": 1,
    "metrics/surface.py": 1,
    "needs.py": 2,
    "network/backend.py": 1,
    "network/layers.py": 1,
    "network/precision.py": 1,
    "overview.py": 1,
    "phantom/patient.py": 20,
    "records.py": 4,
    "report/cases.py": 1,
    "report/changed.py": 2,
    "report/comparison.py": 1,
    "report/cost.py": 2,
    "report/evidence.py": 1,
    "report/figures.py": 5,
    "report/viewer.py": 1,
    "report/words.py": 7,
    "reproduce.py": 6,
    "slices/batches.py": 5,
    "slices/bound.py": 5,
    "slices/cases.py": 2,
    "slices/context.py": 2,
    "slices/extract.py": 2,
    "slices/grid.py": 1,
    "slices/oblique.py": 1,
    "slices/staging.py": 1,
    "sources.py": 1,
    "stored.py": 1,
    "tracking/energy.py": 1,
    "tracking/journal.py": 7,
    "tracking/live.py": 5,
    "tracking/mirror.py": 7,
    "tracking/names.py": 1,
    "tracking/patience.py": 4,
    "tracking/registry.py": 2,
    "tracking/scores.py": 1,
    "tracking/secrets.py": 1,
    "training/augmentation.py": 18,
    "training/fit.py": 2,
    "training/loop.py": 19,
    "training/losses.py": 4,
    "training/plan.py": 3,
    "training/trainer.py": 4,
    "training/validation.py": 8,
    "volumes/checks.py": 3,
    "volumes/companions.py": 1,
    "volumes/described.py": 1,
    "volumes/dicom/stack.py": 1,
    "volumes/intensity.py": 2,
    "volumes/padding.py": 2,
    "volumes/placing.py": 3,
    "volumes/repeats.py": 2,
}
"""Assignments of several values in one line, by module."""


def name(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


def functions(tree: ast.AST, above: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            here = f"{above}.{node.name}" if above else node.name
            if not isinstance(node, ast.ClassDef):
                yield here, node
            yield from functions(node, here)
        else:
            yield from functions(node, above)


TREES = {
    name(path): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(LIBRARY.rglob("*.py"))
}
FUNCTIONS = {
    f"{module}:{dotted}": node for module, tree in TREES.items() for dotted, node in functions(tree)
}


def test_functions_are_short():
    long = {each for each, f in FUNCTIONS.items() if f.end_lineno - f.lineno + 1 > LONGEST}
    assert not long - TOO_LONG


def test_functions_take_few_positional_parameters():
    def width(node: ast.FunctionDef) -> int:
        names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
        return len([each for each in names if each not in ("self", "cls")])

    assert not {each for each, f in FUNCTIONS.items() if width(f) > WIDEST} - TOO_WIDE


def test_each_module_has_a_test_of_its_name():
    lacking = {
        module
        for module in TREES
        if not module.endswith("__init__.py")
        and not (ROOT / "tests" / module).with_name(f"test_{Path(module).name}").exists()
    }
    assert not lacking - UNMIRRORED


def is_packed(node: ast.AST) -> bool:
    """Tell whether a statement assigns several things that are no exchange."""
    if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Tuple):
        return False
    if not isinstance(node.value, ast.Tuple):
        return False
    given = {ast.unparse(each) for each in node.value.elts}
    return {ast.unparse(each) for each in node.targets[0].elts} != given


@pytest.mark.parametrize("module", TREES)
def test_a_statement_assigns_one_thing(module):
    packed = [ast.unparse(node) for node in ast.walk(TREES[module]) if is_packed(node)]
    assert len(packed) <= PACKED.get(module, 0), packed
