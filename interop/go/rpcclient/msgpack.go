package main

import (
	"encoding/binary"
	"fmt"
)

// A map whose keys keep their order: key, value, key, value, …
type fields []any

// pack appends a value as MessagePack (msgpack.org, version 2013) in its general forms.
func pack(to []byte, value any) []byte {
	switch v := value.(type) {
	case int:
		if v >= 0 && v < 128 {
			return append(to, byte(v))
		}
		return binary.BigEndian.AppendUint64(append(to, 0xd3), uint64(v))
	case string:
		return append(binary.BigEndian.AppendUint32(append(to, 0xdb), uint32(len(v))), v...)
	case []byte:
		return append(binary.BigEndian.AppendUint32(append(to, 0xc6), uint32(len(v))), v...)
	case []any:
		to = binary.BigEndian.AppendUint32(append(to, 0xdd), uint32(len(v)))
		for _, item := range v {
			to = pack(to, item)
		}
		return to
	case fields:
		to = binary.BigEndian.AppendUint32(append(to, 0xdf), uint32(len(v)/2))
		for _, item := range v {
			to = pack(to, item)
		}
		return to
	}
	panic(fmt.Sprintf("cannot pack %T", value))
}

// unpack reads one value and returns what follows it. Integers become int, maps map[any]any; neither floats nor booleans occur here.
func unpack(from []byte) (any, []byte) {
	b := from[0]
	rest := from[1:]
	uint := func(size int) int {
		n := 0
		for _, x := range rest[:size] {
			n = n<<8 | int(x)
		}
		rest = rest[size:]
		return n
	}
	take := func(n int) []byte {
		taken := rest[:n]
		rest = rest[n:]
		return taken
	}
	array := func(n int) (any, []byte) {
		items := make([]any, n)
		for i := range items {
			items[i], rest = unpack(rest)
		}
		return items, rest
	}
	table := func(n int) (any, []byte) {
		items := map[any]any{}
		for ; n > 0; n-- {
			var key, value any
			key, rest = unpack(rest)
			value, rest = unpack(rest)
			items[key] = value
		}
		return items, rest
	}
	switch {
	case b < 0x80:
		return int(b), rest
	case b < 0x90:
		return table(int(b & 15))
	case b < 0xa0:
		return array(int(b & 15))
	case b < 0xc0:
		return string(take(int(b & 31))), rest
	case b >= 0xe0:
		return int(int8(b)), rest
	case b == 0xc0:
		return nil, rest
	case b >= 0xc4 && b <= 0xc6:
		return take(uint(1 << (b - 0xc4))), rest
	case b >= 0xcc && b <= 0xcf:
		return uint(1 << (b - 0xcc)), rest
	case b >= 0xd0 && b <= 0xd3:
		shift := 64 - 8<<(b-0xd0)
		return uint(1<<(b-0xd0)) << shift >> shift, rest
	case b >= 0xd9 && b <= 0xdb:
		return string(take(uint(1 << (b - 0xd9)))), rest
	case b == 0xdc, b == 0xdd:
		return array(uint(2 << (b - 0xdc)))
	case b == 0xde, b == 0xdf:
		return table(uint(2 << (b - 0xde)))
	}
	panic(fmt.Sprintf("cannot unpack 0x%x", b))
}
