"""The sub-commands of `densesharp study`, one module each."""
