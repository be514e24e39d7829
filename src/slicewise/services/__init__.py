"""A model that others ask over the network: scans by HTTP, studies by DICOM."""
