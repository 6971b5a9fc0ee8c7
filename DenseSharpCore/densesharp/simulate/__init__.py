"""Simulated lung nodules with known class, mask and measurements, in a simulated or real lung.

    latents -> shape (tissue, exact mask) -> background -> scanner -> case -> data set, sample CT

Nothing in here is a patient. The class of a simulated nodule is what its generator says; it is no
pathology, and results on simulated nodules say nothing about clinical accuracy.
"""
