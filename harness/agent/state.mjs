// Descriptions and states of a connection as the protocol has them (docs/peer-protocol.md, "getState").

/**
 * A description in the protocol; null without one.
 * @param {RTCSessionDescriptionInit | null} description
 * @returns {RTCSessionDescriptionInit | null}
 */
export function descriptionOf(description) {
  return description && { type: description.type, sdp: description.sdp };
}

/**
 * What `getState` answers.
 * @param {RTCPeerConnection} pc
 * @param {RTCDtlsTransport | undefined} dtls its first DTLS transport
 * @returns {object}
 */
export function stateOf(pc, dtls) {
  // A closed connection of Firefox throws where the standard has a value.
  const closed = pc.signalingState === "closed";
  return {
    signaling: pc.signalingState,
    iceGathering: pc.iceGatheringState,
    iceConnection: pc.iceConnectionState,
    connection: pc.connectionState,
    dtls: dtls?.state ?? null,
    ice: dtls?.iceTransport?.state ?? null,
    sctp: closed ? null : pc.sctp?.state ?? null,
    localDescription: closed ? null : descriptionOf(pc.localDescription),
    remoteDescription: closed ? null : descriptionOf(pc.remoteDescription),
    canTrickle: closed ? null : pc.canTrickleIceCandidates ?? null,
  };
}
