package exchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/peer-exchange/exchange/pxp"
	v1 "github.com/peer-exchange/exchange/pxp/v1"
)

// FuzzWire1: whatever a peer of version 1 says after we have asked it something, its requests get one answer each, with its
// nonce; its answers are to requests of ours, one each; what is kept of it stays within its bounds; errors are those that end a
// session with a reason.
func FuzzWire1(f *testing.F) {
	f.Add([]byte(`["hello","0",[1,{"pxp":true,"relay":true,"webrtc":true},["test"]]]` + "\n" + `["getpeers","1","test"]` + "\n" + `["connect","2","elsewhere"]` + "\n"))
	f.Add([]byte(`["res","0",[null,[{"id":"deadbeef","network":"test","connectInfo":{"pxp":true,"relay":true,"webrtc":true}}]]]` + "\n" + `["res","0",null]` + "\n"))
	f.Add([]byte(`["res","1",null]` + "\n" + `["relay","1",["00000000"]]` + "\n" + `["incoming","1",["cafecafe"]]` + "\n" + `["upgrade","1",{}]` + "\n"))
	files, err := filepath.Glob("spec/vectors/v1/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	var all []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			f.Fatal(err)
		}
		before := len(all)
		for _, line := range linesOf(v) {
			line = strings.ReplaceAll(line, "somenet", "test")
			all = append(all, line)
			f.Add([]byte(line + "\n"))
		}
		f.Add([]byte(strings.Join(all[before:], "\n") + "\n"))
	}
	if len(all) < 20 {
		f.Fatalf("only %d lines in the vectors", len(all))
	}
	f.Fuzz(fuzzWire1)
}

// linesOf are the lines of version 1 somewhere in a JSON document.
func linesOf(v any) (list []string) {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, `["`) {
			list = append(list, strings.TrimSpace(v))
		}
	case []any:
		for _, x := range v {
			list = append(list, linesOf(x)...)
		}
	case map[string]any:
		for _, x := range v {
			list = append(list, linesOf(x)...)
		}
	}
	return list
}

func fuzzWire1(t *testing.T, in []byte) {
	w := newWire1(bytes.NewReader(in), "test", &v1.ConnectInfo{PXP: true, Node: "us"})
	asked := map[uint32]bool{1: true, 2: true} // nonces 0 and 1
	for _, m := range []pxp.Message{pxp.GetPeers{ID: 1, Max: 8}, pxp.Relay{ID: 2, Token: pxp.Token{'a'}}} {
		if _, err := w.append(nil, m); err != nil {
			t.Fatal(err)
		}
	}
	for {
		m, err := w.next()
		if len(w.theirs) > maxWire1Asked || len(w.named) > maxWire1Named || len(w.ready) > len(in) {
			t.Fatalf("%d requests, %d candidates, %d messages are kept", len(w.theirs), len(w.named), len(w.ready))
		}
		if err != nil {
			var format *v1.FormatError
			var limit *LimitError
			if !errors.As(err, &format) && !errors.As(err, &limit) && !errors.Is(err, ErrWrongNetwork) && !errors.Is(err, ErrSelf) &&
				!errors.Is(err, ErrNotPXP) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("an error without a name: %v", err)
			}
			return
		}
		var id uint32
		switch m := m.(type) {
		case pxp.Res:
			if !asked[m.ID] || len(m.Candidates) > maxKnown {
				t.Fatalf("%+v is no answer to a request of ours", m)
			}
			delete(asked, m.ID)
			continue
		case pxp.GetPeers:
			id = m.ID
		case pxp.Relay:
			id = m.ID
		case pxp.Incoming:
			id = m.ID
		case pxp.Connect:
			id = m.ID
		case pxp.Unknown:
			id = m.ID
		}
		if id == 0 || in[0]&1 == 0 { // half of the inputs leave all requests open
			continue
		}
		nonce := w.theirs[id].nonce
		line, err := w.append(nil, pxp.Res{ID: id})
		if err != nil {
			t.Fatalf("answering %+v: %v", m, err)
		}
		back, err := v1.Decode(bytes.TrimSuffix(line, []byte("\n")))
		if res, ok := back.(v1.Res); err != nil || !ok || res.Nonce.String() != nonce.String() {
			t.Fatalf("%+v is answered by %q (%v), nonce %v", m, line, err, nonce)
		}
		if line, err := w.append(nil, pxp.Res{ID: id}); err == nil {
			t.Fatalf("%+v is answered again: %q", m, line)
		}
	}
}
