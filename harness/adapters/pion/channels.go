package main

import (
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pion/webrtc/v3"
)

type channelInfo struct {
	Label             string  `json:"label"`
	Ordered           bool    `json:"ordered"`
	Protocol          string  `json:"protocol"`
	Negotiated        bool    `json:"negotiated"`
	ID                *uint16 `json:"id,omitempty"`
	MaxRetransmits    *uint16 `json:"maxRetransmits,omitempty"`
	MaxPacketLifeTime *uint16 `json:"maxPacketLifeTime,omitempty"`
}

func infoOf(channel *webrtc.DataChannel) channelInfo {
	return channelInfo{
		Label:             channel.Label(),
		Ordered:           channel.Ordered(),
		Protocol:          channel.Protocol(),
		Negotiated:        channel.Negotiated(),
		ID:                channel.ID(),
		MaxRetransmits:    channel.MaxRetransmits(),
		MaxPacketLifeTime: channel.MaxPacketLifeTime(),
	}
}

// channelNamed is the newest channel of that label, which has to be there.
func (s *session) channelNamed(label string) (*webrtc.DataChannel, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if channel, known := s.channels[label]; known {
		return channel, nil
	}
	return nil, reject("NotFoundError", "unknown channel %s", label)
}

// watchChannel reports what happens on a channel. Pion says nothing when a channel begins to close.
func (s *session) watchChannel(channel *webrtc.DataChannel) {
	label := channel.Label()
	s.mutex.Lock()
	s.channels[label] = channel
	s.mutex.Unlock()
	channel.OnOpen(func() {
		s.noteSCTP()
		s.report("channelopen", map[string]any{"channel": infoOf(channel)})
	})
	channel.OnBufferedAmountLow(func() { s.report("bufferedamountlow", map[string]string{"channel": label}) })
	channel.OnClose(func() { s.report("channelclose", named(channel)) })
	channel.OnError(func(err error) { s.report("channelerror", map[string]string{"channel": label, "error": err.Error()}) })
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		data := named(channel)
		delete(data, "channel")
		data["message"] = described(label, message)
		s.report("channelmessage", data)
		s.mutex.Lock()
		answer := s.echoes[label]
		s.mutex.Unlock()
		if answer == nil {
			return
		}
		for _, back := range answer(message) {
			if err := transmit(channel, back); err != nil {
				s.report("channelerror", map[string]string{"channel": label, "error": "echo: " + err.Error()})
			}
		}
	})
}

// named says which channel is meant, by the label and by the stream identifier if it is known.
func named(channel *webrtc.DataChannel) map[string]any {
	data := map[string]any{"channel": channel.Label()}
	if id := channel.ID(); id != nil {
		data["id"] = *id
	}
	return data
}

func described(label string, message webrtc.DataChannelMessage) map[string]any {
	told := map[string]any{
		"channel": label, "text": message.IsString, "size": len(message.Data), "crc32": crc32.ChecksumIEEE(message.Data),
	}
	if message.IsString && len(message.Data) <= 1024 {
		told["value"] = string(message.Data)
	}
	return told
}

func transmit(channel *webrtc.DataChannel, message webrtc.DataChannelMessage) error {
	if message.IsString {
		return channel.SendText(string(message.Data))
	}
	return channel.Send(message.Data)
}

