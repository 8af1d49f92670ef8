package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress shows how far a transfer is: as a bar on a terminal, else as a line
// or object for each tenth. Its methods are called from one goroutine.
type progress struct {
	out   *output
	of    int64
	start time.Time
	told  int // tenths

	container *mpb.Progress // nil: no bar
	bar       *mpb.Bar
	behind    io.Writer // out's writer without the bar
}

// newProgress begins to show a transfer of so many bytes. It must be ended.
func newProgress(out *output, of int64) *progress {
	p := &progress{out: out, of: of, start: time.Now()}
	out.mu.Lock()
	defer out.mu.Unlock()
	if f, ok := terminal(out.w); ok && !out.json && of > 0 {
		p.begin(f)
	}
	return p
}

// begin puts a bar below what is printed; out.mu is held.
func (p *progress) begin(f *os.File) {
	p.container = mpb.New(mpb.WithOutput(f), mpb.WithWidth(40))
	p.bar = p.container.AddBar(p.of,
		mpb.PrependDecorators(decor.Name("          "), decor.CountersKibiByte("% .1f of % .1f ")),
		mpb.AppendDecorators(decor.Percentage(decor.WC{W: 5}), decor.Name("  "), decor.AverageSpeed(decor.SizeB1024(0), "% .1f")),
	)
	p.behind = p.out.w
	p.out.w = p.container // what is told meanwhile goes above the bar
}

// at says that n bytes are there.
func (p *progress) at(n int64) {
	if p.bar != nil {
		p.bar.SetCurrent(n)
		return
	}
	if p.of == 0 {
		return
	}
	if tenths := int(n * 10 / p.of); tenths > p.told {
		p.told = tenths
		p.out.emit(&progressEvent{
			Bytes: n, Of: p.of, Percent: tenths * 10,
			speed: mebibytesPerSecond(n, time.Since(p.start)),
		})
	}
}

// end waits until the bar is drawn for the last time.
func (p *progress) end() {
	if p.bar == nil {
		return
	}
	p.out.mu.Lock()
	defer p.out.mu.Unlock()
	p.bar.Abort(false) // no effect when it is complete
	p.container.Wait()
	p.out.w = p.behind
}
