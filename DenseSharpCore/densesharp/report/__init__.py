"""Results as files: pictures, tables, reports, DICOM."""
