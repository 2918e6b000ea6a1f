/**
 * Every bound of the product in one place (invariant I9). What exceeds one gets a clear error and is counted.
 * Units are in the names.
 */

/** Largest request body after decompression, bytes. OTLP recommends a cap of 64 MiB; override in `receivers.otlp`. */
export const BODY_BYTES_MAX = 20 * 1024 * 1024;
/** Times of the mirror are below this, ns since 1970: 2262-04-11. DuckDB's TIMESTAMP_NS takes it for infinity. */
export const UNIX_NANO_MAX = 0x7fff_ffff_ffff_ffffn;
/** Nesting of AnyValue (arrays and key-value lists) before a request is refused as too deep. */
export const ANY_VALUE_DEPTH_MAX = 64;
/** Nesting of JSON inside an attribute's text beyond which the normaliser takes it for plain text. */
export const GENAI_JSON_DEPTH_MAX = 100;
/** Segments of a flattened attribute name (`llm.input_messages.0.message.role`) that the normaliser follows. */
export const GENAI_PATH_SEGMENTS_MAX = 16;
/** Bytes in flight between receiving and the durable write before new requests are answered 429. */
export const INFLIGHT_BYTES_MAX = 64 * 1024 * 1024;
/** Seconds that a refused client is told to wait: JS exporters give up when it exceeds their 10 s budget. */
export const RETRY_AFTER_SECONDS = 2;
/** One journal segment, bytes. Small enough that closing and unlinking one does not stall a commit. */
export const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Default cap of the whole journal, bytes. */
export const JOURNAL_BYTES_MAX = 8 * 1024 * 1024 * 1024;
/** Largest group commit, bytes: bounds the latency that a large batch adds to the requests behind it. */
export const GROUP_COMMIT_BYTES_MAX = 16 * 1024 * 1024;
/**
 * Once so large a part of the journal's cap waits to be sealed, senders are slowed down to the pace of sealing: bursts and
 * a mirror that is slow for a while fit into it, and a load that is too much for good does not run into the cap.
 */
