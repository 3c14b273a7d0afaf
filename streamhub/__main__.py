"""`python -m streamhub` is the `streamhub` command."""

from streamhub.cluster.cli import main

if __name__ == "__main__":
    main()
