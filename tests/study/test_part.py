"""Parts of a study."""

from slicewise.study.part import Part


def test_every_part_is_of_its_study(study):
    parts = [value for value in vars(study).values() if isinstance(value, Part)]
    assert len(parts) == len(Part.__subclasses__()) == len({type(part) for part in parts})
    for part in parts:
        assert part.study is study
        assert part.settings is study.settings
