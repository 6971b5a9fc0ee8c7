"""What can go wrong with the scene, said so that a reader can act on it."""

from densesharp.errors import DenseSharpError


class SceneError(DenseSharpError):
    """A node is missing, of the wrong kind, or its place in the world cannot be used."""
