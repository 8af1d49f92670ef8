//go:build !js

package bootstrap

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestFromJavaScript runs this package's tests for GOOS=js in Node.js 20 or
// later, which has the WebSocket of browsers, against a native node.
func TestFromJavaScript(t *testing.T) {
	if os.Getenv("EXCHANGE_TEST_NODE") == "" {
		t.Skip("slow: set EXCHANGE_TEST_NODE=1 to run it; needs Node.js 20 or later")
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	ex := newNode(t, testNetwork)
	l := mustListen(t, ex, "ws://127.0.0.1:0/pxp")
	go func() { // ended by the exchange
		for {
			c, err := ex.Listener().Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	address, _ := silent(t)
	runner := filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec_node.js")
	test := exec.Command("go", "test", "-count", "1", "-timeout", "60s", "-v", "-exec", "node --experimental-websocket --stack-size=8192 "+runner, ".")
	test.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", echoURL+"="+l.PinnedURL(), silentURL+"=ws://"+address+"/")
	out, err := test.CombinedOutput()
	if err != nil || strings.Count(string(out), "JavaScript (") != 2 || strings.Contains(string(out), "--- SKIP") {
		t.Errorf("%v\n%s", err, out)
	}
}
