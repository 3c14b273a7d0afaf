"""Where a request came from: for limits, for the audit log, and for the list of one's log-ins."""

import ipaddress
from typing import Final, NamedTuple

from streamhub.domain.audit import AuditEvent, AuditKind

MAX_CLIENT: Final = 120


class Origin(NamedTuple):
    """`address` is the client's, `client` what it calls itself (a User-Agent)."""

    address: str
    client: str = ""
    request_id: str | None = None

    @property
    def network(self) -> str:
        return network_of(self.address)

    def event(
        self,
        kind: AuditKind,
        at: int,
        *,
        actor: str | None = None,
        target: str | None = None,
        detail: str = "",
    ) -> AuditEvent:
        """Something that somebody from here did."""
        return AuditEvent(
            at=at,
            kind=kind,
            actor=actor,
            target=target,
            address=self.address,
            request_id=self.request_id,
            detail=detail,
        )


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 of an IPv6 one, which belongs to
    one subscriber. Anything else (a local socket) stays as it is."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False))


def client_of(user_agent: str) -> str:
    """What a program calls itself, as it is shown and kept: printable, and not too long."""
    return "".join(char for char in user_agent if char.isprintable())[:MAX_CLIENT].strip()
