"""Scene geometry and writing results to MRML; shared by desktop Slicer and the browser viewer."""
