// SPDX-License-Identifier: Apache-2.0

// Package ingest takes the stats of other processes and records them: payloads in
// batches, over HTTP or as frames on a stream.
//
// # What it is for
//
// The process that sees events, a vLLM server or a worker, is often not the one that
// is scraped or that pushes. It sends its payloads (package stats) to a [Receiver],
// which declares their engines as they speak, and records them with an
// otelkv.Recorder:
//
//	receiver, err := ingest.New(recorder)
//	http.Handle("POST /v1/batches", receiver)
//	go receiver.Serve(listener)
//
// Command otelkv has it as a program ("otelkv sidecar"), and the Python package
// otelkv-vllm is a sender for an unmodified vLLM.
//
// # Batches
//
// A batch is a MessagePack map. Other fields are passed over.
//
//	sender            string: a name that stays when the sender restarts, such as its host
//	run               string: another one each time the sender starts; optional
//	sequence          number: from 1, and greater for each batch of the run
//	records           array of [engine, model, time, payload]
//	dropped_payloads  number: what the sender dropped since its last batch that counted; optional
//	dropped_samples   number: likewise, of histogram samples; optional
//	token             string: on a stream, see [WithBearerToken]; optional
//
// A record's engine is its index, the model is the value of the label model_name,
// the time is in Unix seconds, and the payload has any form that stats.Decoder takes.
// A batch has at most 1 MiB and 1,024 records.
//
// Over HTTP it is the body of a POST request. On a stream it follows its length, four
// bytes with the greatest first, and the answer is a frame of the same kind with a map
// of "sequence", "status" and "message". A sender waits for the answer before its next
// batch.
//
// # Answers
//
// Statuses are HTTP's on a stream, too.
//
//	200       the batch has counted, now or when it came before; what was left out is named
//	400, 413  nothing counted: it is no batch, or too large
//	409       nothing counted: a later batch of the run has, or another of the number
//	401, 403  nothing counted: no token, or a user who may not deliver
//	408, 503  nothing counted: it came too slowly, there are too many senders or
//	          connections, or the receiver shuts down
//
// After 200, 400, 409 and 413 the batch is done with. After all others, and where no
// answer comes, send it again, under the same number. It counts once: the number of
// the last batch of each run is remembered, of at most 1,024 runs, until one was silent
// for an hour and another needs its place.
//
// # What counts
//
// What several senders say of one engine adds up, unless [WithSenderLabel] keeps them
// apart. So do the API servers of one vLLM, each of which sees some of the steps. Of a
// gauge the last writer counts, by the time of its record; a clock that goes ahead is
// taken for the receiver's.
//
// Bad entries of a payload, and records of engines that cannot be declared, are left
// out, counted, and named in the answer; everything else counts.
//
// # What it is not
//
// State lives in memory: without [WithStateFile], totals begin anew when the process
// does. There is no TLS: on HTTP that is the server's, and streams are meant for Unix
// sockets.
package ingest
