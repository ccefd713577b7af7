"""What a person does with a dataset that is made: export it for other programs, compare its versions."""
