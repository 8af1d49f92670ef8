package v1

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// recordingsDir has what was recorded of the original, peer-exchange@2.2.0.
const recordingsDir = "../../spec/vectors/v1/"

// originals returns what an original wrote on a control stream, by recording. What its clients wrote by hand is not in it.
func originals(t *testing.T) map[string][]string {
	t.Helper()
	lines := make(map[string][]string)
	for _, source := range []string{"a-tcp-echo", "a2-tcp-reopen", "b-B-A", "b-C-A", "b-C-B-datachannel"} {
		lines[source] = members(load(t, source), "line")
	}
	lines["quirks"] = members(load(t, "quirks"), "receivedMessages")
	lines["client-quirks"] = members(load(t, "client-quirks"), "clientSent")
	lines["relay"] = slices.Concat(members(load(t, "relay"), "incoming"), members(load(t, "relay"), "res"))
	for _, connection := range load(t, "c-websocket-raw").([]any) {
		for _, direction := range connection.(map[string]any) {
			lines["c-websocket-raw"] = append(lines["c-websocket-raw"], controlLines(t, inflated(t, direction.(string)))...)
		}
	}
	return lines
}

func load(t *testing.T, source string) (v any) {
	t.Helper()
	data, err := os.ReadFile(recordingsDir + source + ".json")
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// members returns all texts that stand in a member of that name, or in a list that does.
func members(v any, name string) (texts []string) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			texts = append(texts, members(e, name)...)
		}
	case map[string]any:
		for key, e := range v {
			list, _ := e.([]any)
			if text, is := e.(string); is && key == name {
				texts = append(texts, text)
				continue
			}
			for _, e := range list {
				if text, is := e.(string); is && key == name {
					texts = append(texts, text)
				}
			}
			texts = append(texts, members(e, name)...)
		}
	}
	return texts
}

// inflated returns what one direction of a WebSocket carries whose messages are compressed, each going on where the one
// before ended (RFC 7692).
func inflated(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	_, raw, _ = bytes.Cut(raw, []byte("\r\n\r\n"))
	var packed []byte
	for len(raw) > 0 {
		opcode, length, head := raw[0], int(raw[1]&0x7f), 2
		if length == 126 {
			length, head = int(binary.BigEndian.Uint16(raw[2:])), 4
		}
		mask := make([]byte, 4)
		if raw[1]&0x80 != 0 {
			head += copy(mask, raw[head:])
		}
		payload := raw[head : head+length]
		for i := range payload {
			payload[i] ^= mask[i%4]
		}
		raw = raw[head+length:]
		switch {
		case opcode&0x0f == 8: // close
		case opcode != 0xc2: // whole, compressed, binary
			t.Fatalf("frame %#x", opcode)
		default:
			packed = append(append(packed, payload...), 0, 0, 0xff, 0xff)
		}
	}
	data, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != io.ErrUnexpectedEOF { // it has no last block
		t.Fatal(err)
	}
	return data
}

// controlLines returns the lines on the control streams of one direction of a session, and of those in its circuits: as many
// as were recorded whole.
func controlLines(t *testing.T, b []byte) (lines []string) {
	t.Helper()
	b, ok := bytes.CutPrefix(b, []byte("#PXP#"))
	if !ok {
		t.Fatalf("begins with %.5q", b)
	}
	names, data := make(map[uint64]string), make(map[uint64][]byte)
	for len(b) > 0 {
		head, n := binary.Uvarint(b)
		length, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || uint64(len(b)-n-m) < length {
			break // the recording ended in the middle of it
		}
		payload := b[n+m:][:length]
		b = b[n+m:][length:]
		switch channel := head >> 3; head & 7 {
		case 0:
			names[channel] = string(payload)
		case 2:
			data[channel] = append(data[channel], payload...)
		}
	}
	for channel, name := range names {
		switch kind, _, _ := strings.Cut(name, ":"); kind {
		case "pxp":
			lines = slices.AppendSeq(lines, strings.Lines(string(data[channel])))
		case "relay":
			lines = append(lines, controlLines(t, data[channel])...)
		}
	}
	return lines
}

// TestRecorded: each message that an original wrote is read, and written again byte for byte; and what messages.json says to
// be recorded is.
func TestRecorded(t *testing.T) {
	lines := originals(t)
	for source, want := range map[string]int{
		"a-tcp-echo": 4, "a2-tcp-reopen": 6, "b-B-A": 14, "b-C-A": 16, "b-C-B-datachannel": 8, "c-websocket-raw": 20,
		"quirks": 54, "client-quirks": 34, "relay": 4,
	} {
		if len(lines[source]) < want {
			t.Errorf("%d messages in %s, want at least %d", len(lines[source]), source, want)
		}
		t.Logf("%s: %d messages", source, len(lines[source]))
		for i, line := range lines[source] {
			line = strings.TrimSuffix(line, "\n")
			lines[source][i] = line
			m, err := Decode([]byte(line))
			if err != nil {
				t.Errorf("%s: Decode(%s): %v", source, line, err)
				continue
			}
			if written, err := Append(nil, m); err != nil || string(written) != line+"\n" {
				t.Errorf("%s: written %s, %v, want %s", source, written, err, line)
			}
		}
	}
	for _, v := range loadVectors(t) {
		for _, source := range v.Recorded {
			if !slices.Contains(lines[source], string(v.line(t))) {
				t.Errorf("%q is not in %s", v.Name, source)
			}
		}
	}
}
