package main

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/pion/webrtc/v3"
)

// session is all that belongs to one case.
type session struct {
	// mutex guards what event handlers share with commands.
	mutex    sync.Mutex
	pc       *webrtc.PeerConnection
	created  webrtc.SessionDescription
	channels map[string]*webrtc.DataChannel
	echoes   map[string]answerer
	sctp     webrtc.SCTPTransportState
	// sent is closed when the last `send` has ended, by channel: the next one waits for it.
	sent    map[*webrtc.DataChannel]chan struct{}
	stopped map[*webrtc.RTPTransceiver]bool
}

func newSession() *session {
	return &session{
		channels: map[string]*webrtc.DataChannel{},
		echoes:   map[string]answerer{},
		sctp:     webrtc.SCTPTransportStateConnecting,
		sent:     map[*webrtc.DataChannel]chan struct{}{},
		stopped:  map[*webrtc.RTPTransceiver]bool{},
	}
}

func (s *session) report(event string, data any) { out.report(s, event, data) }

// connection is the one that has to be there.
func (s *session) connection() (*webrtc.PeerConnection, error) {
	if s.pc == nil {
		return nil, reject("InvalidStateError", "no peer connection yet")
	}
	return s.pc, nil
}

func createPeerConnection(s *session, args json.RawMessage) (any, error) {
	var given struct {
		Configuration configuration `json:"configuration"`
		ICE           struct {
			Lite bool `json:"lite"`
			TCP  bool `json:"tcp"`
		} `json:"ice"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	if given.ICE.TCP {
		return nil, unsupported("Pion 3.1 has passive TCP candidates alone, no active ones")
	}
	if s.pc != nil {
		return nil, reject("InvalidStateError", "the peer connection exists already")
	}
	ready, err := given.Configuration.forPion()
	if err != nil {
		return nil, err
	}
	api, err := newAPI(given.ICE.Lite)
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(ready)
	if err != nil {
		return nil, err
	}
	s.pc = pc
	s.watchConnection()
	s.watchTransports()
	return nil, nil
}

type state struct {
	State string `json:"state"`
}

func (s *session) watchConnection() {
	pc := s.pc
	pc.OnNegotiationNeeded(func() { s.report("negotiationneeded", nil) })
	pc.OnSignalingStateChange(func(to webrtc.SignalingState) { s.report("signalingstatechange", state{to.String()}) })
	pc.OnICEGatheringStateChange(func(to webrtc.ICEGathererState) {
		// Pion's gatherer has a state "closed", which RTCIceGatheringState has not.
		if to != webrtc.ICEGathererStateClosed {
			s.report("icegatheringstatechange", state{to.String()})
		}
	})
	pc.OnICEConnectionStateChange(func(to webrtc.ICEConnectionState) { s.report("iceconnectionstatechange", state{to.String()}) })
	pc.OnConnectionStateChange(func(to webrtc.PeerConnectionState) {
		s.noteSCTP()
		s.report("connectionstatechange", state{to.String()})
	})
	pc.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			s.report("icecandidate", map[string]any{"candidate": nil})
			return
		}
		s.report("icecandidate", map[string]any{"candidate": candidateOf(candidate.ToJSON())})
	})
	pc.OnDataChannel(func(channel *webrtc.DataChannel) {
		s.noteSCTP()
		s.report("datachannel", map[string]any{"channel": infoOf(channel)})
		s.watchChannel(channel)
	})
	pc.OnTrack(s.takeTrack)
}

// candidateOf leaves out what Pion leaves out. It does not say which media section a candidate belongs to: sdpMid is always empty.
func candidateOf(init webrtc.ICECandidateInit) map[string]any {
	candidate := map[string]any{"candidate": init.Candidate}
	if init.SDPMid != nil {
		candidate["sdpMid"] = *init.SDPMid
	}
	if init.SDPMLineIndex != nil {
		candidate["sdpMLineIndex"] = *init.SDPMLineIndex
	}
	if init.UsernameFragment != nil {
		candidate["usernameFragment"] = *init.UsernameFragment
	}
	return candidate
}

// watchTransports relies on Pion having one transport of each kind, from the beginning: it bundles everything.
func (s *session) watchTransports() {
	dtls := s.pc.SCTP().Transport()
	dtls.OnStateChange(func(to webrtc.DTLSTransportState) {
		if to == webrtc.DTLSTransportStateConnected {
			s.tellKeys(dtls)
		}
		s.report("dtlsstatechange", state{to.String()})
	})
	ice := dtls.ICETransport()
	ice.OnConnectionStateChange(func(to webrtc.ICETransportState) { s.report("icetransportstatechange", state{to.String()}) })
	ice.OnSelectedCandidatePairChange(func(pair *webrtc.ICECandidatePair) {
		s.report("selectedcandidatepairchange", map[string]string{
			"local": pair.Local.ToJSON().Candidate, "remote": pair.Remote.ToJSON().Candidate,
		})
	})
}

// noteSCTP is called where the association's state may have changed: Pion's SCTPTransport has a state, but no event for it.
func (s *session) noteSCTP() {
	current := s.pc.SCTP().State()
	s.mutex.Lock()
	changed := current != s.sctp
	s.sctp = current
	s.mutex.Unlock()
	if changed {
		s.report("sctpstatechange", state{current.String()})
	}
}

func setConfiguration(s *session, args json.RawMessage) (any, error) {
	var given struct {
		Configuration *configuration `json:"configuration"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	if given.Configuration == nil {
		return nil, reject("TypeError", "the configuration is missing")
	}
	ready, err := given.Configuration.forPion()
	if err != nil {
		return nil, err
	}
	return nil, pc.SetConfiguration(ready)
}

func createOffer(s *session, args json.RawMessage) (any, error) {
	var given struct {
		ICERestart bool `json:"iceRestart"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	return s.keep(pc.CreateOffer(&webrtc.OfferOptions{ICERestart: given.ICERestart}))
}

func createAnswer(s *session, _ json.RawMessage) (any, error) {
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	return s.keep(pc.CreateAnswer(nil))
}

func (s *session) keep(description webrtc.SessionDescription, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	s.created = description
	return description, nil
}

func setLocalDescription(s *session, args json.RawMessage) (any, error) {
	var given struct {
		Description *webrtc.SessionDescription `json:"description"`
		AsType      *webrtc.SDPType            `json:"asType"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	wanted := given.Description
	if given.AsType != nil {
		wanted = &webrtc.SessionDescription{Type: *given.AsType, SDP: s.created.SDP}
	}
	if wanted == nil {
		return nil, unsupported("Pion's SetLocalDescription has no implicit form")
	}
	if err := pc.SetLocalDescription(*wanted); err != nil {
		return nil, err
	}
	return pc.LocalDescription(), nil
}

func setRemoteDescription(s *session, args json.RawMessage) (any, error) {
	var given struct {
		Description *webrtc.SessionDescription `json:"description"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	if given.Description == nil {
		return nil, reject("TypeError", "the description is missing")
	}
	return nil, pc.SetRemoteDescription(*given.Description)
}

func addIceCandidate(s *session, args json.RawMessage) (any, error) {
	var given struct {
		// Without a candidate this is the end of candidates, which Pion takes as an empty one.
		Candidate webrtc.ICECandidateInit `json:"candidate"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	return nil, pc.AddICECandidate(given.Candidate)
}

func getState(s *session, _ json.RawMessage) (any, error) {
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	dtls := pc.SCTP().Transport()
	return map[string]any{
		"signaling":         pc.SignalingState().String(),
		"iceGathering":      pc.ICEGatheringState().String(),
		"iceConnection":     pc.ICEConnectionState().String(),
		"connection":        pc.ConnectionState().String(),
		"dtls":              dtls.State().String(),
		"ice":               dtls.ICETransport().State().String(),
		"sctp":              pc.SCTP().State().String(),
		"localDescription":  pc.LocalDescription(),
		"remoteDescription": pc.RemoteDescription(),
		"canTrickle":        nil,
	}, nil
}

func getStats(s *session, _ json.RawMessage) (any, error) {
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	return pc.GetStats(), nil
}

func closeConnection(s *session, _ json.RawMessage) (any, error) {
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	return nil, pc.Close()
}

// end forgets the case. A connection that takes long to close goes on closing while the next case begins: nothing of it is told. The
// answer is for whoever begins the next case.
func end(s *session, _ json.RawMessage) (any, error) {
	out.mute()
	if s.pc == nil {
		return nil, nil
	}
	closed := make(chan error, 1)
	go func() { closed <- s.pc.Close() }()
	select {
	case <-closed:
	case <-time.After(3 * time.Second):
	}
	return nil, nil
}
