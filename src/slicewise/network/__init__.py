"""The U-net: layers, precision, the model card, loading and saving."""
