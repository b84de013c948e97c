// Compiled into quic-go by an overlay (build.sh), so that a peer can break the protocol on purpose.
package quic

import (
	"github.com/quic-go/quic-go/internal/protocol"
	"github.com/quic-go/quic-go/internal/wire"
)

type rawFrame []byte

func (f rawFrame) Append(b []byte, _ protocol.Version) ([]byte, error) { return append(b, f...), nil }

func (f rawFrame) Length(protocol.Version) protocol.ByteCount { return protocol.ByteCount(len(f)) }

type noAcks struct{}

func (noAcks) GetAckFrame(protocol.EncryptionLevel, bool) *wire.AckFrame { return nil }

// Inject sends these bytes as a frame, whatever they are.
func Inject(c Connection, frame []byte) { c.(*connection).queueControlFrame(rawFrame(frame)) }

// Queued tells how many frames wait to be sent.
func Queued(c Connection) int {
	f := c.(*connection).framer
	f.controlFrameMutex.Lock()
	defer f.controlFrameMutex.Unlock()
	return len(f.controlFrames)
}

// StopAcknowledging sends no ACK frame any more.
func StopAcknowledging(c Connection) { c.(*connection).packer.(*packetPacker).acks = noAcks{} }
