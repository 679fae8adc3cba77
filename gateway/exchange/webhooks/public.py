"""Calls that reach the public network alone: whoever names an address can't have us knock at doors of our own house.

The address is looked at once the connection stands and before anything is sent: what a name leads to at that moment
counts, whatever it led to before.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from contextlib import suppress

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError


def is_public(address: str) -> bool:
    """Is an IP address one of the public network's, and nothing that leads back into ours?"""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is not None and not inner.is_global:
            return False
        # What isn't given out to anybody leads, if anywhere, to IPv4 addresses in disguise and to ours.
        if found.ipv4_mapped is None and (found not in _GIVEN_OUT or found in _FOR_BOOKS):
            return False
    return found.is_global and not found.is_multicast


_GIVEN_OUT = ipaddress.ip_network("2000::/3")
_FOR_BOOKS = ipaddress.ip_network("3fff::/20")  # the newer one of those for examples (RFC 9637)

# The longest that a whole call takes, however slowly the other end speaks: others' work waits behind it.
WHOLE_CALL_S = 20.0


class _Ending:
    """Cuts a connection off after :data:`WHOLE_CALL_S`, unless it is closed before."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line.dup()  # TLS takes the first one over
        self._timer = threading.Timer(WHOLE_CALL_S, self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)

    def over(self) -> None:
        self._timer.cancel()
        self._line.close()


def _checked(connection: HTTPConnection, line: socket.socket) -> socket.socket:
    if not is_public(line.getpeername()[0]):
        line.close()
        raise NewConnectionError(connection, "not an address of the public network")
    return line


class _Connection(HTTPConnection):
    _ending: _Ending | None = None

    def _new_conn(self) -> socket.socket:
        line = super()._new_conn()
        self._ending = _Ending(line)
        return line

    def close(self) -> None:
        super().close()
        if self._ending is not None:
            self._ending.over()
            self._ending = None


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _PublicConnection(_Connection):
    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _PublicSecureConnection(_SecureConnection):
    def _new_conn(self) -> socket.socket:
        return _checked(self, super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PublicSecureConnection


# For :class:`~gateway.payments.providers.http.Http`: to any other address it is as if nobody were there.
ONLY_PUBLIC = {"http": _PublicPool, "https": _PublicSecurePool}
ANY = {"http": _Pool, "https": _SecurePool}
