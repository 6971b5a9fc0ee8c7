"""Looking at data sets, networks and training runs: what the original's notebook offered, and more.

    voxels      slices with masks and contours, montage, histogram, animation (matplotlib)
    mesh        interactive surfaces in a notebook or a page (plotly: the extra `explore`)
    network     a network layer by layer, with shapes and numbers of parameters (torch)
    curves      how a training run went

docs/tutorial/explore.ipynb walks through all of it.
"""
