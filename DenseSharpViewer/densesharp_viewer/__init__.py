"""The browser viewer: 3D Slicer views of a CT in a web page."""
