"""DCGAN as a plugin: networks to build on, the usual losses, and the noise prior."""
