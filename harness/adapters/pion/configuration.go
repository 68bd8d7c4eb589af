package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"

	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v3"
)

type configuration struct {
	ICEServers []struct {
		URLs       []string `json:"urls"`
		Username   string   `json:"username"`
		Credential string   `json:"credential"`
	} `json:"iceServers"`
	ICETransportPolicy   string `json:"iceTransportPolicy"`
	BundlePolicy         string `json:"bundlePolicy"`
	ICECandidatePoolSize uint8  `json:"iceCandidatePoolSize"`
	Certificate          string `json:"certificate"`
}

var (
	transportPolicies = map[string]webrtc.ICETransportPolicy{
		"": webrtc.ICETransportPolicyAll, "all": webrtc.ICETransportPolicyAll, "relay": webrtc.ICETransportPolicyRelay,
	}
	bundlePolicies = map[string]webrtc.BundlePolicy{
		"": webrtc.BundlePolicyBalanced, "balanced": webrtc.BundlePolicyBalanced,
		"max-compat": webrtc.BundlePolicyMaxCompat, "max-bundle": webrtc.BundlePolicyMaxBundle,
	}
)

func (c configuration) forPion() (webrtc.Configuration, error) {
	var ready webrtc.Configuration
	var known bool
	if ready.ICETransportPolicy, known = transportPolicies[c.ICETransportPolicy]; !known {
		return ready, reject("TypeError", "unknown iceTransportPolicy %s", c.ICETransportPolicy)
	}
	if ready.BundlePolicy, known = bundlePolicies[c.BundlePolicy]; !known {
		return ready, reject("TypeError", "unknown bundlePolicy %s", c.BundlePolicy)
	}
	ready.ICECandidatePoolSize = c.ICECandidatePoolSize
	for _, server := range c.ICEServers {
		one := webrtc.ICEServer{URLs: server.URLs, Username: server.Username}
		if server.Credential != "" {
			one.Credential = server.Credential
		}
		ready.ICEServers = append(ready.ICEServers, one)
	}
	var key crypto.PrivateKey
	var err error
	switch c.Certificate {
	case "":
		return ready, nil
	case "ECDSA":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "RSASSA-PKCS1-v1_5":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return ready, reject("NotSupportedError", "unknown algorithm %s", c.Certificate)
	}
	if err != nil {
		return ready, err
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return ready, err
	}
	ready.Certificates = []webrtc.Certificate{*certificate}
	return ready, nil
}

// newAPI is what webrtc.NewPeerConnection uses, but for where the logs go and for the kind of ICE agent.
func newAPI(lite bool) (*webrtc.API, error) {
	settings := webrtc.SettingEngine{}
	logs := logging.NewDefaultLoggerFactory()
	logs.Writer = os.Stderr
	settings.LoggerFactory = logs
	settings.SetLite(lite)
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	interceptors := &interceptor.Registry{}
	if err := webrtc.RegisterDefaultInterceptors(media, interceptors); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(
		webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors),
	), nil
}
