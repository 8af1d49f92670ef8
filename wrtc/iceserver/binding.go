//go:build !js

package iceserver

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"
)

// What RFC 8489 says of messages, as far as it is needed here:
//
//	offset  size  field
//	0       2     type: Binding request 0x0001, success 0x0101, error 0x0111
//	2       2     length of what follows the header, a multiple of 4
//	4       4     magic cookie 0x2112a442
//	8       12    transaction ID
//	20            attributes: type (2), length (2), value, padding to a multiple of 4
const (
	headerSize = 20
	cookie     = 0x2112a442

	typeRequest = 0x0001
	typeSuccess = 0x0101
	typeError   = 0x0111

	attrErrorCode         = 0x0009
	attrUnknownAttributes = 0x000a
	attrXORMappedAddress  = 0x0020

	familyIPv4 = 0x01
	familyIPv6 = 0x02

	// An attribute of a type below this must be understood (comprehension-required).
	optionalFrom = 0x8000

	// maxUnknown is how many attributes an error names: an answer is never larger than one to IPv6.
	maxUnknown = 4
)

// isRequest says whether a packet is a Binding request, as far as its header shows.
func isRequest(p []byte) bool {
	return len(p) >= headerSize && binary.BigEndian.Uint16(p) == typeRequest && binary.BigEndian.Uint32(p[4:]) == cookie &&
		int(binary.BigEndian.Uint16(p[2:])) == len(p)-headerSize && len(p)%4 == 0
}

// asks says whether a packet can be a request of STUN or TURN: something that is answered. (What is relayed comes in indications and in ChannelData.)
func asks(p []byte) bool { return len(p) >= 2 && p[0] < 0x40 && binary.BigEndian.Uint16(p)&0x0110 == 0 }

// forTURN says whether a packet may be one of TURN that is answered only if asks counts it. pion/turn answers more: it does not look at the first two bits of a
// message, does not mind what stands behind it, and says of an indication, too, which attributes it does not know.
func forTURN(p []byte) bool {
	switch {
	case len(p) < 4 || p[0] >= 0x80:
		return false
	case p[0] >= 0x40: // ChannelData
		return int(binary.BigEndian.Uint16(p[2:])) <= len(p)-4
	case len(p) < headerSize || int(binary.BigEndian.Uint16(p[2:])) != len(p)-headerSize:
		return false
	case asks(p):
		return true
	}
	unknown, ok := notUnderstood(p[headerSize:])
	return ok && len(unknown) == 0
}

// answer appends to dst what a Binding request from an address is answered with; nothing when its attributes are broken.
func answer(dst, request []byte, from netip.AddrPort) []byte {
	unknown, ok := notUnderstood(request[headerSize:])
	if !ok {
		return dst
	}
	if len(unknown) > 0 {
		return appendUnknown(dst, request, unknown)
	}
	ip, port := from.Addr().Unmap(), from.Port()
	family, size := byte(familyIPv6), 20
	if ip.Is4() {
		family, size = familyIPv4, 8
	}
	dst = appendHeader(dst, typeSuccess, 4+size, request)
	dst = binary.BigEndian.AppendUint16(dst, attrXORMappedAddress)
	dst = binary.BigEndian.AppendUint16(dst, uint16(size))
	dst = append(dst, 0, family)
	dst = binary.BigEndian.AppendUint16(dst, port^cookie>>16)
	for i, b := range ip.AsSlice() {
		dst = append(dst, b^request[4+i]) // the cookie, and behind it the transaction ID
	}
	return dst
}

func appendHeader(dst []byte, typ, length int, request []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(typ))
	dst = binary.BigEndian.AppendUint16(dst, uint16(length))
	return append(dst, request[4:headerSize]...)
}

// appendUnknown is error 420 without words: RFC 8489 section 6.3.1.
func appendUnknown(dst, request []byte, unknown []uint16) []byte {
	if len(unknown)%2 == 1 {
		unknown = append(unknown, unknown[0]) // in the way of RFC 3489; else it would have to be padded
	}
	dst = appendHeader(dst, typeError, 8+4+2*len(unknown), request)
	dst = binary.BigEndian.AppendUint16(dst, attrErrorCode)
	dst = append(dst, 0, 4, 0, 0, 4, 20)
	dst = binary.BigEndian.AppendUint16(dst, attrUnknownAttributes)
	dst = binary.BigEndian.AppendUint16(dst, uint16(2*len(unknown)))
	for _, typ := range unknown {
		dst = binary.BigEndian.AppendUint16(dst, typ)
	}
	return dst
}

// notUnderstood returns the attributes that must be understood and are not, the first few; false when the attributes do not fill the message.
func notUnderstood(attributes []byte) (unknown []uint16, ok bool) {
	for len(attributes) > 0 {
		if len(attributes) < 4 {
			return nil, false
		}
		typ := binary.BigEndian.Uint16(attributes)
		size := (int(binary.BigEndian.Uint16(attributes[2:])) + 3) &^ 3
		if len(attributes) < 4+size {
			return nil, false
		}
		attributes = attributes[4+size:]
		if typ < optionalFrom && !stun.AttrType(typ).Known() && !slices.Contains(unknown, typ) && len(unknown) < maxUnknown {
			unknown = append(unknown, typ)
		}
	}
	return unknown, true
}
