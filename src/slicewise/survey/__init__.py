"""Looking at a folder of images and masks, and writing down the settings that follow from it."""
