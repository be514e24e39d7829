"""DICOM: series of slices or frames, what is read of their headers, and masks."""
