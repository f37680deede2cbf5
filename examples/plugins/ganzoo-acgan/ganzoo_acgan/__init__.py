"""ACGAN: a GAN that draws the class that it is asked for."""
