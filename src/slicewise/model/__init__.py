"""The U-net: layers, losses, augmentation, training and prediction (Keras lives here only)."""
