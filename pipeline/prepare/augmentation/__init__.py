"""Further copies of a picture: the codes, Albumentations by name, chains of both, and a sheet that shows them."""
