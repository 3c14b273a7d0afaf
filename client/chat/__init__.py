"""`streamhub chat`: the terminal client."""
