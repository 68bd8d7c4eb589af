package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pion/webrtc/v3"
)

// takeTrack reports a remote track. Pion calls it when the first packet has come, not when the description is set. Packets are read
// and dropped, RTP as well as RTCP, which is what moves Pion's interceptors (NACK, reports): of a sender report that nobody reads they
// know nothing.
func (s *session) takeTrack(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
	mid := any(nil)
	for _, each := range s.pc.GetTransceivers() {
		if each.Receiver() == receiver && each.Mid() != "" {
			mid = each.Mid()
		}
	}
	streams := []string{}
	if track.StreamID() != "" {
		streams = append(streams, track.StreamID())
	}
	s.report("track", map[string]any{"id": track.ID(), "kind": track.Kind().String(), "mid": mid, "streams": streams})
	go func() {
		for {
			if _, _, err := receiver.ReadRTCP(); err != nil {
				return
			}
		}
	}()
	for {
		if _, _, err := track.ReadRTP(); err != nil {
			return
		}
	}
}

func kindOf(name string) (webrtc.RTPCodecType, error) {
	switch name {
	case "audio":
		return webrtc.RTPCodecTypeAudio, nil
	case "video":
		return webrtc.RTPCodecTypeVideo, nil
	}
	return 0, reject("TypeError", "unknown kind %q", name)
}

var directions = map[string]webrtc.RTPTransceiverDirection{
	"sendrecv": webrtc.RTPTransceiverDirectionSendrecv,
	"sendonly": webrtc.RTPTransceiverDirectionSendonly,
	"recvonly": webrtc.RTPTransceiverDirectionRecvonly,
	"inactive": webrtc.RTPTransceiverDirectionInactive,
}

func addTransceiver(s *session, args json.RawMessage) (any, error) {
	given := struct {
		Kind      string          `json:"kind"`
		Direction string          `json:"direction"`
		Track     *string         `json:"track"`
		Encodings json.RawMessage `json:"sendEncodings"`
	}{Direction: "sendrecv"}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	if given.Track != nil {
		return nil, reject("NotFoundError", "unknown local track %s", *given.Track)
	}
	if given.Encodings != nil {
		return nil, unsupported("there are no sources to send encodings of: Pion passes RTP through, it has no codecs")
	}
	kind, err := kindOf(given.Kind)
	if err != nil {
		return nil, err
	}
	direction, known := directions[given.Direction]
	if !known {
		return nil, reject("TypeError", "unknown direction %s", given.Direction)
	}
	added, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction})
	if err != nil {
		return nil, err
	}
	for index, each := range pc.GetTransceivers() {
		if each == added {
			return map[string]any{"transceiver": index, "mid": midOf(added)}, nil
		}
	}
	return nil, fmt.Errorf("the transceiver is not among those of the connection")
}

func midOf(transceiver *webrtc.RTPTransceiver) any {
	if mid := transceiver.Mid(); mid != "" {
		return mid
	}
	return nil
}

// argumentTransceiver is the transceiver that the arguments name by its index.
func (s *session) argumentTransceiver(args json.RawMessage) (*webrtc.RTPTransceiver, error) {
	var given struct {
		Transceiver *uint `json:"transceiver"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	if given.Transceiver == nil {
		return nil, reject("TypeError", "the transceiver is missing")
	}
	all := pc.GetTransceivers()
	if *given.Transceiver >= uint(len(all)) {
		return nil, reject("NotFoundError", "unknown transceiver %d", *given.Transceiver)
	}
	return all[*given.Transceiver], nil
}

// senderOf is the sender that has the track which the arguments name.
func (s *session) senderOf(args json.RawMessage) (*webrtc.RTPSender, error) {
	var given struct {
		Track string `json:"track"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	for _, sender := range pc.GetSenders() {
		if track := sender.Track(); track != nil && track.ID() == given.Track {
			return sender, nil
		}
	}
	return nil, reject("NotFoundError", "no sender has the track %s", given.Track)
}

func removeTrack(s *session, args json.RawMessage) (any, error) {
	sender, err := s.senderOf(args)
	if err != nil {
		return nil, err
	}
	return nil, s.pc.RemoveTrack(sender)
}

func replaceTrack(s *session, args json.RawMessage) (any, error) {
	var given struct {
		With *string `json:"with"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	sender, err := s.senderOf(args)
	if err != nil {
		return nil, err
	}
	if given.With != nil {
		return nil, reject("NotFoundError", "unknown local track %s", *given.With)
	}
	return nil, sender.ReplaceTrack(nil)
}

func stopTransceiver(s *session, args json.RawMessage) (any, error) {
	transceiver, err := s.argumentTransceiver(args)
	if err != nil {
		return nil, err
	}
	s.stopped[transceiver] = true
	return nil, transceiver.Stop()
}

func setCodecPreferences(s *session, args json.RawMessage) (any, error) {
	var given struct {
		MIMETypes []string `json:"mimeTypes"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	transceiver, err := s.argumentTransceiver(args)
	if err != nil {
		return nil, err
	}
	all := transceiver.Receiver().GetParameters().Codecs
	var chosen []webrtc.RTPCodecParameters
	for _, name := range given.MIMETypes {
		for _, codec := range all {
			if strings.EqualFold(codec.MimeType, name) {
				chosen = append(chosen, codec)
			}
		}
	}
	if len(chosen) == 0 {
		return nil, unsupported("Pion has none of " + strings.Join(given.MIMETypes, ", "))
	}
	for _, codec := range chosen {
		for _, rtx := range all {
			if strings.EqualFold(rtx.MimeType, "video/rtx") && rtx.SDPFmtpLine == fmt.Sprintf("apt=%d", codec.PayloadType) {
				chosen = append(chosen, rtx)
			}
		}
	}
	return nil, transceiver.SetCodecPreferences(chosen)
}

// getTransceivers does not tell currentDirection, which Pion keeps to itself.
func getTransceivers(s *session, _ json.RawMessage) (any, error) {
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	told := []map[string]any{}
	for _, each := range pc.GetTransceivers() {
		one := map[string]any{
			"mid": midOf(each), "kind": each.Kind().String(), "direction": each.Direction().String(),
			"stopped": s.stopped[each], "sender": nil, "receiver": nil,
		}
		if sender := each.Sender(); sender != nil && sender.Track() != nil {
			one["sender"] = sender.Track().ID()
		}
		if receiver := each.Receiver(); receiver != nil && receiver.Track() != nil {
			one["receiver"] = receiver.Track().ID()
		}
		told = append(told, one)
	}
	return told, nil
}
