"""A seal that hides nothing, for runs in which only the log matters: readable, and cheap."""

from outlast.base.errors import Tampered


class PlainSeal:
    """Not a seal at all, but as strict about which bytes belong where."""

    def seal(self, plaintext: bytes, aad: bytes) -> bytes:
        return aad + b"|" + plaintext

    def open(self, sealed: bytes, aad: bytes) -> bytes:
        if not sealed.startswith(aad + b"|"):
            raise Tampered("not for this slot")
        return sealed[len(aad) + 1 :]
