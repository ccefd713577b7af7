"""Scores that flag what a person may want to look at: `measure` gives all of them, of a file's bytes (`file_marks`), of light and
colour, and of what is in the picture (`pixel_marks`)."""
