package main

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"os"
	"reflect"
	"unsafe"

	"github.com/pion/dtls/v2"
	"github.com/pion/webrtc/v3"
)

// tellKeys reports the secret of a DTLS connection that is up. dtls.Config has a KeyLogWriter, but webrtc 3.1 lets nobody set it; what is
// needed is all in the state that dtls.Conn exports to be resumed elsewhere. Only the way to that dtls.Conn is private.
func (s *session) tellKeys(transport *webrtc.DTLSTransport) {
	line, err := keyLine(transport)
	if err != nil {
		fmt.Fprintf(os.Stderr, "the keys cannot be told: %v\n", err)
		return
	}
	s.report("keylog", map[string]string{"line": line})
}

func keyLine(transport *webrtc.DTLSTransport) (string, error) {
	field := reflect.ValueOf(transport).Elem().FieldByName("conn")
	if !field.IsValid() {
		return "", fmt.Errorf("DTLSTransport has no field conn")
	}
	conn, ok := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface().(*dtls.Conn)
	if !ok || conn == nil {
		return "", fmt.Errorf("the field conn of DTLSTransport is no connection")
	}
	exported := conn.ConnectionState()
	encoded, err := exported.MarshalBinary()
	if err != nil {
		return "", err
	}
	var state struct {
		LocalRandom, RemoteRandom [32]byte
		MasterSecret              []byte
		IsClient                  bool
	}
	if err := gob.NewDecoder(bytes.NewReader(encoded)).Decode(&state); err != nil {
		return "", err
	}
	client := state.RemoteRandom
	if state.IsClient {
		client = state.LocalRandom
	}
	return fmt.Sprintf("CLIENT_RANDOM %x %x", client, state.MasterSecret), nil
}
