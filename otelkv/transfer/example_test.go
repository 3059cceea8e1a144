package transfer_test

import (
	"fmt"
	"log"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/transfer"
)

// A copy that runs to its end in one call. The timer starts when everything is
// prepared.
func ExampleRecorder_Start() {
	now := time.Now()
	recorder, err := transfer.NewRecorder(transfer.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	src, dst := make([]byte, 1<<20), make([]byte, 1<<20)

	timer := recorder.Start(transfer.Store)
	n := copy(dst, src)
	now = now.Add(250 * time.Microsecond)
	timer.End(int64(n))

	fmt.Println(recorder.Take().Reduce())
	fmt.Println(recorder.Take() == nil)
	// Output:
	// vllm:kv_offload_store_bytes=1048576, vllm:kv_offload_store_time=0.00025, vllm:kv_offload_store_size_count=1, vllm:kv_offload_store_size_sum=1048576
	// true
}

// streamEvents stands for a pair of timing events of a GPU stream.
type streamEvents struct{ start, end time.Time }

func (e *streamEvents) Done() bool             { return !e.end.IsZero() }
func (e *streamEvents) Wait()                  {}
func (e *streamEvents) Elapsed() time.Duration { return e.end.Sub(e.start) }

// A copy that is launched on a stream and completes later.
func ExampleQueue() {
	recorder, err := transfer.NewRecorder()
	if err != nil {
		log.Fatal(err)
	}
	queue := transfer.NewQueue(recorder, func() *streamEvents { return &streamEvents{} })

	lease := queue.Acquire()
	stream := lease.Event // what the GPU will write to
	stream.start, stream.end = time.Now(), time.Time{}
	index := queue.Submit(lease, transfer.Load, 1<<20)
	fmt.Println("submitted", index, "completed", queue.Poll())

	stream.end = stream.start.Add(2 * time.Millisecond)
	fmt.Println("submitted", index, "completed", queue.Poll())
	fmt.Println(recorder.Take().Reduce())
	// Output:
	// submitted 1 completed 0
	// submitted 1 completed 1
	// vllm:kv_offload_load_bytes=1048576, vllm:kv_offload_load_time=0.002, vllm:kv_offload_load_size_count=1, vllm:kv_offload_load_size_sum=1048576
}
