"""Numbers and texts in few bytes: what tokens are made of."""

from __future__ import annotations


class Packer:
    """Appends values to bytes. Small numbers take one byte."""

    def __init__(self) -> None:
        self.data = bytearray()

    def number(self, value: int) -> None:
        """Append an integer from 0 on, seven bits a byte, the lowest first."""
        if value < 0:
            raise ValueError(f"{value} is below 0")
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def signed(self, value: int) -> None:
        """Append any integer."""
        self.number(value << 1 if value >= 0 else ~value << 1 | 1)

    def text(self, value: str) -> None:
        """Append a text with its length."""
        raw = value.encode()
        self.number(len(raw))
        self.data += raw

    def raw(self, value: bytes) -> None:
        """Append bytes whose number the reader knows."""
        self.data += value


class Unpacker:
    """Reads the values back in the same order. Raises ValueError when the bytes end before."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def number(self) -> int:
        """Read what Packer.number wrote."""
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self) -> int:
        """Read what Packer.signed wrote."""
        value = self.number()
        return ~(value >> 1) if value & 1 else value >> 1

    def text(self) -> str:
        """Read what Packer.text wrote."""
        return self.raw(self.number()).decode()

    def raw(self, count: int) -> bytes:
        """Read so many bytes."""
        piece = self._data[self.at : self.at + count]
        if len(piece) < count:
            raise ValueError("it ends too early")
        self.at += count
        return piece

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.raw(len(self._data) - self.at)
