"""Library of the Slicer modules. `scene` needs MRML and numpy only; the rest needs Slicer."""
