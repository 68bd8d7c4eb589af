// Debian's packages are the lock: the build takes no module from anywhere else (GO111MODULE=off). This file is there because Go
// leaves the /v3 of an import path out only for code that has one ("minimal module compatibility").
module peerproof-pion

go 1.19

require (
	github.com/pion/dtls/v2 v2.2.6
	github.com/pion/interceptor v0.1.12
	github.com/pion/logging v0.2.2
	github.com/pion/sctp v1.8.6
	github.com/pion/webrtc/v3 v3.1.56
)
