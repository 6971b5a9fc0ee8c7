"""Statistics of readers and models, used by reader studies and by training."""
