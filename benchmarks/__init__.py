"""What StreamHub costs beside peers that do the same work, measured in one run."""
