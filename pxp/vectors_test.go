package pxp

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
)

// vector is one entry of spec/vectors/messages.json; PXP §15 describes the file.
type vector struct {
	Name      string
	Hex       string // the frame; missing where only writing is tested
	Type      string
	Fields    *vectorFields
	Canonical *bool  // false: the frame can be read but is not written like this
	Error     string // the field that is refused
}

type vectorFields struct {
	ID         uint32
	Type       Type
	Version    uint16
	Agent      string
	Proof      hexBytes
	Observed   string
	Accepts    bool
	Features   []string
	Max        int
	Token      hexBytes
	From       hexBytes
	First      hexBytes
	Transport  string
	Kind       UpgradeKind
	Text       string
	Mid        string
	Line       uint16
	Code       Code
	Reason     string
	Port       uint16
	Username   string
	Password   string
	Seconds    uint32
	Candidates []struct {
		Peer, Token hexBytes
		Protocol    uint8
	}
}

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (v *vector) message(t *testing.T) Message {
	f := v.Fields
	if len(f.First) == 0 {
		f.First = nil
	}
	switch v.Type {
	case "hello":
		m := Hello{f.Version, f.Agent, [32]byte(f.Proof), f.Observed, f.Accepts, f.Features}
		if len(f.Features) == 0 {
			m.Features = nil
		}
		return m
	case "getpeers":
		return GetPeers{f.ID, f.Max}
	case "relay":
		return Relay{f.ID, Token(f.Token), f.First}
	case "incoming":
		return Incoming{f.ID, Token(f.Token), [32]byte(f.From), f.First}
	case "upgrade":
		return Upgrade{f.ID, f.Transport, f.Kind, f.Text, f.Mid, f.Line}
	case "connect":
		return Connect{f.ID}
	case "ping":
		return Ping{f.ID}
	case "bye":
		return Bye{f.Code, f.Reason}
	case "res":
		m := Res{ID: f.ID, Code: f.Code, Reason: f.Reason}
		for _, c := range f.Candidates {
			m.Candidates = append(m.Candidates, Candidate{[32]byte(c.Peer), Token(c.Token), c.Protocol})
		}
		return m
	case "turn":
		return Turn{f.Port, f.Username, f.Password, f.Seconds}
	case "unknown":
		return Unknown{f.Type, f.ID}
	}
	t.Fatalf("type %q in the vectors", v.Type)
	return nil
}

func loadVectors(t testing.TB) []vector {
	data, err := os.ReadFile("../spec/vectors/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestVectors(t *testing.T) {
	names := map[string]bool{}
	types := map[string]int{}
	for _, v := range loadVectors(t) {
		if v.Name == "" || names[v.Name] {
			t.Errorf("vector %q: no name of its own", v.Name)
		}
		names[v.Name] = true
		types[v.Type]++
		t.Run(v.Name, func(t *testing.T) {
			frame := []byte(unhex(t, v.Hex))
			switch {
			case v.Error != "" && v.Hex != "":
				err := decodeFrame(frame)
				var fe *FormatError
				if !errors.As(err, &fe) || fe.Field != v.Error {
					t.Errorf("error %v, want one of field %q", err, v.Error)
				}
			case v.Error != "":
				m := v.message(t)
				_, err := Append(nil, m)
				wantFormatError(t, err, m.Type(), v.Error, "")
			default:
				m := v.message(t)
				if err := decodeFrame(frame); err != nil {
					t.Fatal(err)
				}
				wantMessage(t, frame[headerSize:], m)
				got, err := Append(nil, m)
				if err != nil {
					t.Fatal(err)
				}
				if canonical := v.Canonical == nil || *v.Canonical; canonical != bytes.Equal(got, frame) {
					t.Errorf("Append = %x, frame %x, canonical %v", got, frame, canonical)
				}
			}
		})
	}
	for typ := TypeHello; typ <= TypeTurn; typ++ {
		if types[typ.String()] == 0 {
			t.Errorf("no vector of a %v", typ)
		}
	}
}

// decodeFrame reads one whole frame.
func decodeFrame(frame []byte) error {
	n, err := FrameLen([2]byte(frame))
	if err != nil {
		return err
	}
	if n != len(frame)-headerSize {
		return &FormatError{Field: "frame", Problem: "test data: wrong length"}
	}
	m, err := Decode(frame[headerSize:])
	if err == nil && reflect.ValueOf(m).Kind() != reflect.Struct {
		return &FormatError{Field: "message", Problem: "not a struct"}
	}
	return err
}
