"""Commands around trainings: whether a run can be made again to the bit."""
