"""WGAN-GP out of DCGAN's parts, and the R1 penalty for any GAN."""
