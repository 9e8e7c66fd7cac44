/**
 * Every bound of the library, in one table: what a caller or a peer can make grow, how far, and why.
 */

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** Path segments in one path. Deeper data is a mistake, and every level costs each read a step. */
  pathDepthMax: 64,
  /** UTF-16 code units of a path in its canonical spelling, which is the key that travels. */
  pathLengthMax: 1024,
  /** Levels of nesting in one value; keeps every recursive walk far from the stack's end. */
  valueDepthMax: 64,
  /** Estimated bytes of one value as JSON. A larger one would hold up every process of the application. */
  valueBytesMax: 8 * MiB,
  /** How far past the end of an explicit array `set` may write, in elements; the gap is filled with null. */
  arrayGapMax: 1024,
  /** How far past its own elements an explicit array is shown as an array when it has gaps. */
  arrayGrowthMax: 64 * KiB,
  /** Spelled paths that a replica remembers beyond the number of its values, per generation; up to three are kept. */
  pathIndexMin: KiB,
  /** Spelled paths that a replica remembers with their node at most, per generation. */
  pathIndexMax: 128 * KiB,
  /** Writes after which a replica begins a new segment map. */
  segmentWritesMax: 250,
  /** Estimated bytes of a value above which it is removed as soon as it has lost, not with its segment map. */
  lostValueBytesMax: 4 * KiB,
  /** Entries that compaction moves in one commit, and two more for each write of it: one or two milliseconds. */
  compactionMovesMax: 25,
  /** Estimated bytes of values that compaction moves in one commit, give or take one value. */
  compactionBytesMax: MiB,
  /** Milliseconds that all work of the library may take of one turn of the event loop, give or take a commit. */
  turnMs: 4,
  /** Milliseconds that each kind of work may take of one turn, whatever others have taken: else one might keep another from going on. */
  turnShareMsMin: 1,
  /** Messages that are taken in at once, in one transaction as far as they are updates, where they mean little. */
  receiveCountMax: 16,
  /** Bytes of messages that are taken in at once, give or take one. */
  receiveBytesMax: 8 * KiB,
  /** Entries that come to count as lost with one commit, and one more for each write of it: a clear has very many at once. */
  lossesMax: 1000,
  /** Winners that are written to the document at once, and go out in one frame. */
  commitMax: 125,
  /** The same where the commit moves entries as well. */
  commitMovingMax: 25,
  /** Values that the manager evicts in one turn of the event loop. */
  evictionsMax: 1000,
  /** Nodes of the tree, tombstones among them, that it passes for that: a millisecond or two. */
  evictionVisitsMax: 5_000,
  /** Estimated bytes of values that are written to the document at once, and go out in one frame. */
  commitBytesMax: 4 * MiB,
  /** Yjs structs of a document's state that are encoded in one turn of the event loop: less than a millisecond. */
  stateStructsMax: 500,
  /** Yjs structs that are looked at in one turn to see whether they are removed: one or two milliseconds. */
  stateLooksMax: 10_000,
  /** Ranges that are removed meanwhile and taken down: two megabytes. Past that, all structs are looked at once more in one piece. */
  removalsNotedMax: 50_000,
  /** Bytes of a document's state that are encoded in one turn, give or take one value. */
  stateBytesMax: 256 * KiB,
  /** Yjs clients, beyond those connected, that a document may have seen before a new epoch begins. */
  pastClientsMax: 24,
  /** Segment maps that a document may have seen, and eight times those it has, before a new epoch begins: Yjs keeps the name of each. */
  pastSegmentsMax: 500,
  /** Milliseconds that a write of a peer may be ahead of the latest that this process's clock has shown. */
  clockAheadMsMax: 24 * 60 * 60 * 1000,
  /** Epochs that a peer may be ahead: each takes dozens of processes, and past the last number there is none. */
  epochsAheadMax: 1_000_000,
  /** Bytes of one frame on a link: a whole cache must fit into one. */
  frameBytesMax: 512 * MiB,
  /** Bytes of the first frame on a link, before the peer has said who it is. */
  helloBytesMax: 4 * KiB,
  /** Bytes that may wait on one link before nothing more is sent until it has drained. */
  linkBufferBytesMax: 8 * MiB,
  /** Bytes that may wait on one link before a state that goes out in slices pauses. */
  linkBusyBytes: MiB,
  /** Milliseconds after which such a state looks again whether there is room. */
  busyPollMs: 5,
  /** UTF-8 bytes of the name of a cache. */
  nameBytesMax: 512,
  /** Bytes of a socket's path, without the closing zero: 104 on macOS, 108 on Linux, cut silently past it. */
  socketPathBytesMax: 103,
  /** Milliseconds that a dialled peer has to say hello; a busy process may hold its event loop that long. */
  helloTimeoutMs: 10_000,
  /** Milliseconds between two looks into the socket directory, which mend what was missed. */
  scanIntervalMs: 2_000,
  /** Milliseconds after a link was lost until such a look: its peer may be there, and have been stopped for long. */
  relinkDelayMs: 100,
  /** Milliseconds between two comparisons of state vectors, which bring to light what was missed. */
  compareIntervalMs: 5_000,
  /** Milliseconds, at least, until what the owner does not write again is forgotten: three comparisons, by two of which it hears. */
  orphanMsMin: 15_000,
  /** Milliseconds without a message after which the peer that is asked first is no longer waited for; the others are asked then. */
  sourceWaitMs: 250,
  /** Milliseconds without a message after which a linked process that a sync waits for counts as unreachable. */
  answerWaitMs: 3_000,
  /** Milliseconds that a flush waits for all connected processes before it rejects. */
  flushWaitMs: 30_000,
  /** Expired values, and old tombstones, that a sweep deals with at once. */
  sweepMax: 100,
  /** Milliseconds that it then pauses, at first. */
  sweepPauseMs: 5,
  /** What part of `gcInterval` a sweep may take with such pauses: one in so many. */
  sweepGentleShare: 4,
  /** Milliseconds after which a process that could not join the mesh tries again. */
  joinRetryMs: 5_000,
  /** Nodes of the tree that are looked at, in a new epoch, between two looks at the clock: less than a millisecond. */
  turnoverNodesMax: 500,
  /** Milliseconds that a snapshot waits, after a new epoch began, for others to write again what is theirs. */
  wholeWaitMs: 2_000,
  /** Milliseconds that a flush waits for the same: the manager, who makes the snapshot, comes first. */
  flushWholeWaitMs: 4_000,
  /** Milliseconds that a process which is asked to save, and is not the manager, waits whether it comes to be. */
  officeWaitMs: 1000,
  /** Times that the manager declines a flush before the asking process saves by itself. */
  declinesMax: 3,
  /** Milliseconds between two looks whether they have. */
  wholePollMs: 20,
  /** Milliseconds that an exiting process waits for others that save as they exit; then it saves all the same. */
  exitLockWaitMs: 2_000,
  /** Milliseconds after which the lock of such a process is that of one that was killed. */
  exitLockAgeMs: 5_000,
  /** Bytes of a log from which on it is rewritten into a snapshot, if it is also larger than the snapshot. */
  logRewriteBytesMin: MiB,
  /** Bytes of a log when no snapshot can be written: past it the disk holds the cache of that moment. */
  logBytesMax: 512 * MiB,
  /** Bytes that may wait for a disk that takes none, before the log is given up for a new snapshot. */
  logBufferBytesMax: 64 * MiB,
  /** Milliseconds between two syncs of the log with `durability: 'everysec'`. */
  logSyncIntervalMs: 1_000,
  /** Milliseconds after which a snapshot is tried again when the disk has failed. */
  diskRetryMs: 2_000,
  /** Updates of the file that are taken in in one turn of the event loop. */
  loadUpdatesMax: 50,
  /** Snapshots tried in a row when somebody else writes the files at the same time. */
  saveAttemptsMax: 10,
  /** Milliseconds that are waited between two of them, at most; each time more, and at random. */
  contentionWaitMs: 50,
  /** Milliseconds after which an exiting process no longer waits for peers that do not answer. */
  exitWaitMs: 5_000,
  /** The longest delay that `setTimeout` takes, in milliseconds; a longer one would fire at once. */
  timerMsMax: 2 ** 31 - 1,
  /** Bytes of a snapshot's payload. `write-file-atomic` hands a file to one system call, which takes less than 2 GiB. */
  snapshotBytesMax: 1024 * MiB,
  /** UTF-8 bytes of the founder of an epoch, as a snapshot names it. */
  founderBytesMax: 64,
  /** Bytes of the encoded name of a cache as a file name; with every suffix it stays within the usual 255. */
  filenameBytesMax: 200,
  /** Damaged or unsupported files that are kept aside for one cache; the oldest are removed. */
  filesKeptAsideMax: 3,
  /** Milliseconds after which a temporary file is a left-over of a dead writer rather than that of a live one. */
  temporaryFileAgeMs: 60_000,
  /** Links of one process, whether they have said hello or not; further connections are refused. */
  linksMax: 1024,
  /** Endpoints dialled at the same time: a directory full of dead sockets must not use up the descriptors. */
  dialsMax: 64,
  /** Milliseconds that a look into the socket directory waits for peers that are there but do not answer. */
  scanPatienceMs: 2_000,
  /** Milliseconds before a busy or refusing endpoint is dialled again; doubles with each attempt. */
  redialDelayMs: 10,
  /** Attempts to dial one endpoint in one look into the directory: 1.3 s in all with the delay above. */
  dialAttemptsMax: 8,
  /** Milliseconds a socket file must have existed before it can be called dead: it is bound before it listens. */
  bindGraceMs: 500,
  /** Milliseconds without any progress after which a link with waiting bytes ends; they keep a process alive. */
  stallTimeoutMs: 10_000,
  /** Milliseconds that closing waits for the bytes which still wait on the links. */
  closeWaitMs: 1_000,
  /** Milliseconds that `manager-process` has to name a manager; it runs `ps`. */
  managerWaitMs: 2_000,
} as const;
