"""InfoGAN as a plugin on top of DCGAN: codes, a network that reads them, and the mutual information loss."""
