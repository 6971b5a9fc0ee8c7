"""The paper's two networks and the files their weights live in.

Importing this package loads no torch: `architecture`, `model_file` and `keras_weights` need numpy
only, `densenet` and `densesharp` need torch.
"""
