"""A denoising diffusion model as a plugin of ganzoo."""
