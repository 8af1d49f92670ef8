package interop

import (
	"encoding/hex"
	"io"
	"testing"
	"testing/iotest"
)

func TestPattern(t *testing.T) {
	const want = "21200400" + "01060804" + "c5a8cc9d" + "4f995512" // 270369, 67634689, 2647435461, 307599695
	for _, seed := range []uint32{0, 1} {
		got := make([]byte, len(want)/2)
		if _, err := io.ReadFull(iotest.OneByteReader(NewPattern(seed)), got); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("seed %d: %x, %v, want %s", seed, got, err, want)
		}
	}
	if PatternSum(1, 5) == PatternSum(2, 5) || PatternSum(1, 5) == PatternSum(1, 6) {
		t.Error("different patterns have the same sum")
	}
}
