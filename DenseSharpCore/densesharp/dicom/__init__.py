"""Results as DICOM SEG and structured report, and back."""
