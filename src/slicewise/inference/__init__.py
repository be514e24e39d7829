"""From volumes to masks: views, batches, assembly on the native grid, serving."""
