// SPDX-License-Identifier: Apache-2.0

// Package ingest receives the stats of other processes and records them: payloads in
// batches, over HTTP or as frames on a stream.
//
// # What it is for
//
// The process that sees events, a vLLM server or a worker, is often not the one that
// exports metrics. It sends its payloads (package stats) to a [Receiver], which declares
// their engines and records them with an otelkv.Recorder:
//
//	receiver, err := ingest.New(recorder)
//	http.Handle("POST /v1/batches", receiver)
//	go receiver.Serve(listener)
//
// The command "otelkv sidecar" is a receiver as a program, and the Python package
// otelkv-vllm is a sender for an unmodified vLLM.
//
// # Batches
//
// A batch is a MessagePack map. The receiver ignores other fields.
//
//	sender            string: a name that the sender keeps across restarts, such as its host
//	run               string: a name that differs each time the sender starts; optional
//	sequence          number: from 1, and greater for each batch of the run
//	records           array of [engine, model, time, payload]
//	dropped_payloads  number: payloads that the sender dropped since its last batch; optional
//	dropped_samples   number: likewise, histogram samples; optional
//	token             string: on a stream, see [WithBearerToken]; optional
//
// In a record, engine is the engine's index, model the value of the label model_name,
// time is in Unix seconds, and payload has any form that stats.Decoder accepts. A batch
// has at most 1 MiB and 1,024 records.
//
// Over HTTP, a batch is the body of a POST request. On a stream, a frame is the batch
// after its length, four bytes in big-endian order. The answer is such a frame too, with a
// map of "sequence", "status" and "message". A sender waits for the answer before it
// sends the next batch.
//
// # Answers
//
// The statuses are those of HTTP, on a stream too.
//
//	200       the batch counts, now or since it came before; the message names what was left out
//	400, 413  nothing counts: the batch is malformed or too large
//	409       nothing counts: a later batch of the run came before, or another with this number
//	401, 403  nothing counts: there is no token, or the user may not deliver
//	408, 503  nothing counts: the batch came too slowly, there are too many senders or
//	          connections, or the receiver shuts down
//
// After 200, 400, 409 and 413, do not send the batch again. After any other status, and
// without an answer, send it again with the same number. It counts once, because the
// receiver remembers the number of the last batch of each run. It remembers 1,024 runs,
// and forgets one that was silent for an hour when another needs its place.
//
// # What counts
//
// What several senders report of one engine adds up, unless [WithSenderLabel] keeps them
// apart. This is right for the API servers of one vLLM, each of which sees some of the
// steps. For a gauge, the record with the latest time counts. A time in the future is
// replaced by the receiver's time.
//
// Malformed entries of a payload, and records of engines that cannot be declared, are left
// out, counted, and named in the answer. Everything else counts.
//
// # What it is not
//
// State lives in memory: without [WithStateFile], totals begin at zero when the process
// restarts. There is no TLS: for HTTP, the server of the program provides it, and streams
// are meant for Unix sockets.
package ingest
