"""Every limit of the engine, with its unit and its reason, and the defaults of those that a manifest sets."""

MEGABYTE = 1024 * 1024

# Defaults of a manifest's keys, which docs/instructor-guide.md describes; a course may set others.
CALL_SECONDS = 10  # limits.call_seconds, wall clock of one call but for waits for a core: right ones take a second
RUN_SECONDS = 600  # limits.run_seconds, CPU of a run: right solutions take tens, and a busy host takes no points by it
WALL_SECONDS = 2400  # limits.wall_seconds, wall clock of a run, for what sleeps: a busy host needs ten times its CPU
CPU_SECONDS = 30  # limits.cpu_seconds of one check's worker: a few calls that each use their whole time
MEMORY_MB = 2048  # limits.memory_mb of a worker beyond its libraries: several workers fit into one machine
SUBMISSION_FILES = 500  # submission.max_files: a package has tens, a data set or an environment has thousands
SUBMISSION_MEGABYTES = 100  # submission.max_megabytes, unpacked: so that a small zip cannot fill the disk
LARGE_FILE_MEGABYTES = 10  # submit.large_megabytes, from where on preflight warns: it may be a data set
CONTAINER_SECONDS = 600  # container.seconds after which Gradescope ends a container
CONTAINER_RESERVE_SECONDS = 60  # container.reserve, of these: to end the last check and write the report
PDF_OUTPUT_LINES = 400  # pdf.output_lines of one output: a log of more says nothing on paper
PDF_OUTPUT_CHARACTERS = 60_000  # pdf.output_characters of one output: the same for long lines
PDF_TABLE_ROWS = 100  # pdf.table_rows: typst sets a table slowly
PDF_IMAGE_MEGAPIXELS = 40  # pdf.image_megapixels: an image takes four bytes a pixel once it is opened

# Running checks.
REFERENCE_SECONDS = 120.0  # wall clock of one call of the reference: a verdict must not hang on a busy machine
REFERENCE_CPU_SECONDS = 3600  # of the reference's worker, which serves a whole run
CPU_LOOK_SECONDS = 0.05  # wall clock between two looks at a run's CPU time: each is a round trip to every zygote
LEAST_WAIT_SECONDS = 0.05  # for a core, in which others had it, that puts a call's deadline off: less is no cause
STRIKES = 2  # timeouts of a module's import after which it is not tried again
SHORTEST_SECONDS = 0.25  # wall clock of a call of what has hung often, half as long each time: no loop may eat the run
SPARE_WORKERS = 2  # that come up while a check runs: more would take its cores
CHECKS_PER_WORKER = 100  # that a kept worker may serve, as far as its CPU time goes
COMPARISON_SECONDS = 20.0  # wall clock of comparing one check's gradients, which as a rule takes a quarter of a second
COMPARISON_SHARE = 1 / 8  # of the run's CPU, for all these comparisons: the other checks need the rest
COMPARISONS = 3  # calls of each kind whose gradients are compared: each takes several passes
RACE_PAIRS = 7  # of a check of speed: the median of so many is steady away from the limit
RACE_PAIRS_NEAR = 21  # the same near the limit
RACE_PAIRS_CLEAR = 3  # after which a side has passed that has been within half of the limit in each
RACE_PAIRS_HOPELESS = 2  # after which a side that is far over the limit has failed: a naive loop takes long
RECORDING_SECONDS = 3600  # wall clock of recording all answers: each check runs four times
CONTROL_SECONDS = 20.0  # wall clock of control runs with the reference beyond the run's time: blame can be found late

# One frame between parent and worker.
FRAME_BYTES = 64 * MEGABYTE  # of its arrays, each element counted as the eight bytes of a float64
FRAME_HEADER_BYTES = 64 * 1024  # of its JSON header: parsed before anything else is known of it
FRAME_ARRAYS = 64  # of one frame: a call has tens of arguments at most
ARRAY_AXES = 8  # of one array: images have four
FRAME_SECONDS = 10.0  # wall clock for the rest of one that has begun to come, whoever is late to send or read it
VALUE_LEVELS = 12  # of tuples, lists and dicts in each other: decoding is recursive

# A worker.
WORKER_START_SECONDS = 120.0  # wall clock until a zygote answers: importing torch on a busy machine
WORKER_END_SECONDS = 0.5  # wall clock until a process has ended whose connection is gone
WORKER_OUTPUT_BYTES = 64 * 1024  # of what it prints for one check: the rest is dropped
WORKER_KEPT_BYTES = 32 * MEGABYTE  # of freed memory that it keeps for arrays: each page of new memory is a fault
WORKER_FILE_MB = 1  # of a file: no worker needs to write one
WORKER_THREADS = 64  # of all processes of its user id
WORKER_UIDS = 64  # that one zygote's workers take in turn: few live at once, and 67 zygotes share a host
WORKER_DESCRIPTORS = 64  # of open files
WORKER_MEMORY_SHARE = 3  # it gets a third of a container: grader, zygotes and the reference's worker need the rest
COMPILE_SECONDS = 20  # wall clock and CPU to compile a package before its checks: without, each worker compiles
COMPILED_MODULES = 60  # of a package: what is left out is compiled in each worker
COMPILED_BYTES = MEGABYTE  # of a module
LANDLOCK_RULESETS = 16  # kept by a zygote: there is one for each set of readable places
SECRET_FILES = 100  # of one secret place that a worker tries to open, in each run

