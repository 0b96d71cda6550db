"""A playground for denoising diffusion: closed-form maths, samplers, a U-Net, and a page to touch them in."""
