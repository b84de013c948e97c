package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
)

const (
	defineMethod, request, response, fault, cancel, responseOnStream, item, end = 1, 2, 3, 4, 5, 6, 7, 8 // frames
	settingsFrame, goAway                                                       = 0x20, 0x21
	endOfInput, notExecuted                                                     = 1, 2       // flags
	control, lane, callStream, largeResponse                                    = 0, 1, 2, 3 // streams
	noError, cancelled                                                          = 0, 1       // error codes
)

type frame struct {
	kind, flags  byte
	callID, arg  uint32
	ext, payload []byte
}

func (f frame) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(12+len(f.ext)+len(f.payload)))
	b = append(b, f.kind, f.flags)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.ext)))
	b = binary.LittleEndian.AppendUint32(b, f.callID)
	b = binary.LittleEndian.AppendUint32(b, f.arg)
	return append(append(b, f.ext...), f.payload...)
}

func readFrame(r io.Reader) (frame, error) {
	var h [16]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return frame{}, err
	}
	length, extension := binary.LittleEndian.Uint32(h[0:]), uint32(binary.LittleEndian.Uint16(h[6:]))
	if length < 12+extension || length > 12+65535+4<<20 {
		return frame{}, fmt.Errorf("a frame of length %d with an extension of %d", length, extension)
	}
	body := make([]byte, length-12)
	if _, err := io.ReadFull(r, body); err != nil {
		return frame{}, err
	}
	return frame{h[4], h[5], binary.LittleEndian.Uint32(h[8:]), binary.LittleEndian.Uint32(h[12:]), body[:extension], body[extension:]}, nil
}

// field returns one value of the frame's extension, nil where it is absent.
func (f frame) field(key int) any {
	if len(f.ext) == 0 {
		return nil
	}
	all, _ := unpack(f.ext)
	return all.(map[any]any)[key]
}

type faultError struct {
	status      uint32
	message     string
	details     []byte
	notExecuted bool
}

func (e *faultError) Error() string {
	return fmt.Sprintf("fault %d %q details %x not executed %v", e.status, e.message, e.details, e.notExecuted)
}

func (f frame) fault() error {
	message, _ := f.field(6).(string)
	details, _ := f.field(7).([]byte)
	return &faultError{f.arg, message, details, f.flags&notExecuted != 0}
}

type pending struct {
	terminal chan frame // what came on the lane
	large    chan frame // what came on a stream of its own
}

type client struct {
	conn    quic.Connection
	inline  int
	mutex   sync.Mutex
	lane    quic.SendStream
	methods map[string]uint32
	calls   map[uint32]*pending
	nextID  uint32
	goAway  chan string
}

type options struct {
	timeout  time.Duration
	metadata []any
}

func (o options) extension(method string) []byte {
	f := fields{}
	if o.timeout > 0 {
		f = append(f, 1, int(o.timeout.Microseconds()))
	}
	if o.metadata != nil {
		f = append(f, 4, o.metadata)
	}
	if method != "" {
		f = append(f, 9, method)
	}
	return pack(nil, f)
}

func connect(ctx context.Context, address string, security *tls.Config) (*client, error) {
	security.NextProtos = []string{"rpcnet/1"}
	conn, err := quic.DialAddr(ctx, address, security, &quic.Config{MaxIncomingStreams: -1, MaxIncomingUniStreams: 300, KeepAlivePeriod: time.Second})
	if err != nil {
		return nil, err
	}
	c := &client{conn: conn, inline: 16384, methods: map[string]uint32{}, calls: map[uint32]*pending{}, goAway: make(chan string, 1)}
	own, err := conn.OpenUniStream()
	if err != nil {
		return nil, err
	}
	own.Write(append(quicvarint.Append(nil, control), frame{kind: settingsFrame, payload: pack(nil, fields{})}.encode()...))
	ready := make(chan error, 1)
	go c.acceptStreams(ready)
	if err = <-ready; err == nil {
		c.lane, err = conn.OpenUniStreamSync(ctx)
	}
	if err != nil {
		return nil, err
	}
	_, err = c.lane.Write(quicvarint.Append(quicvarint.Append(nil, lane), 0))
	return c, err
}