# A worker's reports.
MESSAGE_CHARACTERS = 400  # of an exception's text, or of a name in it
LATE_SHARE = 0.8  # of a call's wall clock, after which a worker says which line it has reached
TRACEBACK_FRAMES = 6  # at each end of a traceback: the outer ones say who called, the inner ones what raised
SHOWN_ARRAYS = 4  # of a line that raised, with their shapes: a sentence stays readable
INPUT_CHARACTERS = 20  # of a text among the inputs of a call that a sentence shows: longer ones are no settings
COPY_CHARACTERS = 40  # that a copy's name may add to a file's: comparing names takes the square of their length
NEAR_NAMES = 2_000  # compared with one that is not there: each takes some microseconds
CHANGE_OBJECTS = 10_000  # searched for arrays that a call changed in place: each is fingerprinted twice
CHANGE_LEVELS = 12  # of objects in objects, for the same search
CHANGES = 16  # reported of one call: a message names two or three
CHANGE_KEY_CHARACTERS = 80  # of a name on the way to a changed array

# Reading a package.
SOURCE_BYTES = 256 * 1024  # of a module that is parsed: its syntax tree takes up to 700 times that
LOADED_BYTES = 1024 * 1024  # of modules whose imports are read before it ends
DOTTED_PARTS = 100  # of one name in it, `a.b.c`: to import it takes memory by the square of them
FOLDER_LEVELS = 10  # of folders in folders: a package needs two or three
FOLDERS = 2_000  # of a package or a submission: each takes a look at the disk
NAME_CHARACTERS = 120  # of a name or path from a submission that a sentence quotes: sentences stay readable

# Unpacking a submission.
ENTRIES = 50_000  # of a zip or a folder: each takes memory and time before anything is judged
ZIP_DIRECTORY_BYTES = 16 * MEGABYTE  # of a zip's directory, which is read whole: 50,000 entries of 300 bytes
OTHER_FILE_BYTES = MEGABYTE  # of a file in the package that is neither a module nor required
PATH_PART_BYTES = 255  # of a file's or a folder's name: file systems take no more

# Hints.
HINT_FAILURES = 3  # of a function, from which on a hint is shown where the manifest has it wait

# Known mistakes, each judged in a fork of the instructor's own process: it takes a tenth of a second as a rule.
FORK_CPU_SECONDS = 20  # of one that loops
FORK_SECONDS = 120  # wall clock of one that waits for something

# Notebooks.
CHECK_CELL_SECONDS = 120.0  # wall clock of the checks in one cell: a student waits for them
CHECK_PROCESS_END_SECONDS = 2.0  # wall clock until the process of these cells has ended: it has little to close
CHECK_PROCESS_SECONDS = 900.0  # without a check cell, after which the process ends: it holds libraries

# The PDF.
PANDOC_SECONDS = 30.0  # wall clock of one process for the formulas of all notebooks, which take one as a rule
PANDOC_LEAST_SECONDS = 5.0  # of a process that looks for the formula that hangs
TYPST_ATTEMPTS = 400  # to set a document, since each finds one block that cannot be set
HTML_CHARACTERS = 300_000  # of an output's HTML that is set as such: more is shown as text

# Writing reports.
REPORT_TEXT_CHARACTERS = 20_000  # of one text in Gradescope's report: a page shows no more
SENTENCE_CHARACTERS = 2_000  # of one check's sentence, so that none hides the others
REPORT_INTERVAL_SECONDS = 1.0  # between two versions of a report on disk: to render one takes a hundredth of it
REPORT_BYTES = 64 * MEGABYTE  # read of a file that is in the way, to tell whether it is a report

# Tables of a class.
GRADEBOOK_BYTES = 64 * MEGABYTE  # of a gradebook to fill, read whole: 10,000 students take a few megabytes
GRADEBOOK_NAMES = 8  # of students or columns in one sentence; more are counted
PAGE_LINES = 8  # of messages and of slow checks: the rest is in the table of all checks
PAGE_NAMES = 40  # in one line: who is named has to be seen to
PAGE_MISCONCEPTIONS = 40  # the commonest ones: a catalogue has hundreds
PAGE_TEXT_CHARACTERS = 600  # of one text on the page: a submission may have written it
SIMILAR_CUT = 0.6  # of what is rare in a function, from where on it is alike: independent ones rarely share half
SIMILAR_SHARE = 0.2  # of a class, from where on what so many have is nobody's own
SIMILAR_TOKENS = 80  # fingerprints that only two have, in all functions that are alike: independent pairs share 43
SIMILAR_PAIRS = 10  # of a cluster with their texts; and so many of a class, or functions of one, may share a print
SIMILAR_TEXTS = 8  # functions of a pair with their texts
SIMILAR_CHARACTERS = 256 * 1024  # of a submission's functions: right ones take 60,000, and each second compares 50,000
BOOTSTRAP_SAMPLES = 1_000  # of students, for the interval of alpha: its ends are steady to two digits

# Grading a class.
JOB_TRIES = 2  # times that a submission may end the process that grades it: the second time nothing else runs
MEMO_BYTES = 128 * MEGABYTE  # of the reference's answers that a slot remembers: this course's take a few megabytes
JOB_MEMORY_MB = 800  # of a slot: the grader, the zygotes with torch loaded, the workers at work
JOB_RESERVE_SECONDS = 120.0  # wall clock beyond the time of a run, after which its process has hung and ends itself
CLUSTER_SECONDS = 60.0  # wall clock until a scheduler and one of its workers answer
EXPORT_METADATA_BYTES = 64 * MEGABYTE  # of a Gradescope export, read whole: a submission takes some kilobytes