export const PACE_JOURNAL_PART = 1 / 4;
/** What the work of sealing one item adds to its bytes in that. */
export const PACE_ITEM_BYTES = 512;
/** Of the room that sealing made and nobody used, this much is kept for a burst, bytes. */
export const PACE_SLACK_BYTES = 64 * 1024 * 1024;
/** A request waits at most this long for sealing, ms; with nothing sealed for as long, none waits. */
export const PACE_WAIT_MS = 2_000;
/** A level-0 file is written at this many rows, bytes of OTLP, or milliseconds since its first record. */
export const SEAL_ROWS = 122_880;
export const SEAL_BYTES = 24 * 1024 * 1024;
export const SEAL_INTERVAL_MS = 1_000;
/** Sealing processes that had no work for this long are ended, ms: it gives memory back. They start with the next work. */
export const SEAL_IDLE_MS = 5_000;
/** Largest gRPC message after decompression, bytes (grpc-go's default is 4 MiB; agents' spans are bigger). */
export const GRPC_MESSAGE_BYTES_MAX = BODY_BYTES_MAX;
/** Time to receive request headers and a whole request, milliseconds (slow-loris guard). */
export const HEADERS_TIMEOUT_MS = 10_000;
export const REQUEST_TIMEOUT_MS = 30_000;
/** Connections one listener holds open. */
export const CONNECTIONS_MAX = 12_000;
/** An idle kept-alive connection is closed after this, milliseconds: longer than any SDK's export interval. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000;
/** Request headers, bytes; Node answers 431 above it. */
export const HEADER_BYTES_MAX = 16 * 1024;
/** A body still arriving after this many milliseconds counts only for the bytes that came, not for what it claims. */
export const STALLED_BODY_MS = 2_000;
/** After refusing a request early, the rest of its body is read and thrown away this long, so that the client sees the answer. */
export const REFUSED_BODY_LINGER_MS = 1_000;
/** Output chunk of one-shot decompression, bytes: most bodies fit in one. Node's default of 16 KiB is 2-3 times slower. */
export const DECOMPRESS_CHUNK_BYTES = 4 * 1024 * 1024;
/** Streams that one gRPC connection may have open. */
export const GRPC_STREAMS_MAX = 256;
/** Flow-control window of a gRPC stream, bytes: a batch of agents' spans fits without a round trip. */
export const GRPC_WINDOW_BYTES = 4 * 1024 * 1024;
/** Body of the control requests (`/api/v1/replay`, `/api/v1/flush`), bytes. */
export const CONTROL_BODY_BYTES_MAX = 16 * 1024;
/** A configuration file, bytes. */
export const CONFIG_BYTES_MAX = 1024 * 1024;
/** Alias expansions in a configuration file: stops "billion laughs". */
export const CONFIG_ALIASES_MAX = 100;
/** Largest stored payload after decompression that an exporter decodes, bytes (receivers already cap bodies). */
export const EXPORT_INFLATED_BYTES_MAX = 256 * 1024 * 1024;
/** Payload bytes that one destination reads ahead of its cursor into memory. */
export const EXPORT_PENDING_BYTES_MAX = 48 * 1024 * 1024;
/** Records that one destination reads ahead of its cursor. */
export const EXPORT_PENDING_RECORDS_MAX = 20_000;
/** Bytes that an exporter asks the journal for at once. */
export const EXPORT_READ_BYTES = 4 * 1024 * 1024;
/** Most of a peer's answer that is read, bytes (OTLP clients cap responses at 4 MiB). */
export const EXPORT_RESPONSE_BYTES_MAX = 4 * 1024 * 1024;
/** Characters of a peer's error text kept in logs, stats and dead letters. */
export const EXPORT_MESSAGE_CHARS_MAX = 500;
/** The durable cursor is stored at most this often, milliseconds. After a kill, that much is delivered again. */
export const CURSOR_SAVE_INTERVAL_MS = 200;
/** One dead-letter file, bytes, and all of them for one destination; beyond it the oldest file is removed. */
export const DEAD_LETTER_FILE_BYTES = 64 * 1024 * 1024;
export const DEAD_LETTER_BYTES_MAX = 1024 * 1024 * 1024;
/** A destination that was told 401/403 or 404 tries again after this, milliseconds. */
export const BLOCKED_RECHECK_MS = 60_000;
/** Failures of one batch, while others pass, before an answer like 500 counts as the batch's own fault. */
export const SUSPECT_ATTEMPTS = 3;
/** Spans that the native LangSmith mode holds while it waits for their roots; beyond it the oldest traces go out. */
export const TRACE_BUFFER_SPANS_MAX = 50_000;
/** Span ids remembered so that a late child can be placed below ancestors that went out before. */
export const TRACE_MEMORY_SPANS_MAX = 200_000;
/** How long a file that the mirror's catalog no longer lists stays on disk for readers of an older snapshot, ms. */
export const CATALOG_GRACE_MS = 10 * 60 * 1000;
/** The mirror's manifest is rewritten as one snapshot line after this many lines, or bytes since the last snapshot. */
export const CATALOG_LOG_LINES_MAX = 2_000;
export const CATALOG_LOG_BYTES_MAX = 4 * 1024 * 1024;
/** Shortest time between two writes of `mirror/open.sql`, ms. */
export const OPEN_SQL_INTERVAL_MS = 500;
/** The owner of a data directory touches its lock this often; a lock untouched for the second time is abandoned, ms. */
export const LOCK_HEARTBEAT_MS = 2_000;
export const LOCK_STALE_MS = 15_000;
/** Largest payload of one journal record, bytes: above every body limit that can be configured. */
export const JOURNAL_PAYLOAD_BYTES_MAX = 256 * 1024 * 1024;
/** Memory that one sealing worker's DuckDB may use, MB. It buffers one row group: 64 MB, or 122,880 lean rows. */
export const SEAL_MEMORY_MB = 768;
/** What a sealing process may use at most: V8's heap, all private memory (MiB), and bytes of one file. */
export const SEALER_HEAP_MB = 1_024;
export const SEALER_PROCESS_MB = 4_096;
export const SEALER_FILE_BYTES_MAX = 8 * 1024 ** 3;
/** Niceness of sealing processes above our own: an acknowledgement does not wait behind the writing of a file. */
export const SEALER_NICENESS = 5;
/** Bytes of requests that a sealing worker decodes into one batch (at least one request, whatever its size). */
export const SEAL_BATCH_BYTES = 768 * 1024;
/** Spans whose ids the sealer remembers to notice one that comes again; older ones are left to compaction. */
export const SEAL_RECENT_IDS = 1 << 20;
/** Text of a query, bytes. */
export const QUERY_BYTES_MAX = 1024 * 1024;
/** A query by default: wall time ms, engine memory MiB, threads, result rows to a file and into memory. */
export const QUERY_TIMEOUT_MS = 30_000;
export const QUERY_MEMORY_MB = 1_024;
export const QUERY_THREADS_MAX = 4;
export const QUERY_ROWS_MAX = 10_000_000;
export const QUERY_ROWS_IN_MEMORY_MAX = 100_000;
/** Largest result that is returned in memory, and largest file (result or spill) that a query may write, bytes. */
export const QUERY_INLINE_BYTES_MAX = 64 * 1024 * 1024;
export const QUERY_OUTPUT_BYTES_MAX = 8 * 1024 * 1024 * 1024;
/** SQL over HTTP: longest that a client may ask for, results on disk that are being read, and how long one is kept, ms. */
export const QUERY_TIMEOUT_MS_MAX = 10 * 60_000;
export const QUERY_ANSWERS_MAX = 4;
export const QUERY_ANSWER_MS_MAX = 10 * 60_000;
/** What a query process may allocate beyond the engine's memory: Node, stacks, single values, MiB. */
export const QUERY_PROCESS_OVERHEAD_MB = 512;
/** Niceness of query and compaction processes above our own: beside a busy collector they get about a tenth of a processor's time. */
export const CHILD_NICENESS = 10;
/** Query processes at once, and callers waiting for one. */
export const QUERY_CONCURRENCY_MAX = 4;
export const QUERY_WAITING_MAX = 64;
/** Spans of a trace up to which `traces` looks for each span's parent: LangSmith's own limit. Above it, that is null. */
export const TRACE_REPAIR_SPANS_MAX = 25_000;
/** Reports of a trace, alike in parent, model and tokens, up to which each is compared with each other one. */
export const TRACE_TWINS_MAX = 1_000;
/** The process that answers our own queries: engine memory MiB, queries at once, and idle time after which it ends, ms. */
export const READER_MEMORY_MB = 512;
export const READER_CONCURRENCY_MAX = 4;
export const READER_IDLE_MS = 60_000;
/** A reader's process that has not answered this long after a query's deadline is killed, ms. */
export const READER_GRACE_MS = 2_000;
/** First and longest wait before a failed sealing is tried again, ms; it doubles in between. */
export const SEAL_RETRY_MIN_MS = 200;
export const SEAL_RETRY_MAX_MS = 30_000;
/** Memory of the DuckDB that reads the mirror back as OTLP, MB. */
export const READ_MEMORY_MB = 1024;
/** Compaction: time between looks, and how many files of the open hour are left before they are compacted. */
export const COMPACTION_INTERVAL_MS = 60_000;
export const COMPACTION_OPEN_FILES_MAX = 60;
/** Input of one compaction job, bytes and rows; a file of at least the last size is not merged again, bytes. */
export const COMPACTION_JOB_BYTES_MAX = 256 * 1024 * 1024;
export const COMPACTION_JOB_ROWS_MAX = 2_000_000;
export const COMPACTION_FILE_BYTES = 8 * 1024 * 1024;
/** How long what a log record says of a span is kept ready for a span that has not come, hours. The record itself stays. */
export const LOG_CONTENT_WAIT_HOURS = 48;
/** Files of `spans` that one job of a rewrite (renormalise) takes, bytes: it is one commit, and ends within the job's time. */
export const REWRITE_JOB_BYTES_MAX = 32 * 1024 * 1024;
/** Rows with content that compaction sorts at once and writes to one file, bytes before compression. */
export const COMPACTION_RAW_BYTES_MAX = 192 * 1024 * 1024;
/** Small files of a day that isn't over yet before they are merged. */
export const COMPACTION_DAY_FILES_MAX = 8;
/** While a file is written, it is synced this often, ms: the journal shares the disk. */
export const COMPACTION_SYNC_INTERVAL_MS = 20;
/** Memory of the compaction engine, MiB, and wall time of one job, ms. */
export const COMPACTION_MEMORY_MB = 512;
export const COMPACTION_TIMEOUT_MS = 10 * 60 * 1000;
/** One Parquet row group that compaction writes: bytes before compression, and rows (docs/adr/005-compacted-spans.md). */
export const COMPACTION_ROW_GROUP_BYTES = 16 * 1024 * 1024;
export const COMPACTION_ROW_GROUP_ROWS_MAX = 122_880;
/** Rows of one Parquet row group of a file that is made anew from the journal: as the sealer's. */
export const REBUILT_ROW_GROUP_ROWS = 20_480;
/** Share of the mirror's files that retention removes by age in one run: a clock that jumps must not empty it. */
export const RETENTION_SHARE_MAX = 0.5;
/** OTLP/JSON bodies above this are read in a thread of their own, bytes: up to 30 ms of the event loop, mostly 1. */
export const JSON_INLINE_BYTES_MAX = 64 * 1024;
/** Protobuf bodies with more fields than this are scanned in a thread of their own: up to 10 ms of the event loop. */
export const SCAN_INLINE_STEPS_MAX = 250_000;
/** Bodies above this have a thread apart from the smaller ones, bytes: one may take it for seconds. */
export const BODY_THREAD_LARGE_BYTES = 1024 * 1024;
/** Heap of such a thread, MiB: a JSON body of BODY_BYTES_MAX needs about two thirds of it. */
export const BODY_THREAD_HEAP_MB = 512;
/** A body that takes such a thread longer is refused; a thread without work ends after the second. ms. */
export const BODY_THREAD_TIMEOUT_MS = 30_000;
export const BODY_THREAD_IDLE_MS = 10_000;
/** Bodies decompressed at once, and of these the ones above the size after decompression. Node has four such threads. */
export const DECOMPRESS_CONCURRENCY_MAX = 3;
export const DECOMPRESS_LARGE_CONCURRENCY_MAX = 1;
export const DECOMPRESS_LARGE_BYTES = 4 * 1024 * 1024;
/** The main thread held longer than this at a stretch counts as a stall, ms: the promise under overload. */
export const EVENT_LOOP_STALL_MS = 100;
/** Request buffers kept for the next requests, bytes: about what is in flight under full load. */
export const BODY_BUFFERS_IDLE_BYTES_MAX = 32 * 1024 * 1024;
/** A request buffer that was not needed for this long is given back to the system, ms (at most twice as long). */
export const BODY_BUFFERS_IDLE_MS = 10_000;
/** Connections that wait to be accepted, for one listener; the kernel may allow fewer (net.core.somaxconn). */
export const LISTEN_BACKLOG = 8_192;
/** Open files that connections leave for journal, mirror and queries; half of the limit where that is less. */
export const OPEN_FILES_RESERVED = 1_024;
/** Bytes of the mirror's files that each run of maintenance compares with their checksums: about 360 GB a day. */
export const SCRUB_BYTES_PER_RUN = 256 * 1024 * 1024;
/** Space that is kept for getting out of a full disk, bytes: a sealed file, the manifest and the cursors fit in it. */
export const DISK_RESERVE_BYTES = 64 * 1024 * 1024;
/** Changes of feedback and other records that are written at once. */
export const RECORD_CHANGES_MAX = 10_000;
/** Things of which a destination for records remembers the newest change that it sent. */
export const PUSHED_THINGS_MAX = 100_000;
/** Objects and lists within each other in the data of one record. */
export const RECORD_JSON_DEPTH_MAX = 100;
/** Feedback in one page of an answer. */
export const FEEDBACK_PAGE_MAX = 1_000;
/** Body of a request that needs no API key (feedback by a token), bytes. */
export const PUBLIC_BODY_BYTES_MAX = 64 * 1024;
/** Lifetime of a feedback token when none is said, ms, and the longest. */
export const FEEDBACK_TOKEN_LIFE_MS = 3 * 3600 * 1000;
export const FEEDBACK_TOKEN_LIFE_MS_MAX = 366 * 24 * 3600 * 1000;
/** Ratings of one key over which agreement of raters is computed. */
export const AGREEMENT_RATINGS_MAX = 1_000_000;
/** Comparisons of parts of a value with parts of a dataset's JSON Schema, for one example. */
export const SCHEMA_STEPS_MAX = 100_000;
/** Examples of one CSV that is uploaded: with their dataset they are one change set. */
export const EXAMPLES_UPLOAD_MAX = RECORD_CHANGES_MAX - 1;
/** Examples of a shared dataset in one answer. */
export const SHARED_EXAMPLES_MAX = 10_000;
/** Feedback waits this long for the configs to be read, ms; then it is stored without being checked. */
export const FEEDBACK_CONFIG_WAIT_MS = 2_000;
/** Feedback tokens that one request makes. */
export const FEEDBACK_TOKENS_MAX = 1_000;
/** Parts of one multipart body, and bytes of one part's headers. */
export const MULTIPART_PARTS_MAX = 20_000;
export const MULTIPART_HEADER_BYTES_MAX = 8 * 1024;
/** Nesting of the JSON of a LangSmith run: everything that reads it recurses into it. */
export const RUN_JSON_DEPTH_MAX = 1_000;
/** Runs in one request of LangSmith's API. */
export const LANGSMITH_RUNS_MAX = 10_000;
/** Runs, and bytes of what was sent of them, that are remembered so that an update meets what it updates. */
export const LANGSMITH_RUN_STATES_MAX = 50_000;
export const LANGSMITH_RUN_STATES_BYTES_MAX = 64 * 1024 * 1024;
/** Runs of which at least it is remembered that they came, so that new ones need not be looked for in the mirror; 4 MB. */
export const LANGSMITH_SEEN_RUNS_MAX = 524_288;
/** Import: tries of one request for at most this long, its longest wait between two tries, and for one answer, ms. */
export const IMPORT_RETRY_MS = 5 * 60_000;
export const IMPORT_BACKOFF_MAX_MS = 60_000;
export const IMPORT_REQUEST_TIMEOUT_MS = 90_000;
/** One answer of a server that is imported from, and one file that belongs to a run or an example, bytes. */
export const IMPORT_RESPONSE_BYTES_MAX = 256 * 1024 * 1024;
/** Runs that an import hands to the server at once. */
export const IMPORT_BATCH_RUNS_MAX = 500;
/** Ids in one request to the server that is imported from. */
export const IMPORT_IDS_MAX = 100;
/** Longest wait of an API's read until the mirror shows everything that was acknowledged before it, ms. */
export const API_READ_WAIT_MS = 10_000;
/** How often a running server looks whether the configuration's price file changed, ms. */
export const PRICE_FILE_POLL_MS = 2_000;
/** A bundle's manifest, bytes. */
export const BUNDLE_MANIFEST_BYTES_MAX = 64 * 1024 * 1024;
/** How many times larger than the file the contents of a bundle's Parquet file may be: telemetry that repeats itself reaches 200. */
export const BUNDLE_RATIO_MAX = 2_000;
/** Bytes of what is imported that are handed to the journal before the first of them is awaited, and in one request to a server. */
export const IMPORT_BATCH_BYTES = 4 * 1024 * 1024;
/** An import that is larger than that goes in pieces: bytes of one, of all of them (the largest journal record), uploads at once, and ms without a piece after which one is forgotten. */
export const IMPORT_PIECE_BYTES = 1024 * 1024;
export const IMPORT_UPLOAD_BYTES_MAX = JOURNAL_PAYLOAD_BYTES_MAX + 1024;
export const IMPORT_UPLOADS_MAX = 4;
export const IMPORT_UPLOAD_IDLE_MS = 10 * 60_000;
/** One line of a bundle's JSON Lines file, bytes: above what a body of the default size can become as text. */
export const BUNDLE_LINE_BYTES_MAX = 256 * 1024 * 1024;
/** Versions of a dataset in one answer. */
export const DATASET_LOG_PAGE_MAX = 100_000;
/** Import of a dataset, one change: bytes of a file and of all its examples, rows, and files of a folder. */
export const DATASET_FILE_BYTES_MAX = 128 * 1024 * 1024;
export const DATASET_CHANGE_BYTES_MAX = 64 * 1024 * 1024;
export const DATASET_ROWS_MAX = 1_000_000;
export const DATASET_FILES_MAX = 10_000;
/** Import of traces from files: characters of rows that are kept for their spans, and ids that are remembered. */
export const IMPORT_TRACE_ROWS_CHARS_MAX = 256 * 1024 * 1024;
export const IMPORT_IDS_REMEMBERED = 1_000_000;
/** Zip files (logs of Inspect): files in one, and bytes of one and of all that are read, unpacked. */
export const ZIP_ENTRIES_MAX = 65_534;
export const ZIP_ENTRY_BYTES_MAX = 256 * 1024 * 1024;
export const ZIP_TOTAL_BYTES_MAX = 16 * 1024 ** 3;
/** Rules: a trace is complete when its root has ended and nothing came for the first, or at all for the second, ms. */
export const RULE_DEBOUNCE_MS = 2_000;
export const RULE_IDLE_MS = 60_000;
/** Shortest time between two looks of the rules at what is new, and the wait after one that failed, ms. */
export const RULE_LOOK_INTERVAL_MS = 200;
export const RULE_RETRY_MS = 5_000;
/** After its SQL took too much a rule pauses this long, doubled each time up to the second, ms. */
export const RULE_LIMIT_PAUSE_MS = 60_000;
export const RULE_LIMIT_PAUSE_MS_MAX = 30 * 60_000;
/** Journal records that a rule reads ahead at once, and traces that it may wait for. */
export const RULE_SEQS_PER_LOOK = 2_000;
export const RULE_WAITING_TRACES_MAX = 50_000;
/** Traces that a rule asks about at once, runs of them in one answer, and runs that it acts on at once. */
export const RULE_TRACES_PER_QUERY = 500;
export const RULE_RUNS_PER_QUERY = 10_000;
export const RULE_RUNS_PER_CHANGE = 50;
/** Turns of a thread that a rule over threads sees, the last ones. */
export const THREAD_TURNS_MAX = 100;
/** Longest wait of one timer, ms: Node.js makes a longer one a wait of 1 ms. */
export const TIMER_WAIT_MS_MAX = 2 ** 31 - 1;
/** Runs of the history that a backfill finds at once, and how long one part of it goes on, ms. */
export const RULE_BACKFILL_RUNS_PER_QUERY = 5_000;
export const RULE_BACKFILL_STEP_MS = 2_000;
/** What destinations confirmed comes into the egress ledger this often, and when it is read, ms. */
export const EGRESS_NOTE_INTERVAL_MS = 60_000;
/** Lines of the egress ledger in one answer. */
export const EGRESS_PAGE_MAX = 10_000;
/** Webhooks of rules that are under way at once, that are known to wait (more are read later), and one answer's time, ms. */
export const WEBHOOKS_IN_FLIGHT_MAX = 4;
export const WEBHOOKS_WAITING_MAX = 10_000;
export const WEBHOOK_TIMEOUT_MS = 10_000;
/** After a webhook failed its rule waits this long, doubled with each further failure up to the second, ms. */
export const WEBHOOK_RETRY_MS = 1_000;
export const WEBHOOK_RETRY_MS_MAX = 5 * 60_000;
/** Longest `Retry-After` that is believed, and how long a webhook is tried, ms. */
export const WEBHOOK_RETRY_AFTER_MS_MAX = 60 * 60_000;
export const WEBHOOK_GIVE_UP_MS = 24 * 60 * 60_000;
/** One answer of an evaluator: how long it may take, ms, and bytes of it that are read. */
export const EVALUATOR_TIMEOUT_MS = 60_000;
export const EVALUATOR_ANSWER_BYTES_MAX = 1024 * 1024;
/** Guards of rules: examples of a dataset that a run is compared with, and datasets whose examples are kept in memory. */
export const GUARD_EXAMPLES_MAX = 100_000;
export const GUARD_DATASETS_MAX = 8;
/** Characters of an example's inputs that near duplicates are told by, and examples whose text is compared in full. */
export const GUARD_TEXT_CHARS_MAX = 20_000;
export const GUARD_CANDIDATES_MAX = 20;
/** Examples that a guard reads at once. */
export const GUARD_EXAMPLES_PER_QUERY = 200;
/** Rules, and evaluators, of one server. */
export const RULES_MAX = 500;
export const EVALUATORS_MAX = 500;
/** Entries of the rules' log in one page of an answer. */
export const RULE_LOG_PAGE_MAX = 1_000;
/** Alerts, pins and tags of runs in one answer. */
export const MARKS_PAGE_MAX = 1_000;
/** Items of annotation queues in one page of an answer, and runs that are added at once. */
export const QUEUE_PAGE_MAX = 1_000;
export const QUEUE_ADD_MAX = 10_000;
/** Items of one annotation queue, finished ones too. */
export const QUEUE_ITEMS_MAX = 50_000;
/** Runs in one export of an annotation queue: each has its content. */
export const QUEUE_EXPORT_MAX = 10_000;
/** Tool calls of a run that a reviewer is shown. */
export const REVIEW_TOOL_CALLS_MAX = 100;
/** Filters of one experiment in a question about results. */
export const EXPERIMENT_FILTERS_MAX = 100;
/** Examples of an experiment that are put in the order of their scores. */
export const EXPERIMENT_SORT_MAX = 50_000;
