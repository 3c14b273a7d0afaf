"""Files of the SDK: uploads that go on after whatever interrupts them, and downloads."""

from streamhub.client.files.downloading import Downloader
from streamhub.client.files.errors import TransferFailed
from streamhub.client.files.uploading import Uploader

__all__ = ["Downloader", "TransferFailed", "Uploader"]
