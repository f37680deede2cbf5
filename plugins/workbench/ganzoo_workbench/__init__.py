"""Commands around trainings: bench, doctor, explore, push, report, sweep, verify; and trackers."""
