"""What carries bytes: HTTP, WebSocket, links between hosts."""
