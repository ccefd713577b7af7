"""Looking at images and judging them: a page served on this machine, and a sheet that travels by itself."""
