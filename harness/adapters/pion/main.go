// Peerproof's adapter for Pion (https://github.com/pion/webrtc), version 3 as Debian packages it. It speaks the peer protocol,
// version 2 (docs/peer-protocol.md), as JSON lines on standard input and output. Whatever Pion logs goes to standard error.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"sync"
	"time"

	"github.com/pion/sctp"
	"github.com/pion/webrtc/v3/pkg/rtcerr"
)

const protocol = 2

// handler carries out a command. A result of type later is still to come.
type handler func(s *session, args json.RawMessage) (any, error)

// later finishes a command that takes its time, while the next ones are begun.
type later func() (any, error)

var commands map[string]handler

func init() {
	commands = map[string]handler{
		"hello":                hello,
		"createPeerConnection": createPeerConnection,
		"setConfiguration":     setConfiguration,
		"createOffer":          createOffer,
		"createAnswer":         createAnswer,
		"setLocalDescription":  setLocalDescription,
		"setRemoteDescription": setRemoteDescription,
		"addIceCandidate":      addIceCandidate,
		"getState":             getState,
		"getStats":             getStats,
		"close":                closeConnection,
		"end":                  end,
		"createDataChannel":    createDataChannel,
		"send":                 send,
		"echo":                 echo,
		"closeDataChannel":     closeDataChannel,
		"getDataChannel":       getDataChannel,
		"addTransceiver":       addTransceiver,
		"removeTrack":          removeTrack,
		"replaceTrack":         replaceTrack,
		"stopTransceiver":      stopTransceiver,
		"setCodecPreferences":  setCodecPreferences,
		"getTransceivers":      getTransceivers,
	}
}

// lacking says why Pion cannot do what other peers can.
var lacking = map[string]string{
	"restartIce":       "Pion has no RestartIce: only createOffer asks for an ICE restart",
	"setDirection":     "Pion's RTPTransceiver has no SetDirection",
	"createSource":     "Pion passes RTP through, it has no codecs",
	"watch":            "Pion passes RTP through, it has no codecs",
	"addTrack":         "there are no sources: Pion passes RTP through, it has no codecs",
	"applyConstraints": "there are no sources: Pion passes RTP through, it has no codecs",
	"getUserMedia":     "Pion has no capture devices",
	"join":             "this adapter does not act alone",
}

// features are what Pion has. Its documentation begins: "Package webrtc implements the WebRTC 1.0 as defined in W3C WebRTC
// specification document." It passes RTP through, so that it has neither audio nor video of its own.
var features = []string{"w3c-api", "data-channels"}

// unreported are the events that Pion 3.1 never reports: it has no handler for them.
var unreported = []string{"channelclosing", "icecandidateerror", "trackended", "trackmute", "trackunmute"}

func hello(*session, json.RawMessage) (any, error) {
	names := make([]string, 0, len(commands))
	for name := range commands {
		names = append(names, name)
	}
	sort.Strings(names)
	return map[string]any{
		"protocol": protocol, "implementation": "pion", "version": version(), "commands": names, "features": features,
		"unreported": unreported,
	}, nil
}

// version asks Debian, since a build by GOPATH knows no versions of what is in it.
func version() string {
	said, err := exec.Command("dpkg-query", "--show", "--showformat=${Version}", "golang-github-pion-webrtc.v3-dev").Output()
	if err != nil {
		return "3, unknown which"
	}
	return string(said)
}

// line is the way to the harness.
type line struct {
	mutex   sync.Mutex
	session *session
	nextSeq int
}

var (
	started = time.Now()
	out     line
	// Only the protocol may be on standard output: what else is printed there, by any library, goes to standard error.
	output = os.Stdout
)

// now is in milliseconds on this peer's monotonic clock.
func now() float64 {
	return float64(time.Since(started).Nanoseconds()) / 1e6
}

// write needs the lock.
func (l *line) write(message any) {
	text, err := json.Marshal(message)
	if err != nil {
		fail("a message cannot be written: %v", err)
	}
	if _, err := output.Write(append(text, '\n')); err != nil {
		fail("standard output is gone: %v", err)
	}
}

