"""Turn DICOM or NRRD sources of a case into NIfTI files without identities."""

from pathlib import Path

from slicewise.job import script_job
from slicewise.jobs import Convert
from slicewise.volumes.channels import first_channel, read_channels
from slicewise.volumes.dicom.imaged import Imaged
from slicewise.volumes.dicom.neutral import neutral_names
from slicewise.volumes.dicom.organs import read_organ_masks
from slicewise.volumes.dicom.png import is_png_stack, read_png_mask
from slicewise.volumes.frames import read_frame, read_mask_of_frame
from slicewise.volumes.placing import VoxelGrid
from slicewise.volumes.read import read_mask, read_sources
from slicewise.volumes.structures import grouped, read_structures
from slicewise.volumes.write import write_nifti


def main(snakemake):
    cfg = Convert.of(snakemake)
    images = [Path(path) for path in snakemake.input.get("image")]
    masks = [Path(path) for path in snakemake.input.get("mask")]
    named = neutral_names(cfg.called, images, masks)
    with script_job(snakemake) as log, named as (images, masks):
        channels = grouped(images, cfg.channels)
        if cfg.channels:
            image = read_channels(channels, cfg.absent, in_one=cfg.in_one)
            images = next(paths for _, paths in channels if paths)
        elif cfg.frame is not None:
            image = read_frame(images[0], cfg.frame)
        else:
            image = read_sources(images)
        shown = str(images[0] if len(images) == 1 else images[0].parent)
        grid = VoxelGrid.of(first_channel(image), shown)
        imaged = Imaged(grid, tuple(images))
        if cfg.layout == "ircad":
            # organ folders lie side by side in MASKS_DICOM, in a zip or not
            place = masks[0] if len(masks) == 1 else masks[0].parent.parent
            mask, overlapping = read_organ_masks(place, cfg.labels, images)
            if overlapping:
                log(f"{masks[0]}: {overlapping} voxels are in two organs; the later label has them")
        elif cfg.structures:
            mask, overlapping = read_structures(
                grouped(masks, cfg.structures),
                cfg.labels,
                grid,
                masks=cfg.masks,
                overlaps=cfg.overlaps,
                imaged=imaged,
            )
            if overlapping:
                log(f"{masks[0]}: {overlapping} voxels are in two masks; the later label has them")
        elif is_png_stack(masks):
            mask = read_png_mask(masks, images)
        elif cfg.frame is not None:
            mask = read_mask_of_frame(masks, cfg.labels, cfg.frame, images[0])
        else:
            mask = read_mask(masks, cfg.labels, imaged, cfg.overlaps_of_labels)
        write_nifti(Path(snakemake.output.image), image)
        write_nifti(Path(snakemake.output.mask), mask)


main(snakemake)
