"""InfoGAN-CR: codes that a reader can tell apart, and the choice of a model without labels."""
