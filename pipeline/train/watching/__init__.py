"""What a person sees of a run: a history that survives a kill, pictures of samples, curves, and alarms that say what to try."""

from pipeline.train.watching.watch import Watch, watching

__all__ = ["Watch", "watching"]
