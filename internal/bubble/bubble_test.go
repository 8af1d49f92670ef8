package bubble_test

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/peer-exchange/exchange/internal/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTimeIsVirtual(t *testing.T) {
	start := time.Now()
	bubble.Run(t, func(*testing.T) { time.Sleep(1000 * time.Hour) })
	if took := time.Since(start); took > time.Hour {
		t.Fatalf("took %v", took)
	}
}

// Without the two collections the second bubble kills the process.
func TestPoolsDoNotReachTheNextBubble(t *testing.T) {
	var pool sync.Pool // of *time.Timer, as yamux has one
	for range 5 {
		bubble.Run(t, func(t *testing.T) {
			timer, ok := pool.Get().(*time.Timer)
			if ok {
				t.Error("a timer of another bubble")
			} else {
				timer = time.NewTimer(time.Second)
			}
			<-timer.C
			pool.Put(timer)
		})
	}
}

func TestParallelIsRefused(t *testing.T) {
	t.Run("parallel", func(t *testing.T) {
		t.Parallel()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		bubble.Run(t, func(*testing.T) {})
	})
}
