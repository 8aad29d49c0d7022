"""What a provider takes by itself: plain HTTP on kept connections, no store, no client library."""

import asyncio
from collections import deque

from outlast.providers.marker import Marker
from outlast.testing.http_connection import HttpConnection


class Raw:
    """Kept connections to one provider."""

    def __init__(self, port: int, bucket: str) -> None:
        self._port = port
        self._bucket = bucket
        self._idle: deque[HttpConnection] = deque()

    async def put(self, key: str, data: bytes, under: Marker | None = None) -> None:
        """Write an object."""
        await self._exchange("PUT", key, data)

    async def get(self, key: str) -> int:
        """Read an object; how many bytes."""
        return len(await self._exchange("GET", key, b""))

    async def _exchange(self, method: str, key: str, data: bytes) -> bytes | bytearray:
        connection = self._idle.popleft() if self._idle else await self._connect()
        head = (
            f"{method} /{self._bucket}/raw/{key} HTTP/1.1\r\nhost: raw\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        response = await connection.exchange(method, head.encode(), data, None)
        assert response.status == 200, response
        self._idle.append(connection)
        return response.body

    async def _connect(self) -> HttpConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(HttpConnection, "127.0.0.1", self._port)
        return connection

    def close(self) -> None:
        """Drop the connections."""
        for connection in self._idle:
            connection.close()
