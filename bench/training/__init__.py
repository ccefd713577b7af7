"""How fast the loop is, beside the one that most people start from."""
