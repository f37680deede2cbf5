"""Plugins that keep the contract, and those that break one rule of it each.

A list of each kind says of every offer which checks shall fail, and what the message shall name.
"""

from rule_breakers.losses import LOSSES, TellsBrightness
from rule_breakers.models import MODELS, Capturable, Forgetful, Sound
from rule_breakers.others import DATASETS, METRICS, OBSERVERS, never, not_here, plain_number
from rule_breakers.priors import PRIORS

__all__ = [
    "DATASETS",
    "LOSSES",
    "METRICS",
    "MODELS",
    "OBSERVERS",
    "PRIORS",
    "Capturable",
    "Forgetful",
    "Sound",
    "TellsBrightness",
    "never",
    "not_here",
    "plain_number",
]
