"""Darkroom's library, in one direction from left to right.

Ground floor: `errors`, `yaml_file`, `params` (what the user asked for), `item` (one image and its provenance),
`image` (bytes to pixels), `sheet` (many images on one picture), `engine` (work in parallel), `folder`
(an output folder kept in line with an index). Above it five rooms, each reading only files that the
room before it wrote: `collect` (words to image files), `curate` (image files to the list people
approved), `prepare` (that list to a versioned dataset), `train` (dataset to generator), `evaluate`
(generator to numbers). Nothing here knows a DVC stage; `cli` alone knows a path under data/.
"""
