"""CRC-32C of a whole from those of its parts (RFC 3720, appendix B.4: the Castagnoli polynomial).

The method is zlib's `crc32_combine`: appending n zero bytes to a text multiplies its checksum by
x^(8n) modulo the polynomial, https://github.com/madler/zlib/blob/master/crc32.c
"""

from functools import lru_cache
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78  # reflected
_ONE: Final = 1 << 31  # x^0, reflected


def combined(first: int, second: int, second_bytes: int) -> int:
    """The CRC-32C of two texts behind each other: those of each, and the length of the second."""
    return _times(_x_to(8 * second_bytes), first) ^ second


def _times(a: int, b: int) -> int:
    """The product of two polynomials modulo ours."""
    product = 0
    for bit in range(31, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)
    return product


@lru_cache(maxsize=64)  # parts of a file have one size, but for the last
def _x_to(power: int) -> int:
    """x^power modulo the polynomial, by squaring."""
    result, square = _ONE, _ONE >> 1
    while power:
        if power & 1:
            result = _times(square, result)
        square = _times(square, square)
        power >>= 1
    return result
