"""An image-search site of our own: `catalogue` is what it has, `server` serves it on this machine."""