func createDataChannel(s *session, args json.RawMessage) (any, error) {
	var given struct {
		Label *string `json:"label"`
		webrtc.DataChannelInit
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	pc, err := s.connection()
	if err != nil {
		return nil, err
	}
	if given.Label == nil {
		return nil, reject("TypeError", "the label is missing")
	}
	channel, err := pc.CreateDataChannel(*given.Label, &given.DataChannelInit)
	if err != nil {
		return nil, err
	}
	s.watchChannel(channel)
	return infoOf(channel), nil
}

type payload struct {
	Text    *string `json:"text"`
	Binary  *string `json:"binary"`
	Pattern *struct {
		Size uint32 `json:"size"`
		Seed uint32 `json:"seed"`
		Text bool   `json:"text"`
	} `json:"pattern"`
}

// round is the message to send the n-th time.
func (p payload) round(n uint32) (webrtc.DataChannelMessage, error) {
	switch {
	case p.Text != nil:
		return webrtc.DataChannelMessage{IsString: true, Data: []byte(*p.Text)}, nil
	case p.Binary != nil:
		bytes, err := base64.StdEncoding.DecodeString(*p.Binary)
		if err != nil {
			return webrtc.DataChannelMessage{}, reject("TypeError", "binary is not base64: %v", err)
		}
		return webrtc.DataChannelMessage{Data: bytes}, nil
	case p.Pattern != nil:
		bytes := make([]byte, p.Pattern.Size)
		x := p.Pattern.Seed + n
		for i := range bytes {
			x = x*1664525 + 1013904223
			bytes[i] = byte(x >> 24)
			if p.Pattern.Text {
				bytes[i] = 'a' + bytes[i]%26
			}
		}
		return webrtc.DataChannelMessage{IsString: p.Pattern.Text, Data: bytes}, nil
	}
	return webrtc.DataChannelMessage{}, reject("TypeError", "the message has neither text nor binary nor pattern")
}

// full is how many bytes may be in a channel's buffer before send waits.
const full = 4 << 20

func send(s *session, args json.RawMessage) (any, error) {
	var given struct {
		Channel string  `json:"channel"`
		Message payload `json:"message"`
		Times   *uint32 `json:"times"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	if _, err := s.connection(); err != nil {
		return nil, err
	}
	channel, err := s.channelNamed(given.Channel)
	if err != nil {
		return nil, err
	}
	if _, err := given.Message.round(0); err != nil {
		return nil, err
	}
	times := uint32(1)
	if given.Times != nil {
		times = *given.Times
	}
	before, done := s.sent[channel], make(chan struct{})
	s.sent[channel] = done
	return later(func() (any, error) {
		defer close(done)
		if before != nil {
			<-before
		}
		for n := uint32(0); n < times; n++ {
			for channel.ReadyState() == webrtc.DataChannelStateOpen && channel.BufferedAmount() > full {
				time.Sleep(5 * time.Millisecond)
			}
			message, err := given.Message.round(n)
			if err == nil {
				err = transmit(channel, message)
			}
			if err != nil {
				return nil, err
			}
		}
		return nil, nil
	}), nil
}

// answerer is what an echo does with a message: it returns those to send back now.
type answerer func(message webrtc.DataChannelMessage) []webrtc.DataChannelMessage

// newAnswerer is nil for a defect that does not exist.
func newAnswerer(defect string) answerer {
	type messages = []webrtc.DataChannelMessage
	switch defect {
	case "none":
		return func(message webrtc.DataChannelMessage) messages { return messages{message} }
	case "corrupt-last-byte":
		return func(message webrtc.DataChannelMessage) messages {
			bytes := append([]byte(nil), message.Data...)
			if len(bytes) > 0 {
				bytes[len(bytes)-1] ^= 1
			}
			if message.IsString && !utf8.Valid(bytes) {
				bytes = []byte(strings.ToValidUTF8(string(bytes), "\uFFFD"))
			}
			return messages{{IsString: message.IsString, Data: bytes}}
		}
	case "swap-pairs":
		var held messages
		return func(message webrtc.DataChannelMessage) messages {
			if held == nil {
				held = messages{message}
				return nil
			}
			both := messages{message, held[0]}
			held = nil
			return both
		}
	case "as-text":
		return func(message webrtc.DataChannelMessage) messages {
			if message.IsString {
				return messages{message}
			}
			characters := make([]rune, len(message.Data))
			for i, each := range message.Data {
				characters[i] = rune(each)
			}
			return messages{{IsString: true, Data: []byte(string(characters))}}
		}
	case "drop-every-third":
		count := 0
		return func(message webrtc.DataChannelMessage) messages {
			if count++; count%3 == 0 {
				return nil
			}
			return messages{message}
		}
	}
	return nil
}

func echo(s *session, args json.RawMessage) (any, error) {
	given := struct {
		Channel *string `json:"channel"`
		Defect  *string `json:"defect"`
	}{}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	if given.Channel == nil {
		return nil, reject("TypeError", "the channel is missing")
	}
	defect := "none"
	if given.Defect != nil {
		defect = *given.Defect
	}
	answer := newAnswerer(defect)
	if answer == nil {
		return nil, reject("TypeError", "unknown defect %s", defect)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.echoes[*given.Channel] = answer
	return nil, nil
}

// argumentChannel is the channel that the arguments name.
func (s *session) argumentChannel(args json.RawMessage) (*webrtc.DataChannel, error) {
	var given struct {
		Channel string `json:"channel"`
	}
	if err := parse(args, &given); err != nil {
		return nil, err
	}
	if _, err := s.connection(); err != nil {
		return nil, err
	}
	return s.channelNamed(given.Channel)
}

func closeDataChannel(s *session, args json.RawMessage) (any, error) {
	channel, err := s.argumentChannel(args)
	if err != nil {
		return nil, err
	}
	return nil, channel.Close()
}

func getDataChannel(s *session, args json.RawMessage) (any, error) {
	channel, err := s.argumentChannel(args)
	if err != nil {
		return nil, err
	}
	return struct {
		channelInfo
		ReadyState     string `json:"readyState"`
		BufferedAmount uint64 `json:"bufferedAmount"`
	}{infoOf(channel), channel.ReadyState().String(), channel.BufferedAmount()}, nil
}
