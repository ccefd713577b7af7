"""Which part of a picture is used: the geometry of boxes, uniform borders, what stands out, faces, and a sheet that shows them."""
