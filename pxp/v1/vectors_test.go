package v1

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
)

// vector is one entry of spec/vectors/v1/messages.json; PXP §15 describes the file.
type vector struct {
	Name      string
	Command   string
	Fields    *vectorFields
	Line      *string
	Hex       string   // the line when it is not UTF-8
	Canonical *bool    // false: the line can be read but is not written like this
	Recorded  []string // recordings of the original that have this line
	Error     string   // the field that is refused
}

type vectorFields struct {
	Nonce      string // JSON
	Key        *string
	Version    int
	Info       *ConnectInfo
	Networks   []string
	Network    string
	ID         string
	Transport  string
	Signal     Signal
	OK, List   bool
	Error      string
	Candidates []Candidate
	Name       string
}

func (v *vector) message(t *testing.T) Message {
	f := v.Fields
	var key any
	if err := json.Unmarshal([]byte(f.Nonce), &key); err != nil {
		t.Fatal(err)
	}
	nonce := Nonce{text: f.Nonce}
	if f.Key != nil {
		nonce.key = *f.Key
	} else if text, ok := key.(string); ok {
		nonce.key = text
	} else {
		nonce.key = f.Nonce // a number
	}
	switch v.Command {
	case "hello":
		return Hello{nonce, f.Version, f.Info, none(f.Networks)}
	case "getpeers":
		return GetPeers{nonce, f.Network}
	case "relay":
		return Relay{nonce, f.ID}
	case "incoming":
		return Incoming{nonce, f.ID}
	case "upgrade":
		return Upgrade{nonce, f.Transport, f.Signal}
	case "connect":
		return Connect{nonce, f.Network}
	case "res":
		return Res{nonce, f.List, f.OK, f.Error, none(f.Candidates)}
	case "unknown":
		return Unknown{f.Name, nonce}
	}
	t.Fatalf("command %q", v.Command)
	return nil
}

// none is what the decoder makes of an empty list.
func none[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// line returns nil where only writing is tested.
func (v *vector) line(t testing.TB) []byte {
	line, err := hex.DecodeString(v.Hex)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case v.Line != nil:
		return []byte(*v.Line)
	case v.Hex != "":
		return line
	}
	return nil
}

func loadVectors(t testing.TB) []vector {
	data, err := os.ReadFile("../../spec/vectors/v1/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			line := v.line(t)
			switch {
			case v.Error != "" && line != nil:
				m, err := Decode(line)
				wantField(t, err, v.Error)
				if m != nil {
					t.Errorf("%+v beside an error", m)
				}
				return
			case v.Error != "":
				dst, err := Append([]byte("x"), v.message(t))
				wantField(t, err, v.Error)
				if string(dst) != "x" {
					t.Errorf("Append returned %q beside an error", dst)
				}
				return
			}
			want := v.message(t)
			got, err := Decode(line)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("Decode(%q) = %+v, %v, want %+v", line, got, err, want)
			}
			if v.Canonical != nil && !*v.Canonical {
				if written, err := Append(nil, want); err == nil && string(written) == string(line)+"\n" {
					t.Error("is written like this, and should not be")
				}
				return
			}
			written, err := Append([]byte("x"), want)
			if err != nil || string(written) != "x"+string(line)+"\n" {
				t.Errorf("Append = %q, %v, want %q", written, err, line)
			}
		})
	}
}

func wantField(t *testing.T, err error, field string) {
	t.Helper()
	var fe *FormatError
	if !errors.As(err, &fe) || fe.Field != field || fe.Problem == "" {
		t.Errorf("error %v, want a FormatError of %q", err, field)
	}
}
