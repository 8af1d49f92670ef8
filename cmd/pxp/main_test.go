package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// TestMain is also the program itself: in a test's child process named "pxp".
func TestMain(m *testing.M) {
	tests := leakChecked{m, func() error { return goleak.Find() }}
	testscript.Main(tests, map[string]func(){"pxp": main, "stubborn": stubborn})
}

// stubborn is a program that does not end after a signal.
func stubborn() {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	time.AfterFunc(time.Hour, func() {}) // else the runtime would see a deadlock
	select {}
}

// leakChecked is what goleak.VerifyTestMain does, for testscript.Main.
type leakChecked struct {
	*testing.M
	find func() error
}

func (l leakChecked) Run() int {
	code := l.M.Run()
	if code != 0 {
		return code
	}
	if err := l.find(); err != nil {
		fmt.Fprintf(os.Stderr, "after the tests: %v\n", err)
		return 1
	}
	return 0
}

// TestScripts runs the scripts of testdata/script, which read like a manual.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
	})
}
