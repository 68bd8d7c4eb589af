"""All that this adapter takes from aiortc and aioice without being offered it. A new version may have moved it."""

from collections.abc import Callable

from aiortc import RTCCertificate, RTCPeerConnection
from aiortc.rtcicetransport import RTCIceTransport, candidate_from_aioice
from aiortc.sdp import candidate_to_sdp
from OpenSSL import SSL


def tell_keys(tell: Callable[[str], None]) -> None:
    """Has every DTLS connection tell its secrets, in the NSS key log format. pyOpenSSL offers that, aiortc does not."""
    create = RTCCertificate._create_ssl_context

    def create_and_tell(*args: object, **kwargs: object) -> SSL.Context:
        context = create(*args, **kwargs)
        context.set_keylog_callback(lambda _, line: tell(line.decode()))
        return context

    RTCCertificate._create_ssl_context = create_and_tell


def selected_pair(transport: RTCIceTransport) -> tuple[str, str] | None:
    """The candidate-attributes of the nominated pair, which aioice keeps to itself."""
    pair = transport._connection._nominated.get(1)
    if pair is None:
        return None
    local, remote = (candidate_from_aioice(each) for each in (pair.local_candidate, pair.remote_candidate))
    return f"candidate:{candidate_to_sdp(local)}", f"candidate:{candidate_to_sdp(remote)}"


def sections(connection: RTCPeerConnection) -> list[tuple[int, str, RTCIceTransport]]:
    """Index, MID and ICE transport of each media section, which no description tells while candidates are gathered."""
    found = []
    for transceiver in connection.getTransceivers():
        if transceiver.mid is not None:
            ice = transceiver.receiver.transport.transport
            found.append((transceiver._get_mline_index(), transceiver.mid, ice))
    if connection.sctp is not None and connection.sctp.mid is not None:
        index = connection._RTCPeerConnection__sctp_mline_index
        found.append((index, connection.sctp.mid, connection.sctp.transport.transport))
    return sorted(found, key=lambda section: section[0])
