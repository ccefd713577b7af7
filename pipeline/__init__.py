"""Darkroom's library, in one direction from left to right.

Ground floor: `errors`, `yaml_file`, `refusal`, `params` (what the user asked for), `files`, `item` (one image and its provenance), `image`
(bytes to pixels), `sheet` (many images on one picture), `engine` (work in parallel), `bounded` (the same, on what strangers
sent), `identity` and `memory` (which code made or learned what), `folder` (an output folder kept in line with an index). Above it
the rooms, each reading only files that the rooms before it wrote: `collect` (words to image files), `curate` (image files to the
list people approved), `prepare` (that list to a versioned dataset), `release` (a dataset for other programs, its versions), `train`
(dataset to generator), `evaluate` (generator to numbers). Nothing here knows a DVC stage; `cli` alone knows a path under data/.
"""