// answer tells what came of a command, unless its case has ended meanwhile.
func (l *line) answer(s *session, id uint64, result any, err error) {
	t := now()
	answer := map[string]any{"ok": result}
	if err != nil {
		answer = refusal(err)
	} else if _, err := json.Marshal(result); err != nil {
		answer = refusal(fmt.Errorf("the result cannot be written: %w", err))
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session == s {
		l.write(map[string]any{"id": id, "t": t, "answer": answer})
	}
}

// report tells an event of a case, unless that has ended. The time is taken under the lock, so that times grow with the numbers.
func (l *line) report(s *session, event string, data any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.session != s {
		return
	}
	message := map[string]any{"seq": l.nextSeq, "t": now(), "event": event}
	if data != nil {
		message["data"] = data
	}
	l.nextSeq++
	l.write(message)
}

// begin begins a case, after the answer to the command that ended the one before.
func (l *line) begin(ended *uint64) *session {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if ended != nil {
		l.write(map[string]any{"id": *ended, "t": now(), "answer": map[string]any{"ok": nil}})
	}
	l.session, l.nextSeq = newSession(), 0
	return l.session
}

// mute has nothing more told of the case.
func (l *line) mute() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.session = nil
}

// unsupported is what cannot be done here, as opposed to what went wrong.
type unsupported string

func (u unsupported) Error() string { return string(u) }

// rejection is an error with the name that the W3C API gives it.
type rejection struct{ name, message string }

func (r rejection) Error() string { return r.message }

func reject(name, format string, values ...any) error {
	return rejection{name, fmt.Sprintf(format, values...)}
}

// refusal is the answer that tells an error.
func refusal(err error) map[string]any {
	var reason unsupported
	if errors.As(err, &reason) {
		return map[string]any{"unsupported": map[string]string{"reason": string(reason)}}
	}
	return map[string]any{"rejected": map[string]string{"name": nameOf(err), "message": err.Error()}}
}

// nameOf is the name of an error: Pion has a type for each that the W3C API names. What it leaves without one failed in operation.
func nameOf(err error) string {
	var own rejection
	if errors.As(err, &own) {
		return own.name
	}
	// A data channel that is not open.
	if errors.Is(err, io.ErrClosedPipe) {
		return "InvalidStateError"
	}
	// A message larger than the remote peer takes (webrtc-pc §6.2).
	if errors.Is(err, sctp.ErrOutboundPacketTooLarge) {
		return "TypeError"
	}
	switch err.(type) {
	case *rtcerr.InvalidStateError:
		return "InvalidStateError"
	case *rtcerr.InvalidAccessError:
		return "InvalidAccessError"
	case *rtcerr.InvalidModificationError:
		return "InvalidModificationError"
	case *rtcerr.NotSupportedError:
		return "NotSupportedError"
	case *rtcerr.SyntaxError:
		return "SyntaxError"
	case *rtcerr.TypeError:
		return "TypeError"
	case *rtcerr.RangeError:
		return "RangeError"
	case *rtcerr.NotReadableError:
		return "NotReadableError"
	case *rtcerr.UnknownError:
		return "UnknownError"
	}
	return "OperationError"
}

// parse reads a command's arguments.
func parse(args json.RawMessage, into any) error {
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	if err := json.Unmarshal(args, into); err != nil {
		return reject("TypeError", "%v", err)
	}
	return nil
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(2)
}

// command is what the harness gives.
type command struct {
	ID      *uint64         `json:"id"`
	Command *string         `json:"command"`
	Args    json.RawMessage `json:"args"`
}

func perform(s *session, given command) {
	run, known := commands[*given.Command]
	if !known {
		reason, why := lacking[*given.Command]
		if !why {
			reason = "unknown command " + *given.Command
		}
		out.answer(s, *given.ID, nil, unsupported(reason))
		return
	}
	result, err := run(s, given.Args)
	if finish, open := result.(later); open {
		go func() {
			result, err := finish()
			out.answer(s, *given.ID, result, err)
		}()
		return
	}
	out.answer(s, *given.ID, result, err)
}

func main() {
	os.Stdout = os.Stderr
	queue := make(chan command, 1024)
	go func() {
		s := out.begin(nil)
		for given := range queue {
			perform(s, given)
			// The next command is the first of another case.
			if *given.Command == "end" {
				s = out.begin(given.ID)
			}
		}
	}()
	input := bufio.NewReader(os.Stdin)
	for {
		text, err := input.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var given command
		if err := json.Unmarshal(text, &given); err != nil || given.ID == nil || given.Command == nil {
			fail("not a command: %.200s", text)
		}
		queue <- given
	}
}
