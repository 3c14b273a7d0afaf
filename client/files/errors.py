"""What can go wrong with a file on its way."""

from streamhub.client.errors import ClientError


class TransferFailed(ClientError):
    """It cannot go on; trying again begins anew, or makes no sense."""
