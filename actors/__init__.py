"""Actors: decide, store, apply. Plain objects without sockets, SQL or clocks of their own."""
