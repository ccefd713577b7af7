"""One file for each DVC stage: params to pipeline to files, and no logic."""
