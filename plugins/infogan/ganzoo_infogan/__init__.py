"""InfoGAN as a plugin on DCGAN: codes, a network to read them, and the mutual information loss."""
