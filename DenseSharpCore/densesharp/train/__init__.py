"""Training DenseSharp: data set, augmentation, loss, metrics, Lightning module, evaluation.

dataset -> augment -> batches -> module (loss, metrics) -> fit -> model file -> evaluate
"""
