"""Training: loop, state, losses, augmentation, schedule, checkpoints, validation."""