func (c *client) acceptStreams(ready chan<- error) {
	for {
		stream, err := c.conn.AcceptUniStream(context.Background())
		if err != nil {
			ready <- err
			return
		}
		go func() {
			r := quicvarint.NewReader(stream)
			switch kind, _ := quicvarint.Read(r); kind {
			case control:
				first, err := readFrame(r)
				if err == nil {
					all, _ := unpack(first.payload)
					if limit, ok := all.(map[any]any)[1].(int); ok && limit < c.inline {
						c.inline = limit
					}
				}
				ready <- err
				for err == nil {
					var f frame
					if f, err = readFrame(r); f.kind == goAway {
						c.goAway <- string(f.payload)
					}
				}
			case lane:
				quicvarint.Read(r)
				for f, err := readFrame(r); err == nil; f, err = readFrame(r) {
					if f.kind == response || f.kind == fault || f.kind == responseOnStream {
						c.deliver(f.callID, f, func(p *pending) chan frame { return p.terminal })
					}
				}
			case largeResponse:
				id, _ := quicvarint.Read(r)
				if f, err := readFrame(r); err == nil {
					c.deliver(uint32(id), f, func(p *pending) chan frame { return p.large })
				}
			default:
				stream.CancelRead(noError)
			}
		}()
	}
}

func (c *client) deliver(id uint32, f frame, to func(*pending) chan frame) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if p := c.calls[id]; p != nil {
		to(p) <- f
	}
}

// unary makes a call on the lane, or on a stream where its arguments are too large for that. Giving up sends CANCEL.
func (c *client) unary(ctx context.Context, method string, arguments []byte, o options) (frame, error) {
	if len(arguments) > c.inline {
		call, err := c.open(ctx, method, arguments, o, false)
		if err != nil {
			return frame{}, err
		}
		return call.result()
	}
	p := &pending{make(chan frame, 1), make(chan frame, 1)}
	c.mutex.Lock()
	c.nextID++
	id := c.nextID
	c.calls[id] = p
	number, known := c.methods[method]
	var out []byte
	if !known {
		number = uint32(len(c.methods) + 1)
		c.methods[method] = number
		out = frame{kind: defineMethod, arg: number, payload: []byte(method)}.encode()
	}
	c.lane.Write(append(out, frame{kind: request, callID: id, arg: number, ext: o.extension(""), payload: arguments}.encode()...))
	c.mutex.Unlock()
	done := ctx.Done()
	for {
		select {
		case <-c.conn.Context().Done():
			return frame{}, context.Cause(c.conn.Context())
		case <-done:
			done = nil
			c.mutex.Lock()
			c.lane.Write(frame{kind: cancel, callID: id}.encode())
			c.mutex.Unlock()
		case f := <-p.terminal:
			if f.kind == responseOnStream {
				f = <-p.large
			}
			c.mutex.Lock()
			delete(c.calls, id)
			c.mutex.Unlock()
			if f.kind == fault {
				return f, f.fault()
			}
			return f, nil
		}
	}
}

type streamCall struct{ quic.Stream }

// open starts a call on a stream of its own.
func (c *client) open(ctx context.Context, method string, arguments []byte, o options, input bool) (*streamCall, error) {
	stream, err := c.conn.OpenStreamSync(ctx)
	if err != nil {
		return nil, err
	}
	f := frame{kind: request, ext: o.extension(method), payload: arguments}
	if !input {
		f.flags = endOfInput
	}
	_, err = stream.Write(append(quicvarint.Append(nil, callStream), f.encode()...))
	if err == nil && !input {
		err = stream.Close()
	}
	return &streamCall{stream}, err
}

func (s *streamCall) send(value any) error {
	_, err := s.Write(frame{kind: item, payload: pack(nil, value)}.encode())
	return err
}

func (s *streamCall) sendEnd() error {
	if _, err := s.Write(frame{kind: end}.encode()); err != nil {
		return err
	}
	return s.Close()
}

// next returns the next item; io.EOF after the last one.
func (s *streamCall) next() (any, error) {
	for {
		switch f, err := readFrame(s); {
		case err != nil:
			return nil, fmt.Errorf("broken call: %w", err)
		case f.kind == item:
			value, _ := unpack(f.payload)
			return value, nil
		case f.kind == end:
			return nil, io.EOF
		case f.kind == fault:
			return nil, f.fault()
		}
	}
}

// result returns the one response of a call without a stream of answers.
func (s *streamCall) result() (frame, error) {
	for {
		switch f, err := readFrame(s); {
		case err != nil || f.kind == response:
			return f, err
		case f.kind == fault:
			return f, f.fault()
		}
	}
}
